"""The full demo: every study is valid, and the page shows the runs' results."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from unipref import cli
from unipref.core import yaml_files
from unipref.core.errors import UserError
from unipref.core.progress import ProgressListener
from unipref.demo import BenchmarkSizes, FeedbackSizes, Pretraining, World, full, reproduction_page, write_data
from unipref.demo.tuning import Limits, Point, Search
from unipref.pipeline.manifest import _describe_variant
from unipref.study.load import load


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    write_data(folder, World(documents=50))
    (folder / "model").mkdir()
    return folder


TUNED = {
    trainer: {"max_steps": steps, "learning_rate": 1e-3, "score": 0.5, "at_limit": False}
    for trainer, steps in (("sft", 300), ("dpo", 150))
}


def tuned(*, without: tuple[str, ...] = (full.NO_PAIRS,)) -> dict[str, Any]:
    """The same tuned settings for all arms."""
    arms = full.list_arms(full.read_demo_study())
    return {arm: {name: one for name, one in TUNED.items() if name == "sft" or arm not in without} for arm in arms}


@pytest.mark.parametrize("study", full.list_demo_studies(), ids=lambda study: study.name)
def test_each_demo_study_is_valid(study: full.DemoStudy, world: Path) -> None:
    loaded = load(full.build_study(study, world, world / "model", tuned()), [])
    assert [source.name for source in loaded.study.sources] == ["dialogues", "choices", "ratings", "trees", "thumbs"]
    assert loaded.study.train == []
    assert len(loaded.study.seeds) == 3
    variants = set(loaded.variants)
    assert study.arms
    assert variants == {"main", *study.arms}
    if study.arms == full.MAIN_ARMS:
        assert [trainer.name() for trainer in loaded.variants["source-thumbs"].train] == ["sft"]
        assert [trainer.name() for trainer in loaded.variants["selected-0.6"].train] == ["sft", "dpo"]
    if study.name == "rl":
        assert [trainer.name() for trainer in loaded.variants["combined"].train] == ["sft", "dpo", "rloo"]


def test_each_arm_is_trained_with_its_own_tuned_settings(world: Path) -> None:
    own = tuned()
    own["source-ratings"] = {**own["source-ratings"], "sft": {**TUNED["sft"], "max_steps": 1200}}
    study = full.build_study(full.STUDIES[0], world, world, own)
    assert study["variants"]["source-ratings"]["train"][0]["sft"]["max_steps"] == 1200
    assert study["variants"]["combined"]["train"][0]["sft"]["max_steps"] == 300
    assert study["variants"]["combined"]["train"][1]["dpo"]["loss_weights"] == [1.0, 1.0]


def test_arms_with_their_own_steps_and_rates_are_compared(world: Path) -> None:
    own = tuned()
    own["source-ratings"] = {**own["source-ratings"], "sft": {**TUNED["sft"], "max_steps": 1200}}
    variants = load(full.build_study(full.STUDIES[0], world, world / "model", own), []).variants
    hashes = {name: _describe_variant(study).settings_hash for name, study in variants.items()}
    assert hashes["source-ratings"] == hashes["combined"] == hashes["selected-0.4"]
    assert hashes["source-thumbs"] != hashes["combined"]


def test_a_tuned_setting_that_no_step_has_is_refused(world: Path) -> None:
    study = full.build_study(full.STUDIES[0], world, world / "model", tuned())
    with pytest.raises(UserError, match="no training step has the setting 'max_step'"):
        load(study | {"verdicts": {"tuned": ["max_step"]}}, [])


def test_twice_the_feedback_takes_twice_the_steps() -> None:
    folder = Path("world")
    built = {study.name: full.build_study(study, folder, folder, tuned()) for study in full.list_demo_studies()}
    for at, name in enumerate(("sft", "dpo")):
        once, twice = (
            built[study]["variants"]["combined"]["train"][at][name]["max_steps"] for study in ("careless", "twice")
        )
        assert twice == 2 * once


TINY = Pretraining(
    vocabulary=320, hidden=16, feed_forward=32, layers=1, heads=2, context=128, steps=4, batch=4, length=64
)
SMALL = World(
    documents=300,
    feedback=FeedbackSizes(pairs=20, multiple_choice=10, ratings=30, tree=20, thumbs=10),
    benchmarks=BenchmarkSizes(coreference={"dev": 6, "test": 6}, instructions={"dev": 22, "test": 27}),
)


@pytest.mark.slow
def test_a_tiny_plan_runs_from_tuning_to_the_page_and_resumes(tmp_path: Path) -> None:
    arms = ("combined", "source-trees", "source-thumbs")
    plan = full.Plan(
        studies=(
            full.DemoStudy("careless", "The paper's table", arms=arms, seeds=2),
            full.DemoStudy("competing", "Objectives that compete", arms=arms[:1], seeds=1, competing=0.5),
        ),
        world=SMALL.model_copy(update={"seed": 11}),
        tuning_world=SMALL.model_copy(update={"seed": 7}),
        sizes={"1M": TINY},
        search=Search({"sft": Point(2, 1e-3), "dpo": Point(2, 1e-3)}, Limits((2, 4), (1e-3, 1e-3))),
        arms=arms,
        tuned_like={"source-trees": "combined"},
    )
    full.run(tmp_path, 1, ProgressListener(), plan)
    chosen = json.loads((tmp_path / "tuning" / "tuning.json").read_text(encoding="utf-8"))
    assert set(chosen) == {"combined", "source-thumbs"}
    assert set(chosen["combined"]) == {"sft", "dpo"}
    assert set(chosen["source-thumbs"]) == {"sft"}
    tried = json.loads((tmp_path / "tuning" / "sft-tried.json").read_text(encoding="utf-8"))
    assert {(row["steps"], row["rate"]) for row in tried} == {(2, 1e-3), (4, 1e-3)}
    study = yaml_files.parse((tmp_path / "careless.yaml").read_text(encoding="utf-8"), "careless.yaml")
    trees = study["variants"]["source-trees"]["train"]
    assert [next(iter(step.values()))["max_steps"] for step in trees] == [
        chosen["combined"][trainer]["max_steps"] for trainer in ("sft", "dpo")
    ]
    text = reproduction_page.write_page(tmp_path).read_text(encoding="utf-8")
    assert text.count("Baseline, nearest prompt of the feedback, no model") == 2
    assert "| `source-thumbs`" in text
    before = (tmp_path / "careless" / "scores.json").stat().st_mtime_ns
    full.run(tmp_path, 1, ProgressListener(), plan)
    assert json.loads((tmp_path / "tuning" / "tuning.json").read_text(encoding="utf-8")) == chosen
    assert (tmp_path / "careless" / "scores.json").stat().st_mtime_ns >= before


def gain(value: float, low: float, high: float, p_holm: float) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "p_holm": p_holm}


def finished(folder: Path, verdict: str) -> None:
    """A run folder with the files that the page reads."""
    figures = {
        "instruction": {"value": 0.5, "at_chance": False},
        "bias": {"value": 0.25, "at_chance": True, "skill": 0.75},
    }
    gains = {"base": {"instruction": gain(0.4, 0.3, 0.5, 0.01), "bias": gain(0.1, 0.01, 0.2, 0.2)}}
    models: list[dict[str, Any]] = [
        {"variant": "base", "step": "base", "figures": figures, "gains": {}, "front": False},
        {"variant": "combined", "step": "sft", "figures": figures, "gains": gains, "front": True},
    ]
    claims = [{"claim": claim, "verdict": verdict, "why": "So it is."} for claim in reproduction_page.SHORT_CLAIMS]
    scores = [
        {"variant": "combined", "seed": seed, "step": "sft", "benchmark": "coreference", "metric": "bias"}
        | {"slice": "all", "value": float(seed), "n": 9, "direction": "lower"}
        for seed in (1, 2)
    ]
    files = {
        "manifest": {"selected": {"combined": {"1": {"kept": 1000}, "2": {"kept": 1002}}}},
        "scores": scores,
        "verdicts": {"version": 2, "claims": claims, "models": models},
    }
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))


def test_the_page_shows_what_is_finished_and_names_the_rest(tmp_path: Path) -> None:
    finished(tmp_path / "careless", "shown")
    text = reproduction_page.write_page(tmp_path).read_text()
    # Seeds 1 and 2 have biases of 1 and 2 nats; kept is the mean of 1000 and 1002.
    assert "| `combined` ◆ | 1,001 | sft | 0.500 | 0.250† | 0.750 | 1.500 |" in text
    assert "| `combined` ◆ | 1,001 | sft | +0.400 [+0.300, +0.500] * | +0.100 [+0.010, +0.200] |" in text
    assert "| 2 selected | careless | **shown** | So it is. |" in text
    assert "Not run: adversarial, gaussian, competing, rl, 0.25M, 3M, twice." in text
    assert [claim for _, claim, _, _ in reproduction_page.read_claims(tmp_path)] == list(
        reproduction_page.SHORT_CLAIMS.values()
    )


def test_the_page_compares_model_sizes(tmp_path: Path) -> None:
    finished(tmp_path / "careless", "shown")
    finished(tmp_path / "3M", "not shown")
    rows = [
        line for line in reproduction_page.make_page(tmp_path).splitlines() if line.startswith(("| 1M |", "| 3M |"))
    ]
    assert [row.split(" | ")[2] for row in rows] == ["`base`", "`combined` ◆"] * 2


def test_noise_with_full_is_an_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli.app, ["demo", "--full", "--noise", "gaussian", "-o", str(tmp_path)])
    assert "--full runs all noise models" in str(result.exception)


@pytest.mark.parametrize("as_json", [False, True])
def test_the_command_prints_the_claims_and_writes_the_page(
    as_json: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(full, "run", lambda folder, jobs, listener: finished(folder / "careless", "shown"))
    result = CliRunner().invoke(cli.app, ["demo", "--full", "-o", str(tmp_path), *(["--json"] if as_json else [])])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "full" / "reproduction.md").is_file()
    if as_json:
        first = json.loads(result.stdout)[0]
        assert first == {"study": "careless", "claim": "1 combined", "verdict": "shown", "why": "So it is."}
    else:
        assert "1 combined, careless: shown. So it is." in result.stdout
        assert "reproduction.md" in result.stdout
