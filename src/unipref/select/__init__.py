"""Ways to choose the preferences to train on, one file each."""
