"""The edge: settings, sessions, tables on disk, and the operational ledgers in SQL."""
