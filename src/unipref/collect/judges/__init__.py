"""Judges: one file per way to compare a policy's own answers."""
