"""Pure functions between tables: bronze -> silver -> features. Nothing reads, writes or asks the time."""
