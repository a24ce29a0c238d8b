"""Publishes a run on the Hugging Face hub: its preferences as a dataset, its models and adapters, each with a card."""

from unipref.pipeline.push.content import Options
from unipref.pipeline.push.push import Pushed, What, push_run

__all__ = ["Options", "Pushed", "What", "push_run"]
