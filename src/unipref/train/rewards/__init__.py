"""Rewards of reinforcement learning: settings, scoring, and their validation."""
