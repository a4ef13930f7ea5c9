"""Contracts of the features layer, a module a table."""
