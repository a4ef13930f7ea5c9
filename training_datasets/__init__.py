"""One spec per model: spines, labels, point-in-time datasets and their manifests.

`training_datasets.load("eta_v1")` reads a built one back. Importing this starts neither Spark nor Feast.
"""

from training_datasets.loading import Dataset, load

__all__ = ["Dataset", "load"]
