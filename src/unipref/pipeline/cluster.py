"""Opens the Ray cluster that a study names, for tasks that use models and the run folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unipref.core.workers import RayCluster
from unipref.models import gguf
from unipref.study.schema import Study


@contextmanager
def open_cluster(study: Study, folder: Path) -> Iterator[RayCluster | None]:
    """Opens the cluster of a study; None if it names none.

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


def _choose_environment(study: Study) -> dict[str, str]:
    """Chooses what has to be the same on all machines: the type that a GGUF file is converted to is in every key."""
    is_gguf = study.model is not None and gguf.find_file(study.model) is not None
    return {gguf.DTYPE_VARIABLE: gguf.choose_dtype()} if is_gguf else {}
