"""What models and operations may ask for: stock Feast definitions over the tables of features.*.

Read by `feast apply` through `definitions.py` alone; nobody imports this package. Ask the Feast
registry by name instead (`lakehouse.feast_edge.feature_store`).
"""
