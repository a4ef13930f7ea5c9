"""The command line, the table graph and its runner."""
