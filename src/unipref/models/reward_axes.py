"""The axes of a reward model with several outputs: how its configuration names and weighs them.

transformers' own fields hold the names (`num_labels`, `id2label`, `label2id`), so that any program that loads the model
knows what each output is. `axis_weights` holds the weights of their sum, the reward.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from unipref.core.errors import UserError, near_name

WEIGHTS = "axis_weights"
"""The field of a model's configuration with the weight of each axis in the reward."""


def name_axes(config: Any, axes: Sequence[str], weights: Mapping[str, float]) -> None:
    """Writes the axes of a reward model and their weights into its configuration."""
    config.num_labels = len(axes)
    config.id2label = dict(enumerate(axes))
    config.label2id = {axis: place for place, axis in enumerate(axes)}
    config.problem_type = "regression"
    setattr(config, WEIGHTS, {axis: float(weight) for axis, weight in weights.items()})


def has_axes(config: Any) -> bool:
    """Whether a classifier's configuration is that of a reward model with axes. Two outputs without weights are what
    transformers assumes where a configuration does not say how many there are.
    """
    return getattr(config, WEIGHTS, None) is not None or config.num_labels > 2


def read_axes(config: Any) -> tuple[str, ...]:
    """Reads the names of the outputs; empty for a model with one output and no weights, whose output is the reward."""
    if not has_axes(config):
        return ()
    return tuple(str(config.id2label[place]) for place in range(config.num_labels))


def read_weights(config: Any, where: str) -> dict[str, float]:
    """Reads the weights of the axes; empty for a model with one output.

    Raises:
        UserError: the model has several outputs, and the configuration does not say how they make one reward.
    """
    axes = read_axes(config)
    if not axes:
        return {}
    weights = getattr(config, WEIGHTS, None)
    if weights is None:
        raise UserError(
            f"the model outputs {len(axes)} numbers ({', '.join(axes)}), and its config.json has no '{WEIGHTS}', which "
            "make one reward of them.",
            where=where,
            mend=f'Add them to its config.json: {{"{WEIGHTS}": {{"{axes[0]}": 1.0}}}}.',
        )
    return check_weights(weights, axes, f"{where}: config.json: {WEIGHTS}")


def check_weights(weights: Any, axes: Sequence[str], where: str) -> dict[str, float]:
    """Checks weights of axes.

    Raises:
        UserError: they are no mapping from axes to finite numbers of which one is not 0.
    """
    if not axes:
        mend = "Leave the weights out, or use a model that the trainer 'reward_axes' trained."
        raise UserError("the reward model has one output, so there are no axes to weigh.", where=where, mend=mend)
    if not isinstance(weights, Mapping) or not all(_is_number(weight) for weight in weights.values()):
        raise UserError(
            "the weights are no mapping from axes to numbers.", where=where, mend=f"Axes: {', '.join(axes)}."
        )
    for axis in weights:
        if axis not in axes:
            raise UserError(f"the reward model has no axis '{axis}'.", where=where, mend=near_name(str(axis), axes))
    if not any(weights.values()):
        raise UserError("all weights are 0, so every answer has the reward 0.", where=where)
    return {str(axis): float(weight) for axis, weight in weights.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
