"""The script that writes the files of the detection table, and their right readings."""
