"""From a group of answers to preferences: order, pairs, records."""
