"""What is watched while a step trains."""
