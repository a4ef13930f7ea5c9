"""Measures: each one command that sets up its data, runs both sides, checks that they agree, and prints JSON."""
