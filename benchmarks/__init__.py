"""Measures: each one command that makes its data, runs both sides, checks that they agree, prints JSON."""
