"""lm-eval's tasks on a loaded model: figures equal to lm-eval's own, from the table alone; and what cannot be run."""

import json
import logging
import math
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import unipref
from unipref.core import registry
from unipref.core.chat_models import Policy
from unipref.core.contracts import Benchmark
from unipref.core.errors import UserError
from unipref.core.scores import Score
from unipref.core.stats.differences import difference
from unipref.evaluate import evaluate
from unipref.evaluate.benchmarks.lm_eval import LmEval
from unipref.evaluate.data_files import data_path
from unipref.models.loading import load_policy

QUESTIONS = [{"id": f"q{i}", "question": f"Question: is {i} even? Answer:", "label": i % 2} for i in range(9)]
TASK = """
task: {name}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {data}
test_split: test
doc_to_text: "{{{{question}}}}"
"""
CHOICE = """
output_type: multiple_choice
doc_to_choice: ["yes", "no"]
doc_to_target: label
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
  - {metric: acc_norm, aggregation: mean, higher_is_better: true}
  - {metric: f1, aggregation: f1, higher_is_better: true}
"""
WRITTEN = """
output_type: generate_until
doc_to_target: "{{['yes', 'no'][label]}}"
generation_kwargs: {until: ["\\n"], do_sample: false, max_gen_toks: 4}
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true, ignore_case: true}
filter_list:
  - name: first-letter
    filter:
      - {function: regex, regex_pattern: "([a-z])"}
      - {function: take_first}
  - name: whole
    filter:
      - {function: take_first}
"""
ROLLING = """
output_type: loglikelihood_rolling
doc_to_target: "{{question}}"
metric_list:
  - {metric: word_perplexity, aggregation: weighted_perplexity, higher_is_better: false}
  - {metric: bits_per_byte, aggregation: bits_per_byte, higher_is_better: false}
"""


def row(doc: int, values: dict[str, Any], task: str = "t", way: str = "mean", higher: bool = True) -> dict[str, Any]:
    kept = {m: {"value": v, "aggregation": way, "higher_is_better": higher} for m, v in values.items()}
    return {"split": "test", "mode": "corrected", "task": task, "doc_id": doc, "values": kept}


def scored(rows: list[dict[str, Any]]) -> dict[tuple[str, str], Score]:
    return {(score.slice, score.metric): score for score in (s.score() for s in LmEval.statistics(rows))}


def test_figures_are_aggregated_as_the_task_says() -> None:
    assert scored([row(0, {"acc": 1.0}), row(1, {"acc": 0.0})])["all", "acc"].value == 0.5
    plain = [row(i, {"ppl": v}, way="perplexity", higher=False) for i, v in enumerate((-1.0, -2.0))]
    assert scored(plain)["all", "ppl"].value == pytest.approx(math.exp(1.5))
    assert scored(plain)["all", "ppl"].direction == "lower"
    # (-6 - 4) nats over 3 + 1 words, or bytes
    weighted = [[-6.0, 3.0], [-4.0, 1.0]]
    words = [row(i, {"w": v}, way="weighted_perplexity") for i, v in enumerate(weighted)]
    assert scored(words)["all", "w"].value == pytest.approx(math.exp(10 / 4))
    in_bytes = [row(i, {"b": v}, way="bits_per_byte") for i, v in enumerate(weighted)]
    assert scored(in_bytes)["all", "b"].value == pytest.approx(10 / 4 / math.log(2))
    gaps = [row(i, {"n": v}, way="nanmean") for i, v in enumerate((1.0, None, 0.5))]
    assert scored(gaps)["all", "n"].value == pytest.approx(0.75)
    assert list(LmEval.statistics([])) == []


def test_tasks_of_a_group_are_given_together_and_alone() -> None:
    rows = [row(0, {"acc": 1.0}, "a"), row(1, {"acc": 1.0}, "a"), row(0, {"acc": 0.0}, "b"), row(0, {"ppl": 1.0}, "c")]
    scores = scored(rows)
    assert scores["all", "acc"].value == pytest.approx(2 / 3)
    assert (scores["task:a", "acc"].value, scores["task:b", "acc"].value) == (1.0, 0.0)
    assert scores["all", "ppl"].n == 1
    # Where two tasks do not mean the same by a metric, there is none over both.
    other = [row(0, {"acc": 1.0}, "a"), row(0, {"acc": 0.0}, "b", higher=False)]
    assert set(scored(other)) == {("task:a", "acc"), ("task:b", "acc")}


def test_two_models_are_compared_sample_by_sample() -> None:
    one, two = ([row(i, {"acc": float(i in right)}) for i in range(4)] for right in ((0, 1), (1, 2, 3)))
    result = difference(next(LmEval.statistics(one)), next(LmEval.statistics(two[1:])))
    # Over samples 1 to 3: 1, 0, 0 and 1, 1, 1. Two gained, none lost: three units show nothing.
    assert (result.first, result.second, result.n, result.alone) == (pytest.approx(1 / 3), 1.0, 3, 1)
    assert result.p is not None
    assert result.p > 0.3
    assert result.verdict == "inconclusive"


def test_a_task_is_named_behind_a_colon_and_its_folder_may_be_missing(tmp_path: Path) -> None:
    made = registry.make("benchmark", "lm_eval:hellaswag", {"limit": 5}, "evaluate")
    assert isinstance(made, LmEval)
    assert made.title == "lm_eval:hellaswag"
    assert data_path(made, tmp_path, {}) == tmp_path / "lm_eval"
    assert data_path(LmEval(task="x", data=None), tmp_path, {}) == tmp_path / "lm_eval"
    with pytest.raises(UserError, match="my_tasks does not exist"):
        data_path(LmEval(task="x", data="my_tasks"), tmp_path, {})
    with pytest.raises(UserError, match="task"):
        registry.make("benchmark", "lm_eval", {}, "evaluate")
    assert not Benchmark.downloads_data


def test_a_study_may_name_a_task_without_a_folder(tiny_model: Path, tmp_path: Path) -> None:
    pairs = [{"prompt": f"Say {i}.", "chosen": f"It is {i}.", "rejected": "No."} for i in range(8)]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, pairs)), encoding="utf-8")
    study = {
        "model": str(tiny_model),
        "data_root": str(tmp_path),
        "sources": [{"name": "pairs", "path": "pairs.jsonl", "format": "pairs", "map": {"prompt": "prompt"}}],
        "evaluate": ["lm_eval:hellaswag", {"lm_eval": {"task": "winogrande", "limit": 3}}],
    }
    # Benchmarks are taken out of the preferences; what lm-eval fetches is not there to be looked at.
    assert (unipref.select_preferences(study, tmp_path / "run") / "main/0/train.parquet").is_file()
    study["evaluate"] = [{"lm_eval": {"task": "mine", "data": "my_tasks"}}]
    with pytest.raises(UserError, match="my_tasks does not exist"):
        unipref.select_preferences(study, tmp_path / "run")


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of task files with local data."""
    folder = tmp_path_factory.mktemp("lm_eval")
    data = folder / "questions.jsonl"
    data.write_text("".join(json.dumps(question) + "\n" for question in QUESTIONS), encoding="utf-8")
    for name, rest in (("own_choice", CHOICE), ("own_written", WRITTEN), ("own_rolling", ROLLING)):
        (folder / f"{name}.yaml").write_text(TASK.format(name=name, data=data) + rest, encoding="utf-8")
    gone = TASK.format(name="own_gone", data=folder / "nothing.jsonl") + CHOICE
    (folder / "own_gone.yaml").write_text(gone, encoding="utf-8")
    wrong = TASK.format(name="own_wrong", data=data).replace("{{question}}", "{{qestion}}") + CHOICE
    (folder / "own_wrong.yaml").write_text(wrong, encoding="utf-8")
    group = "group: own_group\ntask: [own_choice, own_written]\n"
    (folder / "own_group.yaml").write_text(group, encoding="utf-8")
    return folder


@pytest.fixture
def policy(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Policy:
    """The tiny model; lm-eval looks through no task files but those of the test, which takes seconds less."""
    manager = pytest.importorskip("lm_eval.tasks", reason="the extra eval is not installed").TaskManager

    def own_only(include_path: Path | None = None, include_defaults: bool = True) -> Any:
        return manager(include_path=include_path, include_defaults=False)

    monkeypatch.setattr("lm_eval.tasks.TaskManager", own_only)
    return load_policy(str(tiny_model))


def of_lm_eval(policy: Policy, folder: Path, task: str, **options: Any) -> dict[str, float]:
    """What lm-eval itself finds: `metric,filter` -> value."""
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    lm = HFLM(pretrained=policy.model, tokenizer=policy.tokenizer, batch_size=1)
    results = simple_evaluate(
        model=lm, tasks=[task], task_manager=TaskManager(include_path=folder), bootstrap_iters=0, **options
    )
    return {key: value for key, value in results["results"][task].items() if isinstance(value, float)}


@pytest.mark.slow
@pytest.mark.parametrize("task", ["own_choice", "own_written", "own_rolling"])
def test_figures_equal_those_of_lm_eval(
    task: str, policy: Policy, tasks: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finding = LmEval(task=task, batch_size=4).measure(policy, tasks, "test")
    assert capsys.readouterr().out == ""
    modes = {"corrected": "none"}
    mine = {f"{score.metric},{modes.get(score.mode, score.mode)}": score.value for score in finding.scores}
    theirs = of_lm_eval(policy, tasks, task)
    left_out = {"own_choice": {"f1,none"}}.get(task, set())
    assert mine.keys() == theirs.keys() - left_out
    assert mine == {key: pytest.approx(theirs[key], rel=1e-5) for key in mine}
    notes = ["own_choice: f1 left out: its aggregation is not a mean over samples."] if left_out else []
    assert finding.notes == notes
    assert {score.direction for score in finding.scores} == {"lower" if task == "own_rolling" else "higher"}
    assert {score.chance for score in finding.scores} == {None}
    again = [statistic.score() for statistic in LmEval.statistics(json.loads(json.dumps(finding.examples)))]
    assert again == finding.scores
    assert {row["doc_id"] for row in finding.examples} == set(range(9))


@pytest.mark.slow
def test_groups_limits_and_the_chat_template(policy: Policy, tasks: Path) -> None:
    finding = LmEval(task="own_group", limit=3, chat=True).measure(policy, tasks, "test")
    # The first, the middle and the last of nine.
    assert {(row["task"], row["doc_id"]) for row in finding.examples} == {
        (task, doc) for task in ("own_choice", "own_written") for doc in (0, 4, 8)
    }
    assert {row["mode"] for row in finding.examples} == {"corrected", "first-letter", "whole"}
    assert all("Question: Question: is" in row["prompt"] for row in finding.examples)
    assert finding.notes[0] == "own_choice: only 3 of 9 samples were sampled (limit: 3)."
    assert {score.slice for score in finding.scores} == {"all", "task:own_choice", "task:own_written"}


@pytest.mark.slow
def test_fewshot_examples_and_lost_beginnings(policy: Policy, tasks: Path) -> None:
    finding = LmEval(task="own_choice", num_fewshot=2, limit=2).measure(policy, tasks, "test")
    assert all(row["prompt"].count("Question:") == 3 for row in finding.examples)
    policy.context = 12
    finding = LmEval(task="own_choice", num_fewshot=2, limit=2).measure(policy, tasks, "test")
    assert finding.notes[-1] == "2 prompts lost their beginning: longer than the model's context of 12 tokens."
    with pytest.raises(UserError, match=r"lm-eval cannot run this model: .*\(40\) must be less than .* \(12\)"):
        LmEval(task="own_written", new_tokens=40).measure(policy, tasks, "test")


@pytest.mark.slow
def test_it_leaves_the_random_states_and_the_log_as_they_were(policy: Policy, tasks: Path) -> None:
    random.seed(5)
    np.random.seed(5)
    torch.manual_seed(5)
    expected = random.random(), np.random.random(), torch.rand(1)
    random.seed(5)
    np.random.seed(5)
    torch.manual_seed(5)
    level = logging.getLogger("lm_eval").level
    LmEval(task="own_choice", limit=1).measure(policy, tasks, "test")
    assert (random.random(), np.random.random(), torch.rand(1)) == expected
    assert logging.getLogger("lm_eval").level == level


@pytest.mark.slow
def test_what_cannot_be_run_is_reported(policy: Policy, tasks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="unknown lm-eval task 'own_choise'") as caught:
        LmEval(task="own_choise").measure(policy, tasks, "test")
    assert caught.value.mend == "Did you mean 'own_choice'?"
    with pytest.raises(UserError, match="unknown lm-eval task 'zzzzzz'") as caught:
        LmEval(task="zzzzzz").measure(policy, tasks, "test")
    assert caught.value.mend == "List them with: lm-eval ls tasks"
    with pytest.raises(UserError, match=r"the task or its data cannot be loaded: .*nothing\.jsonl"):
        LmEval(task="own_gone").measure(policy, tasks, "test")
    with pytest.raises(UserError, match="the task or its data cannot be loaded: 'qestion' is undefined"):
        LmEval(task="own_wrong").measure(policy, tasks, "test")
    monkeypatch.setattr("lm_eval.api.task.ConfigurableTask.UNSAFE_CODE", True, raising=False)
    with pytest.raises(UserError, match="it executes code that the model generates"):
        LmEval(task="own_choice").measure(policy, tasks, "test")


@pytest.mark.slow
def test_an_evaluation_states_the_form_and_writes_its_table(policy: Policy, tasks: Path, tmp_path: Path) -> None:
    said: list[str] = []
    benchmarks = [
        LmEval(task="own_choice", data=str(tasks), limit=2),
        LmEval(task="own_choice", data=str(tasks), chat=True),
    ]
    rows = evaluate(
        policy.name,
        benchmarks,
        data_root=tasks,
        splits={},
        out=tmp_path,
        on_note=said.append,
        load=lambda name, precision: policy,
    )
    assert "lm_eval-own_choice: prompts are plain text." in said
    assert any(note.startswith("lm_eval-own_choice-2: prompts use the completion layout") for note in said)
    assert {row["benchmark"] for row in rows} == {"lm_eval-own_choice", "lm_eval-own_choice-2"}
    assert len((tmp_path / "lm_eval-own_choice.jsonl").read_text(encoding="utf-8").splitlines()) == 2
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert set(results["results"]["lm_eval-own_choice-2"]) >= {"acc,none", "acc_norm,none"}


def test_the_extra_is_named_where_it_is_missing(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval.tasks", None)
    with pytest.raises(UserError, match="The benchmark lm_eval needs the package") as caught:
        LmEval(task="x").measure(load_policy(str(tiny_model)), tmp_path, "test")
    assert "unipref[eval]" in str(caught.value.mend)
