"""Settings that name scorers: `name`, or `{name: settings}`."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

from unipref.core import registry
from unipref.core.contracts import Scorer
from unipref.core.errors import UserError


def read_scorer(value: Any) -> Any:
    """Reads `name` or `{name: settings}` as a scorer."""
    if isinstance(value, Scorer):
        return value
    name, settings = next(iter(value.items())) if isinstance(value, Mapping) and len(value) == 1 else (value, None)
    if not isinstance(name, str) or not (settings is None or isinstance(settings, Mapping)):
        raise ValueError("expected a scorer's name, or one name with its settings, as in {policy_margin: {weight: 2}}")
    try:
        return registry.make("scorer", name, dict(settings or {}), "")
    except UserError as error:
        # A ValueError, so that the message starts with the setting's place in the study.
        raise ValueError(" ".join(line.strip().removeprefix(".") for line in error.lines())) from None


def as_sequence(value: Any) -> Any:
    """Reads one scorer as a list of one."""
    return [value] if isinstance(value, str | Mapping | Scorer) else value


def serialise(scorer: Any) -> Any:
    """Writes a scorer as a cache key has it, and a rule as it is."""
    return registry.cache_identity(scorer) if isinstance(scorer, Scorer) else scorer


OneScorer = Annotated[Scorer, BeforeValidator(read_scorer), PlainSerializer(serialise)]
