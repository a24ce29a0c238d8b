"""The engine on a Ray cluster of two machines, both on this one. Skipped without the extra `ray`."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import unipref.unify as stage
from support.small_studies import hash_bytes, iterate_studies, make_rated_rows, run_study, to_lines
from unipref.core.errors import UserError
from unipref.core.workers import RayCluster
from unipref.core.workers import cluster as cluster_module
from unipref.sources import read
from unipref.unify import UnifySettings, unify

pytest.importorskip("ray", reason="the extra 'ray' is not installed")
pytestmark = pytest.mark.slow
STUDIES = dict(iterate_studies())


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    import ray
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    made.add_node(num_cpus=1)
    ray.init(made.address, log_to_driver=False, logging_level="ERROR")
    yield made
    ray.shutdown()
    made.shutdown()


def test_the_bytes_are_those_of_the_local_engine(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "BUCKET_BYTES", 5000)
    monkeypatch.setattr(stage, "TASK_BYTES", 2000)
    names = [name for name in STUDIES if name.startswith(("golden/", "rated/1"))]
    names += [name for name in STUDIES if name.endswith("/best_worst")]
    for number, name in enumerate(names):
        local, _ = run_study(STUDIES[name], tmp_path / f"local{number}")
        out = tmp_path / f"ray{number}"
        out.mkdir()
        settings = {"aggregate": "majority", **STUDIES[name].settings}
        sources = STUDIES[name].resolve(tmp_path / f"in{number}")
        with RayCluster(cluster.address) as engine:
            unify(sources, UnifySettings(**settings), out, engine=engine, read=read)
        assert hash_bytes(out) == hash_bytes(local), name


def test_an_address_at_which_nothing_answers_is_refused_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    for given in (address, f"ray://{address}"):
        with pytest.raises(UserError, match=f"nothing answers at {given}") as caught:
            cluster_module._check_address(given)
        assert caught.value.where == "engine.ray.address"
    for given in (None, "auto"):
        cluster_module._check_address(given)


def test_a_run_keeps_its_handler_of_signals() -> None:
    script = """
import signal
from unipref.core.workers import RayCluster
def stop(*_): pass
signal.signal(signal.SIGTERM, stop)
with RayCluster(workers=1) as engine:
    print(list(engine.map(abs, [-1], label="all")), signal.getsignal(signal.SIGTERM) is stop)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "[1] True\n", done.stderr


def test_both_machines_run_tasks_in_order(cluster: Any, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    with RayCluster(cluster.address, on_progress=lambda *one: told.append(one)) as engine:
        assert list(engine.map(abs, range(-9, 0), label="all")) == list(range(9, 0, -1))
        assert len(set(engine.map(_sleep_and_name, range(6), label="where"))) == 2
    assert told[8] == ("all", 9, 9)


def test_a_stream_takes_only_the_items_that_run(cluster: Any) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(-20, 0):
            taken.append(number)
            yield number

    with RayCluster(cluster.address, 2) as engine:
        assert list(engine.stream(abs, iter(()), label="none")) == []
        results = engine.stream(abs, items(), label="stream")
        assert next(results) == 20
        assert len(taken) == 4
        assert [20, *results] == list(range(20, 0, -1))


def _sleep_and_name(_: int) -> str:
    import ray

    time.sleep(0.3)
    return str(ray.get_runtime_context().get_node_id())


def _refuse(_: int) -> None:
    raise UserError("it is wrong.", where="here", mend="Mend it.")


def test_errors_arrive_unharmed(cluster: Any) -> None:
    with RayCluster(cluster.address) as engine, pytest.raises(UserError, match="it is wrong") as caught:
        list(engine.map(_refuse, [1], label="refused"))
    assert (caught.value.where, caught.value.mend) == ("here", "Mend it.")


def test_a_machine_without_the_folder_runs_nothing(cluster: Any, tmp_path: Path) -> None:
    with RayCluster(cluster.address) as engine:
        engine.share(tmp_path)
        (token,) = tmp_path.glob(".seen-by-all-*")
        token.unlink()
        with pytest.raises(UserError, match="does not see"):
            list(engine.map(abs, [1], label="refused"))


@pytest.mark.parametrize("attempt", range(4))
def test_a_machine_that_is_lost_changes_nothing(
    attempt: int, cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import random

    from support.small_studies import RATED, SmallStudy

    monkeypatch.setattr(stage, "BUCKET_BYTES", 20_000)
    monkeypatch.setattr(stage, "TASK_BYTES", 1000)
    rows = to_lines(make_rated_rows(random.Random(attempt), 500, 0.2))
    lines = rows.splitlines(keepends=True)
    files = [(f"s{n}", "ratings", RATED, f"s{n}.jsonl", "".join(lines[n::24]), None) for n in range(24)]
    study = SmallStudy(files, {"aggregate": "latent"})
    local, _ = run_study(study, tmp_path / "local")
    node = cluster.add_node(num_cpus=2)
    out = tmp_path / "ray"
    out.mkdir()
    done = threading.Event()

    def see(label: str, finished: int, total: int) -> None:
        if finished == total // 2 and not done.is_set():
            done.set()
            cluster.remove_node(node, allow_graceful=False)

    with RayCluster(cluster.address, on_progress=see) as engine:
        unify(study.resolve(tmp_path / "in"), UnifySettings(**study.settings), out, engine=engine, read=read)
    assert done.is_set()
    assert hash_bytes(out) == hash_bytes(local)
