"""One file per shape of feedback; the file's name is the name in the study."""
