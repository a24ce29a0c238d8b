"""Collects feedback on a policy's own answers: prompts, several answers to each, and judges that compare them."""

from unipref.collect.run import collect

__all__ = ["collect"]
