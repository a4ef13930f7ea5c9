"""Partial sums that merge: what each tick changed of what is known, by event tile."""
