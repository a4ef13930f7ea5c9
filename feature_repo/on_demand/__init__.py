"""On-demand views, a module each: pure functions of the request and of stored features.

Each body stands by itself, imports included: Feast stores its source text and runs that, with
nothing but pandas and numpy around it. Mode is pandas: in Python mode, Feast 0.67 drops the answer
of an online read with full feature names. Nullable types keep an integer an integer.
"""
