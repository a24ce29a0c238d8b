"""Opens the engine that a study names, for tasks that share the run folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unipref.core.workers import Engine, RayCluster, make_engine
from unipref.core.workers.local import Progress
from unipref.models import gguf
from unipref.study.schema import Study


@contextmanager
def open_cluster(study: Study, folder: Path) -> Iterator[RayCluster | None]:
    """Opens the cluster of a study for tasks that use models; None if it names none.

    Args:
        study: with the engine.
        folder: the run folder, which all machines must see.
    """
    cluster = study.find_cluster()
    if cluster is None:
        yield None
        return
    environment = _choose_environment(study)
    with RayCluster(cluster.address, study.workers, gpus=cluster.gpus, environment=environment) as engine:
        engine.share(folder)
        yield engine


@contextmanager
def open_row_engine(study: Study, folder: Path, size: int, on_progress: Progress | None = None) -> Iterator[Engine]:
    """Opens the engine of a study for tasks that read rows and use no model, so no GPU either.

    Args:
        study: with the engine.
        folder: the run folder, which all machines must see.
        size: bytes to read; the local engine uses one process for few.
        on_progress: as for `make_engine`.
    """
    name, address = study.engine_settings()
    with make_engine(name, study.workers, size, on_progress, address=address) as engine:
        engine.share(folder)
        yield engine


def _choose_environment(study: Study) -> dict[str, str]:
    """Chooses what has to be the same on all machines: the type that a GGUF file is converted to is in every key."""
    is_gguf = study.model is not None and gguf.find_file(study.model) is not None
    return {gguf.DTYPE_VARIABLE: gguf.choose_dtype()} if is_gguf else {}
