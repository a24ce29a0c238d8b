"""Prompts to vectors."""
