"""One spec per model: spines, labels, point-in-time datasets and their manifests."""
