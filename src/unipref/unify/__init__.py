"""Shapes of feedback, one file each: a raw row -> Feedback."""
