"""Base classes of formats: shared settings and shared reading."""
