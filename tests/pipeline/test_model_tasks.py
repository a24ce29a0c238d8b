"""Several models are measured in turn or on a Ray cluster: the same files, and a model that fails harms no other."""

import functools
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from support.small_studies import hash_bytes
from support.tiny_model import write_tiny_model
from unipref import cli
from unipref.core.errors import UserError
from unipref.core.workers import RayCluster
from unipref.core.workers import cluster as cluster_module
from unipref.pipeline import api
from unipref.pipeline.model_tasks import ModelsFailedError, ModelTask, measure_on_cluster


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two models and a benchmark, in which the commands are given."""
    for name in ("one", "two"):
        write_tiny_model(tmp_path / name)
    config = json.loads((tmp_path / "two" / "config.json").read_text(encoding="utf-8"))
    config["rms_norm_eps"] = 0.1
    (tmp_path / "two" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (tmp_path / "data" / "instructions").mkdir(parents=True)
    items = [{"id": str(at), "prompt": f"Say {at}.", "rule": "one_word", "arguments": {}} for at in range(4)]
    lines = "".join(json.dumps(item) + "\n" for item in items)
    (tmp_path / "data" / "instructions" / "test.jsonl").write_text(lines, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def evaluate(out: str, *models: str, **options: Any) -> list[dict[str, Any]]:
    return api.evaluate_models(models, ["instructions"], "data", Path(out), new_tokens=4, **options)


def test_a_model_that_fails_leaves_the_scores_of_the_others(place: Path) -> None:
    with pytest.raises(ModelsFailedError, match=r"1 model could not be measured\. \./missing: ") as caught:
        evaluate("some", "./missing", "two")
    assert caught.value.rows == evaluate("two-alone", "two")
    assert {row["model"] for row in caught.value.rows} == {"two"}
    with pytest.raises(UserError, match="missing") as alone:
        evaluate("alone", "./missing")
    assert not isinstance(alone.value, ModelsFailedError)
    options = ["evaluate", "./missing", "two", "--data", "data", "-b", "instructions", "--new-tokens", "4", "--json"]
    result = CliRunner().invoke(cli.app, options)
    assert isinstance(result.exception, ModelsFailedError)
    assert '"model": "two"' in result.stdout


def test_options_that_do_not_fit_the_engine_are_refused(place: Path) -> None:
    with pytest.raises(UserError, match="workers: one model is measured at a time"):
        evaluate("out", "one", workers=2)
    with pytest.raises(UserError, match="engine: on a cluster, one process"):
        evaluate("out", "one", engine="ray", jobs=2)
    with pytest.raises(UserError, match="gpu: unknown key"):
        evaluate("out", "one", engine={"ray": {"gpu": 1}})


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    pytest.importorskip("ray", reason="the extra 'ray' is not installed")
    import ray
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    made.add_node(num_cpus=1)
    ray.init(made.address, log_to_driver=False, logging_level="ERROR")
    yield made.address
    ray.shutdown()
    made.shutdown()


@pytest.mark.slow
def test_a_cluster_writes_the_files_of_one_process(place: Path, address: str) -> None:
    import torch

    torch.set_num_threads(1)
    notes: dict[str, list[str]] = {"here": [], "there": []}
    here = evaluate("here", "one", "two", on_note=notes["here"].append)
    engine = {"ray": {"address": address}}
    with pytest.raises(ModelsFailedError) as caught:
        evaluate("there", "./missing", "one", "two", engine=engine, on_note=notes["there"].append)
    assert caught.value.rows == here
    assert hash_bytes(place / "there") == hash_bytes(place / "here")
    assert sorted(notes["there"]) == sorted(notes["here"])
    shutil.rmtree("there")
    command = ["evaluate", "one", "two", "--data", "data", "-b", "instructions", "--new-tokens", "4", "-o", "there"]
    result = CliRunner().invoke(cli.app, [*command, "--engine", f"ray: {{address: '{address}'}}", "--json"])
    assert result.exit_code == 0, result.output
    assert hash_bytes(place / "there") == hash_bytes(place / "here")


def measure_or_die(parent: int, mark: Path, model: str, *_: Any, **options: Any) -> list[dict[str, Any]]:
    """Kills its process for the model `lost`, and for `again` the first time."""
    if model == "lost" or (model == "again" and not mark.exists()):
        mark.touch()
        assert os.getpid() != parent
        os.kill(os.getpid(), 9)
    return [{"model": model}]


@pytest.mark.slow
def test_a_task_that_is_lost_runs_again(place: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "RETRIES", 1)
    measure = functools.partial(measure_or_die, os.getpid(), place / "mark")
    tasks = [ModelTask(measure, model, None, "data", None, {}, str(place)) for model in ("lost", "again", "one")]
    with RayCluster(address, 1) as engine:
        found = dict(measure_on_cluster(tasks, engine, {}))
    assert "was lost 2 times" in str(found[0])
    assert (found[1], found[2]) == ([{"model": "again"}], [{"model": "one"}])
