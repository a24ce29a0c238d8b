"""The mathematics of aggregates: one likelihood over all kinds of judgements, and how it is fitted (`docs/judges.md`)."""
