"""Contracts of the bronze layer, a module a table."""
