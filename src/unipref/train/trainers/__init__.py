"""One thin file per TRL trainer."""
