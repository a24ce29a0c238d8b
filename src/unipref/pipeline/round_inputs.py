"""The inputs of the cache keys of what only rounds have: their feedback, and the check of their settings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unipref import sources
from unipref.core import hashing, registry
from unipref.core.stage_cache import Stage
from unipref.pipeline import stage_inputs
from unipref.pipeline.stage_data import TrainedModel
from unipref.study.schema import Study
from unipref.study.steps import Round
from unipref.unify import ResolvedSource


def round_inputs(
    hashes: stage_inputs.InputHashes,
    study: Study,
    round_: Round,
    own_sources: Sequence[ResolvedSource],
    cleaned: Stage,
    benchmarks: Mapping[str, Path],
    seed: int,
) -> dict[str, Any]:
    """Returns the inputs of the feedback of a round but for models, which are those of the check of its settings.

    Args:
        hashes: the hashes of the run.
        study: the variant.
        round_: the round.
        own_sources: the sources of its prompts, then those of its gold pairs.
        cleaned: the study's cleaned data, of which the prompts come or which they must not repeat.
        benchmarks: name -> data of the benchmarks whose prompts are left out.
        seed: of the run.
    """
    rounds = round_.settings
    # How many rounds there are decides which prompts each gets, unless the settings say it or all have the same.
    shares = [] if rounds.prompts.most or rounds.prompts.repeat else [rounds.n]
    return {
        "settings": rounds.model_dump(mode="json", exclude={"n", "judges", "select", "jobs"}),
        "judges": [registry.cache_identity(judge) for judge in rounds.judges],
        "files": [
            {name: sources.file_hash(hashes.data_root / path) for name, path in judge.files().items()}
            for judge in rounds.judges
        ],
        "round": [round_.number, *shares],
        "prompts": cleaned.content,
        "limits": study.limits.model_dump(),
        "sources": [stage_inputs.describe_source(source) for source in own_sources],
        "benchmarks": {name: hashes.tree_hash(path) for name, path in benchmarks.items()},
        "seed": seed,
        "code": stage_inputs.hash_code("collected", *rounds.judges, *(source.format for source in own_sources)),
    }


def collect_inputs(
    of_round: Mapping[str, Any], policy: TrainedModel, judging: Mapping[str, TrainedModel]
) -> dict[str, Any]:
    """Returns the inputs of the feedback of a round.

    Args:
        of_round: as `round_inputs` returns them.
        policy: the model that answers.
        judging: name in the settings of a judge -> the model.
    """
    return {
        **of_round,
        "model": policy.key,
        "dependencies": {name: model.key for name, model in judging.items()},
        "versions": hashing.find_versions("torch", "transformers", "lm_eval"),
    }
