"""What an EMR Serverless job runs: one `roadside` command, whose exit code is the job's.

Copy this file to a bucket and name the copy in ROADSIDE_EMR_ENTRY_POINT (`airflow/dags/road_commands.py`). A
file that called `main` and did not exit with what it returns would make a success of each failure.
"""

import sys

from roadside.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
