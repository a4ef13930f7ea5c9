"""Feast's stores, ours: the same interfaces and wire formats, right and faster. Found by dotted path."""
