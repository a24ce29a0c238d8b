"""The study file: schema, sources, overrides, variants."""
