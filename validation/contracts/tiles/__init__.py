"""Contracts of the tiles layer, a module a family."""
