"""Contracts, data dictionary, clocks and checks: the lowest layer, imported by every other."""
