"""What a finished run shows: audit, verdicts, explanations."""
