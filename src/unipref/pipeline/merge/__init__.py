"""Merges models trained on one objective each, by weight."""
