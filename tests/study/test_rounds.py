"""The settings of rounds: what they expand to, and what is refused before any work starts."""

from pathlib import Path
from typing import Any

import pytest

from support.study_files import study_of, write_sources
from unipref.core.errors import UserError
from unipref.study.load import load
from unipref.study.steps import find_origins, list_steps

ROUNDS: dict[str, Any] = {"n": 2, "prompts": 3, "judges": [{"likelihood": {"model": "base"}}]}


@pytest.fixture
def study(tmp_path: Path, tiny_model: Path) -> dict[str, Any]:
    write_sources(tmp_path)
    (tmp_path / "more.jsonl").write_text('{"q": "Who?", "a": "I."}\n')
    return study_of(tmp_path, tiny_model) | {"train": [{"sft": {}}, {"reward": {}}]}


def with_rounds(study: dict[str, Any], trainer: str = "dpo", **changes: Any) -> dict[str, Any]:
    step = {trainer: {"max_steps": 2, "rounds": ROUNDS | changes}}
    return study | {"train": [*study["train"], step]}


def test_each_round_is_a_step_that_starts_from_the_one_before(study: dict[str, Any]) -> None:
    judges = [{"reward_model": {"model": "reward"}}, "checker"]
    changed = with_rounds(study, n=3, judges=judges, constraints={}, gold=[])
    changed["train"].append({"dpo": {"name": "more", "from": "dpo-2"}})
    loaded = load(changed).study
    steps = list_steps(loaded)
    assert [(step.name, step.place) for step in steps] == [
        ("sft", 0),
        ("reward", 1),
        ("dpo-1", 2),
        ("dpo-2", 2),
        ("dpo-3", 2),
        ("more", 3),
    ]
    assert [step.round and step.round.number for step in steps] == [None, None, 1, 2, 3, None]
    origins = find_origins(loaded)
    assert [origins[name].start for name in ("dpo-1", "dpo-2", "dpo-3", "more")] == ["sft", "dpo-1", "dpo-2", "dpo-2"]
    assert origins["dpo-3"].dependencies == ("reward",)
    # The settings of the rounds are no part of a round's step: another round more leaves the first ones as they are.
    assert {step.trainer.rounds for step in steps} == {None}
    assert steps[2].trainer.model_dump()["max_steps"] == 2
    rounds = steps[2].round
    assert rounds is not None
    assert (rounds.settings.prompts.most, rounds.settings.k, rounds.settings.select.name()) == (3, 4, "all")


def test_overrides_and_variants_reach_into_rounds(study: dict[str, Any]) -> None:
    changed = with_rounds(study) | {"variants": {"warm": {"train": [{"dpo": {"rounds": ROUNDS | {"n": 1}}}]}}}
    loaded = load(changed, ["train.dpo.rounds.n=3", "train.dpo.rounds.temperature=1.5"])
    assert [step.name for step in list_steps(loaded.study)][2:] == ["dpo-1", "dpo-2", "dpo-3"]
    assert [step.name for step in list_steps(loaded.variants["warm"])] == ["dpo-1"]


OTHER = {"name": "more", "path": "more.jsonl", "format": "demonstration", "map": {"prompt": "q", "response": "a"}}
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"n": 0}, r"train\.2\.rounds\.n: .*greater than or equal to 1"),
    ({"m": 1}, r"train\.2\.rounds\.m: unknown key\. "),
    ({"judges": []}, r"train\.2\.rounds\.judges: .*at least 1"),
    ({"judges": ["checkr"]}, r"train\.2\.rounds\.judges: unknown judge 'checkr'.\n  Did you mean 'checker'\?"),
    ({"judges": [{"llm": {"url": "no"}}]}, r"train\.2\.rounds: judges\.llm\.url"),
    ({"judges": [{"people": {"path": "x"}}]}, r"rounds\.judges: 'people' cannot judge in rounds.*\n  Use checker, "),
    ({"judges": ["checker", "checker"]}, r"two judges are called checker"),
    ({"judges": [{"reward_model": {"model": "rewrd"}}]}, r"no earlier step trains a reward model 'rewrd'.\n  Did you"),
    ({"judges": [{"reward_model": {"model": "sft"}}]}, r"reward_model\.model: no earlier step trains a reward model"),
    ({"judges": [{"checker": {"path": "rules.jsonl"}}]}, r"rounds\.judges\.checker\.path: the file .* does not exist"),
    (
        {"prompts": {"only": ["pair"]}},
        r"rounds\.prompts\.only: the study has no source 'pair'.\n  Did you mean 'pairs'",
    ),
    (
        {"prompts": {"sources": [OTHER | {"path": "mor.jsonl"}]}},
        r"rounds\.prompts\.sources\.0 \(more\)\.path: .*mor\.jsonl",
    ),
    ({"prompts": {"only": ["pairs"], "sources": [OTHER]}}, r"'only' and 'sources' both say"),
    ({"prompts": 0}, r"rounds\.prompts\.most: .*greater than or equal to 1"),
    ({"gold": [OTHER | {"dataset": "nope"}]}, r"rounds\.gold\.sources\.0.*\.dataset: .*nope"),
    (
        {"prompts": {"sources": [OTHER, OTHER]}},
        r"train\.2\.rounds.*two sources .* are called more; names must",
    ),
    ({"prompts": {"sources": [OTHER]}, "gold": [OTHER]}, r"two sources of 'prompts' and 'gold' are called more"),
    ({"select": "randm"}, r"rounds\.select: unknown strategy 'randm'"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED)
def test_wrong_rounds_are_refused_at_their_place(study: dict[str, Any], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load(with_rounds(study, **changes))


@pytest.mark.parametrize("trainer", ["sft", "reward", "kto", "grpo"])
def test_trainers_that_make_no_policy_from_pairs_have_no_rounds(study: dict[str, Any], trainer: str) -> None:
    changed = with_rounds(study, trainer)
    changed["train"][-1][trainer].update(name="again")
    with pytest.raises(UserError, match=rf"train\.2\.rounds: '{trainer}' cannot train in rounds.*\n.*: dpo\."):
        load(changed)


def test_a_name_that_a_round_takes_is_refused(study: dict[str, Any]) -> None:
    study["train"].append({"dpo": {"name": "dpo-2"}})
    with pytest.raises(UserError, match=r"train\.3: the step name 'dpo-2' is already used"):
        load(with_rounds(study))
