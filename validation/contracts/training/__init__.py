"""Contracts of the training layer, a module a table."""
