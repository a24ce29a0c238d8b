"""Loads models and runs them: inference, caching, merging."""
