"""Training steps, one thin file per TRL trainer."""
