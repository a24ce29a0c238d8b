"""The mathematics of aggregates: one likelihood over all kinds of judgements, and its fit (`docs/judges.md`)."""
