"""Models in GGUF files: dequantised once into a folder, which every later load opens.

A GGUF file holds weights that llama.cpp quantised. transformers can read several architectures of it. The folder gets
the weights as safetensors and the tokenizer, so trainers, adapters and cards treat it like any other model.

Source of the format: github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

import contextlib
import functools
import importlib.util
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from unipref.core import hashing, json_files, terminal
from unipref.core.attempts import replace_folder
from unipref.core.bar_reader import BarReader
from unipref.core.errors import UserError, describe, legible, raise_if_resource
from unipref.core.work_progress import report_work

if TYPE_CHECKING:
    pass

SUFFIX = ".gguf"
MAGIC = b"GGUF"
ORIGIN = "unipref_gguf.json"
"""File in a converted folder that says where its weights come from."""
CACHE_VARIABLE = "UNIPREF_CACHE"
"""Environment variable with the folder for converted models; a run sets it to its own `cache`."""
DTYPE_VARIABLE = "UNIPREF_GGUF_DTYPE"
"""Environment variable with the type that weights are converted to, where several machines have to agree."""
INSTALL = "Install what reads them: pip install 'unipref[real]'."


class Origin(msgspec.Struct, frozen=True):
    """Where the weights of a converted folder come from.

    Attributes:
        file, size, hash: the GGUF file's name, size in bytes and xxh3-128.
        architecture: such as 'llama'.
        quantization: the type of most of its weights, such as 'Q4_1'.
        tensors: number of tensors by type.
        dtype: of the weights in the folder.
    """

    file: str
    size: int
    hash: str
    architecture: str
    quantization: str
    tensors: dict[str, int]
    dtype: str

    def describe(self) -> str:
        """Describes it in a phrase for the card and the report."""
        return f"GGUF, most weights {self.quantization}, dequantised to {self.dtype}"


def find_file(name: str) -> Path | None:
    """Finds the GGUF file that a model's name means: the file itself, or the only one of a folder without other models.

    Returns:
        Its path, which need not exist; None if the name means no GGUF file.

    Raises:
        UserError: a folder holds several GGUF files and no other model.
    """
    path = Path(name).expanduser()
    if path.suffix.lower() == SUFFIX:
        return path
    if not path.is_dir() or any((path / file).is_file() for file in ("config.json", "adapter_config.json")):
        return None
    files = sorted(file for file in path.iterdir() if file.suffix.lower() == SUFFIX and file.is_file())
    if len(files) > 1:
        raise UserError(
            f"the folder holds {len(files)} GGUF files: {', '.join(legible(file.name) for file in files[:5])}.",
            where=str(path),
            mend=f"Name one of them: {path / files[0].name}",
        )
    return files[0] if files else None


def check_file(path: Path) -> None:
    """Checks without reading the weights that a GGUF file can be opened here.

    Raises:
        UserError: it is missing or not a GGUF file, or the package that reads it is missing.
    """
    if not path.is_file():
        near = sorted(file.name for file in path.parent.glob(f"*{SUFFIX}")) if path.parent.is_dir() else []
        mend = f"Its folder holds {', '.join(near[:5])}." if near else "Give the path of the file, or a model folder."
        raise UserError("the GGUF file does not exist.", where=str(path), mend=mend)
    try:
        with path.open("rb") as file:
            start = file.read(len(MAGIC))
    except OSError as error:
        raise_if_resource(error, str(path))
        raise UserError(f"it cannot be read: {error.strerror}.", where=str(path)) from error
    if start != MAGIC:
        what = "an unfinished download or a pointer" if start[:4] == b"vers" else f"it starts with {start!r}"
        mend = "Fetch the file again."
        raise UserError(f"it is not a GGUF file: {what}, and not with {MAGIC!r}.", where=str(path), mend=mend)
    if importlib.util.find_spec("gguf") is None:
        raise UserError("the package gguf, which reads GGUF files, is missing.", where=str(path), mend=INSTALL)


def open_as_folder(name: str) -> str:
    """Returns the folder of a model; the first time that a GGUF file is named, its weights are converted.

    Args:
        name: any model name; one that means no GGUF file is returned as it is.

    Raises:
        UserError: the file is missing or damaged, or transformers cannot read its architecture.
    """
    path = find_file(name)
    if path is None:
        return name
    check_file(path)
    state = path.stat()
    return _convert_once(str(path.resolve()), state.st_size, state.st_mtime_ns, str(cache_folder()))


def make_key(path: Path) -> str:
    """Returns the cache key of a GGUF file: the hash of its bytes, and the dtype that its weights are saved in."""
    check_file(path)
    return f"gguf:{hashing.file_hash(path)}:{choose_dtype()}"


@functools.lru_cache(maxsize=64)
def _convert_once(file: str, size: int, _changed: int, cache: str) -> str:
    path = Path(file)
    key, dtype = hashing.file_hash(path), choose_dtype()
    folder = Path(cache) / "gguf" / f"{path.stem}-{key[:12]}-{dtype}"
    if (folder / ORIGIN).is_file():
        return str(folder)
    from filelock import FileLock

    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / ORIGIN).is_file():
            with replace_folder(folder) as attempt:
                if _copy_from_user_cache(folder.name, key, attempt):
                    return str(folder)
                terminal.echo(f"converting {path.name} ({size / 1e6:,.0f} MB) once, to {folder}", err=True)
                origin = Origin(path.name, size, key, *_read_header(path), dtype)
                _convert(path, attempt, dtype)
                json_files.write_json(attempt / ORIGIN, msgspec.to_builtins(origin))
    return str(folder)


def _copy_from_user_cache(name: str, key: str, out: Path) -> bool:
    """Copies a folder that an earlier command converted from a file of the same hash; returns whether there was one."""
    known = _user_cache() / "gguf" / name
    origin = read_origin(str(known))
    if origin is None or origin.hash != key:
        return False
    shutil.copytree(known, out, dirs_exist_ok=True)
    return True


def read_origin(folder: str) -> Origin | None:
    """Reads where the weights of a folder come from; None if they were not converted from a GGUF file."""
    try:
        return msgspec.json.decode((Path(folder) / ORIGIN).read_bytes(), type=Origin)
    except (OSError, msgspec.MsgspecError):
        return None


def cache_folder() -> Path:
    """Returns the folder for converted models: of the run, of `UNIPREF_CACHE`, or the user's cache folder."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen).expanduser().resolve()
    return _user_cache()


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "unipref"


@contextlib.contextmanager
def keep_in(cache: Path) -> Iterator[None]:
    """Sets the folder for converted models, also for the processes that this one starts."""
    before = os.environ.get(CACHE_VARIABLE)
    os.environ[CACHE_VARIABLE] = str(cache.resolve())
    try:
        yield
    finally:
        if before is None:
            del os.environ[CACHE_VARIABLE]
        else:
            os.environ[CACHE_VARIABLE] = before


def choose_dtype() -> str:
    """Returns 'bfloat16' if this machine computes in it (a GPU, or a CPU with AVX-512 BF16 or AMX), else 'float32'."""
    if chosen := os.environ.get(DTYPE_VARIABLE):
        return chosen
    import torch

    if torch.cuda.is_available():
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    return "bfloat16" if has_bfloat16() else "float32"


def has_bfloat16() -> bool:
    """Whether this CPU has instructions for bfloat16, as far as torch can tell."""
    import torch

    able = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def _read_header(path: Path) -> tuple[str, str, dict[str, int]]:
    """Reads the architecture, the type of most weights, and the number of tensors by type."""
    from gguf import GGUFReader

    with _explain(path):
        reader = GGUFReader(path)
        architecture = str(reader.fields["general.architecture"].contents())
        counts, weights = Counter[str](), Counter[str]()
        for tensor in reader.tensors:
            counts[tensor.tensor_type.name] += 1
            weights[tensor.tensor_type.name] += int(tensor.n_elements)
    return architecture, max(weights, key=lambda kind: (weights[kind], kind)), dict(sorted(counts.items()))


def read_model(path: Path, verb: str = "reading") -> tuple[Any, Any]:
    """Reads the model of a GGUF file with float32 weights, and its tokenizer.

    Args:
        path: of the file.
        verb: what is done with it, as the progress says.

    Raises:
        UserError: the file is damaged, or transformers cannot read its architecture.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    label = f"{verb} {path.name}"
    report_work(label, 0, 1)
    with _explain(path):
        with contextlib.redirect_stderr(BarReader(label)):  # no setting turns off this bar
            model: Any = AutoModelForCausalLM.from_pretrained(
                str(path.parent), gguf_file=path.name, dtype=torch.float32, trust_remote_code=False
            )
        report_work(f"{verb} its tokenizer", 0, 1)
        tokenizer = AutoTokenizer.from_pretrained(str(path.parent), gguf_file=path.name, trust_remote_code=False)
        _forget_quantization(model)
    return model, tokenizer


def _convert(path: Path, out: Path, dtype: str) -> None:
    """Writes the dequantised weights and the tokenizer of a GGUF file as a model folder."""
    import torch

    model, tokenizer = read_model(path, "converting")
    with _explain(path):
        chosen: torch.dtype = getattr(torch, dtype)
        model.to(chosen).save_pretrained(out)
        tokenizer.save_pretrained(out)


def _forget_quantization(model: Any) -> None:
    """Removes the marks of a quantised model: its weights are ordinary numbers now, and it could not be saved."""
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.hf_quantizer = None
    model.is_quantized = False


@contextlib.contextmanager
def _explain(path: Path) -> Iterator[None]:
    """Turns whatever the libraries raise over a damaged or unknown file into one message."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise_if_resource(error, str(path))
        raise UserError(
            f"the GGUF file cannot be converted: {describe(error)}.",
            where=str(path),
            mend="Fetch it again, or use the model's safetensors: transformers reads only some architectures of GGUF.",
        ) from error
