"""How a raw row is read: fields and turns."""
