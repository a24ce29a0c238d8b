"""The public names, pinned: removing one breaks somebody's code, and adding one is a promise."""

import typing

import pytest

import unipref
from unipref.unify import format_bases

NAMES = [
    "Axis", "Benchmark", "Candidates", "Comparison", "Feedback", "Format", "HeadlineMetric", "Message",
    "Messages", "Preference", "Reason", "Reject", "Response", "Row", "Scorer", "Selection", "Settings",
    "SplitBenchmark", "Strategy", "TrainJob", "Trainer", "UserError", "__version__", "audit_run",
    "check_training", "compare_models", "dry_run", "evaluate_judges", "evaluate_model", "evaluate_models", "explain",
    "power_of_study", "preference_schema", "run", "select_preferences", "soup_models", "trace_soup",
    "train_models", "unify_feedback", "value_sources",
]  # fmt: skip
OF_FORMATS = [
    "AxisSpec", "Column", "Columns", "Dialogues", "Guess", "Mapped", "OneAnswer", "PLACEHOLDER", "Path", "Paths",
    "Scale", "TwoAnswers", "assistant_turn", "describe_value", "find_prompt", "find_prompt_and_answer", "find_scores",
    "get_path", "join_texts", "parse_turns", "path_setting", "quote_names", "read_answer", "read_number",
    "read_text", "split_dialogue", "user_prompt",
]  # fmt: skip


def test_the_public_names() -> None:
    assert sorted(unipref.__all__) == dir(unipref) == NAMES
    assert sorted(format_bases.__all__) == OF_FORMATS


@pytest.mark.parametrize("name", NAMES)
def test_each_is_there(name: str) -> None:
    assert getattr(unipref, name) is not None


def test_an_unknown_name_is_python_own_error() -> None:
    with pytest.raises(AttributeError, match="module 'unipref' has no attribute 'nothing'"):
        _ = unipref.nothing


def test_every_type_in_the_signature_of_a_contract_is_public() -> None:
    public = {getattr(unipref, name) for name in NAMES if name != "Row"}
    for contract, method in (
        (unipref.Format, "axes"),
        (unipref.Scorer, "score"),
        (unipref.Strategy, "select"),
        (unipref.Trainer, "fit"),
    ):
        hints = typing.get_type_hints(getattr(contract, method), localns=local_names())
        for hint in hints.values():
            for one in (hint, *typing.get_args(hint)):
                home = getattr(one, "__module__", "")
                assert not home.startswith("unipref.") or one in public, f"{contract.__name__}.{method}: {one}"


def local_names() -> dict[str, object]:
    import numpy as np
    import numpy.typing as npt

    return {"np": np, "npt": npt}
