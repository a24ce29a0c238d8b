"""The rows a trainer sees, and their order."""
