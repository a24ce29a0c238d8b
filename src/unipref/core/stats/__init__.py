"""Statistics: bootstrap intervals, Wilson intervals, percentiles, chance levels."""
