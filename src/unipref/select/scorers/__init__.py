"""Quality scorers: how good a preference is to learn from. One file per scorer; strategies combine them."""
