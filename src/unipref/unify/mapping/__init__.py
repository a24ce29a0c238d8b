"""How formats read the fields and turns of a raw row."""
