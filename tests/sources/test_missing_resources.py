import errno
import gzip
import io
import pickle
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

import unipref
from unipref.core.errors import ResourceError, resource_error
from unipref.core.workers import Local
from unipref.sources import compressed, parts, read

ROWS = [{"prompt": f"Question {n}?", "chosen": f"good {n}", "rejected": f"bad {n}"} for n in range(50)]


def packed_parquet(folder: Path, name: str) -> Path:
    content = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), content)
    path = folder / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(content.getvalue()))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x.parquet", content.getvalue())
    return path


def study(path: Path) -> dict[str, Any]:
    source = {"name": "x", "path": str(path), "format": "pairs", "map": {"prompt": "prompt"}}
    return {"sources": [source], "workers": 1}


def raise_error(error: BaseException) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


@pytest.mark.parametrize("name", ["x.parquet.gz", "x.zip"])
def test_a_full_temporary_folder_stops_the_run_and_is_not_cached(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = packed_parquet(tmp_path, name)
    with monkeypatch.context() as full:
        no_room = raise_error(OSError(errno.ENOSPC, "No space left on device"))
        full.setattr(tempfile.SpooledTemporaryFile, "write", no_room)
        with pytest.raises(ResourceError, match="No space left on device") as caught:
            unipref.unify_feedback(study(path), tmp_path / "run")
    assert "x.parquet" in str(caught.value)
    assert "TMPDIR" in str(caught.value)
    with_room = unipref.unify_feedback(study(path), tmp_path / "run")
    assert pq.read_table(with_room).num_rows == 50


@pytest.mark.parametrize(
    "error",
    [MemoryError(), pa.ArrowMemoryError("malloc of size 4194304 failed"), OSError(errno.ENOMEM, "Cannot allocate")],
)
def test_too_little_memory_for_a_row_group_stops_the_run(
    tmp_path: Path, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS), path)
    with monkeypatch.context() as small:
        small.setattr(pq.ParquetFile, "iter_batches", raise_error(error))
        with pytest.raises(ResourceError, match="memory"):
            unipref.unify_feedback(study(path), tmp_path / "run")
    assert pq.read_table(unipref.unify_feedback(study(path), tmp_path / "run")).num_rows == 50


def test_a_file_without_permission_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"prompt": "Q", "chosen": "a", "rejected": "b"}\n')
    (part,) = parts([str(path)], tmp_path, "s")
    denied = raise_error(PermissionError(errno.EACCES, "Permission denied", str(path)))
    monkeypatch.setattr(compressed, "open", denied, raising=False)
    with pytest.raises(ResourceError, match="Permission denied"):
        list(read(part))


@pytest.mark.parametrize(
    "error",
    [
        zlib.error("Error -4 while decompressing data: out of memory"),
        zstandard.ZstdError("cannot allocate memory for decompression"),
        zstandard.ZstdError("zstd decompress error: Allocation error : not enough memory"),
        RuntimeError("can't start new thread"),
    ],
)
def test_the_errors_of_libraries_about_memory_are_about_a_resource(error: Exception) -> None:
    assert isinstance(resource_error(error), ResourceError)


@pytest.mark.parametrize(
    "error",
    [zlib.error("Error -3 while decompressing data: invalid block type"), pa.ArrowInvalid("Not Parquet")],
)
def test_damaged_data_are_not_a_resource(error: Exception) -> None:
    assert resource_error(error) is None


def test_a_worker_process_passes_the_error_on() -> None:
    error = ResourceError("there is too little memory.", where="x.parquet", mend="Use fewer workers.")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.lines()) == (ResourceError, error.lines())
    with Local(2) as engine, pytest.raises(ResourceError, match="memory"):
        list(engine.map(bytes, [1 << 62, 1], label="reading"))


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the address space")
def test_real_lack_of_memory_is_no_reject(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    long = pa.array([f"{n}" + "x" * 1_000_000 for n in range(300)], pa.large_string())
    pq.write_table(pa.table({"chosen": long}), path, compression="zstd", row_group_size=300)
    script = """
import resource, sys
import pyarrow.parquet as pq
from pathlib import Path
from unipref.core.errors import ResourceError
from unipref.sources import parts, read
(part,) = parts([sys.argv[1]], Path(), "s")
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (200 << 20), used + (200 << 20)))
try:
    print(len(list(read(part))), "rows")
except ResourceError as error:
    print("ResourceError", error.where)
"""
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["ResourceError", str(path)], done.stderr
