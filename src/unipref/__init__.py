"""unipref: many kinds of feedback, one preference."""

__version__ = "0.1.0"
