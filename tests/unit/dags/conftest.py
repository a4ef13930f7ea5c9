"""The modules that the DAGs share, as Airflow finds them: by name, from the folder of the DAGs."""

import sys

from support.airflow_home import DAGS

sys.path.append(str(DAGS))
