"""Power cuts at every instant: a model file system, the cutter, and the store's jobs under it."""
