"""Loading models and asking them."""
