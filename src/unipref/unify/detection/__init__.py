"""How a format recognises rows of its shape, and `unipref inspect`."""
