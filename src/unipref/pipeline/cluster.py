"""Opens the engine that a study names, for tasks that share the run folder."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from unipref.core.workers import Engine, RayCluster, make_engine
from unipref.models import gguf
from unipref.study.schema import EngineSettings, Study


@contextmanager
def open_cluster(settings: Study | EngineSettings, folder: Path | None, *models: str) -> Iterator[RayCluster | None]:
    """Opens the cluster of a study, or of a command's settings, for tasks that use models; None if they name none.

    Args:
        settings: with the engine; the model of a study counts as one of `models`.
        folder: the run folder, which all machines must see; None: the tasks pass each other no files.
        models: folders or names of models that the tasks open.
    """
    cluster = settings.find_cluster()
    if cluster is None:
        yield None
        return
    names = [*models, *([settings.model] if isinstance(settings, Study) and settings.model else [])]
    environment = _choose_environment(names)
    with RayCluster(cluster.address, settings.workers, gpus=cluster.gpus, environment=environment) as engine:
        if folder is not None:
            engine.share(folder)
        yield engine


@contextmanager
def open_row_engine(settings: Study | EngineSettings, folder: Path, size: int) -> Iterator[Engine]:
    """Opens the engine of a study or a command for tasks that read rows and use no model, so no GPU either.

    Args:
        settings: with the engine.
        folder: the run folder, which all machines must see.
        size: bytes to read; the local engine uses one process for few.
    """
    name, address = settings.engine_settings()
    with make_engine(name, settings.workers, size, address=address) as engine:
        engine.share(folder)
        yield engine


def _choose_environment(models: Iterable[str]) -> dict[str, str]:
    """Chooses what has to be the same on all machines: the type that a GGUF file is converted to is in every key."""
    is_gguf = any(gguf.find_file(model) is not None for model in models)
    return {gguf.DTYPE_VARIABLE: gguf.choose_dtype()} if is_gguf else {}
