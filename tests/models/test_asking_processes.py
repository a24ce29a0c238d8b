"""Questions answered in several processes: the same answers, whatever the number of processes."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from unipref import cli
from unipref.core.errors import UserError
from unipref.models import asking_processes, inference
from unipref.models.asking_processes import cut_into_parts, use_processes
from unipref.models.inference import Generation, LogLikelihood, NextToken
from unipref.models.loading import load_policy
from unipref.pipeline.api import evaluate_model


def make_groups(n: int, new_tokens: int = 6) -> list[list[Any]]:
    """Pairs of a likelihood and a generation of various lengths."""
    prompts = [[1 + (at * 7 + place) % 90 for place in range(3 + at % 9)] for at in range(n)]
    return [[LogLikelihood(prompt, [5, 6, 7]), Generation(prompt, new_tokens)] for prompt in prompts]


def test_parts_are_neighbours_and_hold_about_as_many_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking_processes, "PART_TOKENS", 100)
    groups = make_groups(40)
    parts = cut_into_parts(groups)
    assert [at for part in parts for at in part] == list(range(40))
    sizes = [
        sum(len(one.prompt) + 3 * (1 + isinstance(one, Generation)) for at in part for one in groups[at])
        for part in parts
    ]
    assert all(60 < size <= 100 for size in sizes[:-1])
    # A group is never cut, however long it is.
    assert cut_into_parts([[Generation([1], 1000)], [Generation([1], 1000)]]) == [range(1), range(1, 2)]
    assert cut_into_parts([]) == [range(0)]


@pytest.mark.slow
def test_the_answers_do_not_depend_on_the_number_of_processes(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking_processes, "PART_TOKENS", 200)
    policy, groups = load_policy(str(tiny_model), "float32"), make_groups(30)
    here = dict(inference.ask(policy, groups))
    found = []
    for jobs in (2, 3):
        with use_processes(jobs):
            found.append(dict(inference.ask(policy, groups)))
    assert found[0] == found[1]
    assert sorted(found[0]) == sorted(here) == list(range(30))
    for number, (likelihood, text) in here.items():
        assert found[0][number][0] == pytest.approx(likelihood, abs=1e-4)
        assert found[0][number][1] == text
    with use_processes(1):
        assert dict(inference.ask(policy, groups)) == here


def test_few_questions_and_distributions_are_answered_in_this_process(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(part: Any) -> None:
        raise AssertionError("another process was asked")

    monkeypatch.setattr(asking_processes, "answer_part", refuse)
    policy = load_policy(str(tiny_model), "float32")
    with use_processes(2):
        assert len(dict(inference.ask(policy, make_groups(3)))) == 3
        monkeypatch.setattr(asking_processes, "PART_TOKENS", 20)
        assert len(dict(inference.ask(policy, [[NextToken([1, 2, 3])] for _ in range(20)]))) == 20


@pytest.mark.slow
def test_a_model_that_a_process_cannot_open_is_named(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(asking_processes, "PART_TOKENS", 50)
    policy = load_policy(str(tiny_model), "float32")
    policy.name = str(tmp_path / "gone")
    with use_processes(2), pytest.raises(UserError, match="gone"):
        dict(inference.ask(policy, make_groups(10)))


@pytest.mark.slow
def test_evaluate_takes_a_number_of_processes(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking_processes, "PART_TOKENS", 60)
    folder = tmp_path / "eval" / "instructions"
    folder.mkdir(parents=True)
    items = [{"id": str(at), "prompt": f"Say {at}.", "rule": "one_word", "arguments": {}} for at in range(24)]
    (folder / "test.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    tables, shared = [], []
    ask = asking_processes._ask_parts

    def count(*args: Any) -> Any:
        shared.append(1)
        return ask(*args)

    monkeypatch.setattr(asking_processes, "_ask_parts", count)
    for jobs in ("1", "2"):
        out = tmp_path / jobs
        options = ["--data", str(folder.parent), "--new-tokens", "4", "--jobs", jobs, "-o", str(out)]
        result = CliRunner().invoke(cli.app, ["evaluate", str(tiny_model), *options])
        assert result.exit_code == 0, result.output
        tables.append([json.loads(line)["answer"] for line in (out / "instructions.jsonl").read_text().splitlines()])
    assert tables[0] == tables[1]
    assert len(tables[0]) == 24
    assert shared == [1]
    refused = CliRunner().invoke(cli.app, ["evaluate", "--judges", "x.yaml", *options])
    assert "--new-tokens and --jobs: for models" in str(refused.exception)
    one = CliRunner().invoke(cli.app, ["evaluate", "--judges", "x.yaml", "--data", ".", "--new-tokens", "1"])
    assert "--new-tokens: for models" in str(one.exception)
    with pytest.raises(UserError, match="`load` cannot be given with more than one"):
        evaluate_model(str(tiny_model), None, folder.parent, jobs=2, load=load_policy)
