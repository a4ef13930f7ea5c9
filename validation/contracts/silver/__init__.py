"""Contracts of the silver layer, a module a table."""
