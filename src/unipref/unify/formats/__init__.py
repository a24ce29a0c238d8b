"""One file per format of feedback. The file's name is the format's name in the study file."""
