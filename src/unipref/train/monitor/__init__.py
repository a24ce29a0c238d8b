"""What unipref monitors while a step trains."""
