"""Embeds prompts."""
