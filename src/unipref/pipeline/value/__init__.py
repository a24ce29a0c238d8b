"""Values the sources of a finished run: trains on less of each, merges models, and writes what that shows."""
