"""The targets: one file per tool for which preferences can be written."""
