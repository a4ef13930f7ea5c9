"""A city to try the platform on: landing objects as real producers would write them, dirt included.

Two kinds of producers: the simulated city of `simulation.city` (every phenomenon drawn, its truth
kept aside) and the adapters of `simulation.recorded` (public recordings cast into the same
objects). Both write through `simulation.landing`, and nothing downstream can tell them apart.
"""
