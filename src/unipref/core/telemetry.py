"""Turns off the reports that libraries send to the Hugging Face hub."""

import os

VARIABLE = "HF_HUB_DISABLE_TELEMETRY"
"""What huggingface_hub reads when it is imported."""


def turn_off_telemetry() -> None:
    """Turns the reports off for this process and those it starts, unless the user has decided about them."""
    os.environ.setdefault(VARIABLE, "1")
