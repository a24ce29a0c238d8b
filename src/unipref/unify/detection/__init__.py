"""How formats recognise their rows, for `unipref inspect`."""
