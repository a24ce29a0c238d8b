"""Running a study: stages, cache keys, scheduling."""
