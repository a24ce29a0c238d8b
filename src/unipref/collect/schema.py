"""The settings of a file for `unipref collect`."""

from typing import Annotated

from pydantic import Field, model_validator

from unipref.core.errors import UserError
from unipref.sources import Limits
from unipref.study.collecting import Comparing, Prompts, Sampling
from unipref.study.source import Source


class Answers(Sampling):
    """How the policy answers."""

    seed: int = 0
    """Seed of the sampling. Each answer has its own, which depends on this, the prompt and the answer's number."""


class Collection(Comparing):
    """A file for `unipref collect`."""

    name: str = "collection"
    """Title of the report."""
    model: str
    """The policy: a hub name, a folder or a GGUF file."""
    revision: str | None = None
    """Commit, branch or tag of the policy on the hub."""
    data_root: str = "."
    """The folder in which relative paths start; itself relative to this file."""
    sources: Annotated[list[Source], Field(min_length=1)]
    """Where the prompts come from; answers and judgements of these sources are not used."""
    prompts: Prompts = Prompts()
    """Which prompts are used."""
    answers: Answers = Answers()
    """How the policy answers."""
    corrections: int = Field(default=0, ge=0)
    """Most answers to a prompt that are corrected by the rules of its constraints and written, as edits, into
    `corrections.jsonl`; 0: none."""
    limits: Limits = Limits()
    """How much of a file is held in memory or unpacked."""

    @model_validator(mode="after")
    def _has_rules_to_correct_by(self) -> "Collection":
        if self.corrections and self.constraints is None:
            mend = "Set 'constraints' too, such as 'constraints: {most: 2}'."
            raise UserError("the rules of constraints make the corrections.", where="corrections", mend=mend)
        return self

    @model_validator(mode="after")
    def _has_unique_sources(self) -> "Collection":
        sources = [source.name for source in [*self.sources, *self.gold.sources]]
        if repeated := {name for name in sources if sources.count(name) > 1}:
            raise ValueError(f"two sources are called {', '.join(sorted(repeated))}; names must be unique")
        return self
