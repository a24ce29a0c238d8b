"""Checks the files of a model folder cheaply, before any weights are read: each problem ends in one message.

A folder comes from elsewhere, and a broken download looks like a model until it is loaded. Only small files and the
headers of safetensors files are read, so the checks take milliseconds for a model of any size.

Source of the safetensors layout (8 bytes of header size, JSON header, data): huggingface.co/docs/safetensors.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from unipref.core.errors import UserError, first_line, resource_error

ADAPTER_CONFIG = "adapter_config.json"
CONFIG = "config.json"
ADAPTER_WEIGHTS, WEIGHTS, INDEX = "adapter_model.safetensors", "model.safetensors", "model.safetensors.index.json"
OTHER_WEIGHTS = re.compile(
    r"(pytorch_model|adapter_model|model|consolidated|tf_model|flax_model).*\.(bin|pth?|h5|msgpack|ckpt)"
)
"""Weights in a format that can hold code (pickle), or that is not PyTorch's."""
LFS_START = b"version https://git-lfs.github.com/spec/"
LARGEST_HEADER = 100_000_000
"""Bytes of a safetensors header above which the library refuses it."""
LARGEST_JSON = 64 << 20
SIZES = (
    *("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "intermediate_size"),
    *("vocab_size", "max_position_embeddings", "head_dim", "n_embd", "n_layer", "n_head", "n_positions", "d_model"),
)
"""Settings of a model's configuration that have to be whole numbers above zero."""
EMBEDDING = re.compile(
    r"(embed_tokens|wte|word_embeddings|embed_in|embed_out|lm_head)(\.modules_to_save|\.base_layer)*\.weight"
)
"""Names of tensors with one row per token."""
FETCH_AGAIN = "Fetch the folder again: the download is incomplete or the file was changed."
CONVERT = (
    "Convert it once, where you trust the file: AutoModelForCausalLM.from_pretrained(FOLDER, use_safetensors=False)"
    ".save_pretrained(NEW_FOLDER) (for an adapter: AutoPeftModelForCausalLM), and copy the tokenizer's files."
)

Shapes = dict[str, tuple[int, ...]]
"""Tensor name -> its shape."""


def holds_weights(folder: Path) -> bool:
    """Whether a folder has the weights of a whole model, in any format."""
    if (folder / WEIGHTS).is_file() or (folder / INDEX).is_file():
        return True
    return any(OTHER_WEIGHTS.fullmatch(path.name) and "adapter" not in path.name for path in folder.iterdir())


def check_model_files(folder: Path) -> Shapes:
    """Checks configuration and weights of a folder that holds a whole model.

    Returns:
        Shapes of its tensors.

    Raises:
        UserError: a file is missing, is not what it should be, asks for code to be run, or does not fit the others.
    """
    if (folder / ADAPTER_CONFIG).is_file():
        raise UserError(
            f"the folder holds a whole model and also an adapter ({ADAPTER_CONFIG}), so it is unclear which is meant.",
            where=str(folder),
            mend="Move the adapter's files to a folder of their own.",
        )
    if not (folder / CONFIG).is_file():
        mend = "Give a folder that transformers' save_pretrained wrote, with all its files."
        raise UserError(f"cannot be read as a model: {CONFIG} is missing.", where=str(folder), mend=mend)
    config = read_json_object(folder / CONFIG)
    _check_sizes(config, folder / CONFIG)
    refuse_own_code(config, folder / CONFIG)
    shapes: Shapes = {}
    total = 0
    for path in _list_weight_files(folder):
        shapes |= read_shapes(path)
        total += path.stat().st_size
    _check_size_of_weights(config, shapes, total, folder)
    return shapes


def check_adapter_files(folder: Path) -> tuple[dict[str, Any], Shapes]:
    """Checks configuration and weights of a folder that holds only an adapter.

    Returns:
        Its configuration, and the shapes of its tensors.

    Raises:
        UserError: as `check_model_files`.
    """
    config = read_json_object(folder / ADAPTER_CONFIG)
    weights = folder / ADAPTER_WEIGHTS
    if not weights.is_file():
        raise _missing_weights(folder, ADAPTER_WEIGHTS)
    return config, read_shapes(weights)


def check_tokenizer_files(folder: Path) -> None:
    """Checks the tokenizer's JSON files of a folder, as far as it has them.

    Raises:
        UserError: a file is not valid JSON, or is a Git LFS pointer.
    """
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        if (folder / name).is_file():
            read_json_object(folder / name)


def check_embedding_rows(adapter: Path, shapes: Shapes, base_config: Mapping[str, Any], base: str) -> None:
    """Refuses an adapter whose embedding has another number of tokens than its base model's."""
    text = base_config.get("text_config")
    rows = base_config.get("vocab_size") or (text.get("vocab_size") if isinstance(text, Mapping) else None)
    for name, shape in shapes.items():
        if EMBEDDING.search(name) and len(shape) == 2 and isinstance(rows, int) and shape[0] != rows:
            raise UserError(
                f"the adapter holds an embedding of {shape[0]} tokens, but its base model {base} has {rows}.",
                where=str(adapter),
                mend=f"Call resize_token_embeddings({shape[0]}) on the base, save it, and name that folder as "
                f"'base_model_name_or_path' in {ADAPTER_CONFIG}.",
            )


def read_json_object(path: Path) -> dict[str, Any]:
    """Reads a JSON file that has to hold one object.

    Raises:
        UserError: the file is missing, too large, a Git LFS pointer, or is not a JSON object.
    """
    try:
        if not path.is_file():
            mend = "Give a folder written by save_pretrained, with all its files."
            raise UserError(f"the file {path.name} is missing.", where=str(path.parent), mend=mend)
        _refuse_pointer(path)
        if path.stat().st_size > LARGEST_JSON:
            raise UserError(f"the file has more than {LARGEST_JSON >> 20} MiB.", where=str(path), mend=FETCH_AGAIN)
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise _unreadable(error, path) from error
    except (ValueError, RecursionError) as error:
        what = f"the file is not valid JSON: {first_line(error)}."
        raise UserError(what, where=str(path), mend=FETCH_AGAIN) from error
    if not isinstance(content, dict):
        what = f"the file has to hold a JSON object, found {type(content).__name__}."
        raise UserError(what, where=str(path), mend=FETCH_AGAIN)
    return content


def read_shapes(path: Path) -> Shapes:
    """Reads the shapes of the tensors in a safetensors file from its header, and checks that the file is whole.

    Raises:
        UserError: the file is empty, cut, a Git LFS pointer, or is not a safetensors file.
    """
    try:
        _refuse_pointer(path)
        size = path.stat().st_size
        with path.open("rb") as file:
            header_size = int.from_bytes(file.read(8), "little")
            if size < 8 or header_size > min(size - 8, LARGEST_HEADER):
                what = f"the file is cut or is not a safetensors file: it has {size:,} bytes"
                what += f", and its header alone needs {header_size:,}." if size >= 8 else "."
                raise UserError(what, where=str(path), mend=FETCH_AGAIN)
            header = json.loads(file.read(header_size))
        shapes, end = _read_header(header)
    except OSError as error:
        raise _unreadable(error, path) from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        what = f"the header of the safetensors file is damaged: {first_line(error)}."
        raise UserError(what, where=str(path), mend=FETCH_AGAIN) from error
    if end != size - 8 - header_size:
        raise UserError(
            f"the file is cut or damaged: its header describes {end:,} bytes of weights, but it has "
            f"{size - 8 - header_size:,}.",
            where=str(path),
            mend=FETCH_AGAIN,
        )
    return shapes


def _read_header(header: Any) -> tuple[Shapes, int]:
    """The shapes, and the end of the last tensor in bytes."""
    shapes: Shapes = {}
    end = 0
    for name, about in header.items():
        if name == "__metadata__":
            continue
        shapes[name] = tuple(int(length) for length in about["shape"])
        start, stop = about["data_offsets"]
        if not 0 <= start <= stop:
            raise ValueError(f"the offsets of {name} are {start} and {stop}")
        end = max(end, int(stop))
    return shapes, end


def _list_weight_files(folder: Path) -> Iterator[Path]:
    """The safetensors files of a model, one or several."""
    if (folder / WEIGHTS).is_file():
        yield folder / WEIGHTS
        return
    if not (folder / INDEX).is_file():
        raise _missing_weights(folder, WEIGHTS)
    parts = read_json_object(folder / INDEX).get("weight_map")
    if not isinstance(parts, dict) or not parts or not all(isinstance(name, str) for name in parts.values()):
        what = "'weight_map' has to name the file of each tensor."
        raise UserError(what, where=str(folder / INDEX), mend=FETCH_AGAIN)
    for name in sorted(set(parts.values())):
        path = folder / name
        if Path(name).name != name:
            raise UserError(f"'{name}' is not in the model's folder.", where=str(folder / INDEX), mend=FETCH_AGAIN)
        if not path.is_file():
            raise UserError(f"the file {name} is missing.", where=str(folder), mend=FETCH_AGAIN)
        yield path


def _missing_weights(folder: Path, expected: str) -> UserError:
    others = sorted(path.name for path in folder.iterdir() if OTHER_WEIGHTS.fullmatch(path.name))
    if others:
        return UserError(
            f"the weights are only in {others[0]}, a format that can run code when it is read; only safetensors files "
            "are loaded.",
            where=str(folder),
            mend=CONVERT,
        )
    return UserError(f"the weights are missing: the folder has no {expected}.", where=str(folder), mend=FETCH_AGAIN)


def _unreadable(error: OSError, path: Path) -> UserError:
    return resource_error(error, str(path)) or UserError(f"it cannot be read: {first_line(error)}.", where=str(path))


def _refuse_pointer(path: Path) -> None:
    with path.open("rb") as file:
        if file.read(len(LFS_START)) == LFS_START:
            raise UserError(
                "the file is a Git LFS pointer, not the content itself.",
                where=str(path),
                mend="Run 'git lfs pull' in the repository, or fetch the file with the hub's client.",
            )


def _check_sizes(config: Mapping[str, Any], path: Path) -> None:
    parts = [("", config)]
    if isinstance(config.get("text_config"), Mapping):
        parts.append(("text_config.", config["text_config"]))
    for prefix, part in parts:
        for name, value in part.items():
            is_size = isinstance(value, int) and not isinstance(value, bool) and value > 0
            if name in SIZES and value is not None and not isinstance(value, list) and not is_size:
                raise UserError(
                    f"'{prefix}{name}' has to be a whole number above 0, found {str(value)[:40]!r}.",
                    where=str(path),
                    mend=FETCH_AGAIN,
                )


def _check_size_of_weights(config: Mapping[str, Any], shapes: Shapes, total: int, folder: Path) -> None:
    """Refuses a configuration that describes a far larger model than the weights: it would be allocated first."""
    text = config["text_config"] if isinstance(config.get("text_config"), Mapping) else config
    width = text.get("hidden_size") or text.get("n_embd") or text.get("d_model") or 1
    rows, layers = text.get("vocab_size") or 1, text.get("num_hidden_layers") or text.get("n_layer") or 1
    inner = text.get("intermediate_size") or 1
    sizes = [size if isinstance(size, int) else 1 for size in (width, rows, layers, inner)]
    # A weight has at least one bit, and a layer at least one tensor unless layers share theirs.
    needed = sizes[0] * max(sizes[1], sizes[3])
    if needed > 8 * total or sizes[2] > max(len(shapes), 1000):
        raise UserError(
            f"{CONFIG} does not belong to the weights: hidden_size {sizes[0]}, vocab_size {sizes[1]}, "
            f"intermediate_size {sizes[3]} and {sizes[2]} layers do not fit {len(shapes)} tensors of {total:,} bytes.",
            where=str(folder),
            mend=FETCH_AGAIN,
        )


def refuse_own_code(config: Mapping[str, Any], path: Path) -> None:
    """Refuses a model that only its own Python files can open: they are never run.

    A configuration may name such files beside a type that transformers has itself; then transformers' own is used.

    Raises:
        UserError: it names the files that would be run.
    """
    if own := config.get("auto_map"):
        from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

        if config.get("model_type") not in CONFIG_MAPPING_NAMES:
            raise own_code_error(own, str(path))


def own_code_error(own: Any, where: str) -> UserError:
    """Returns the error for a model or tokenizer that asks for its own code; `own` is its `auto_map`."""
    values = own.values() if isinstance(own, Mapping) else [own]
    flat = [one for value in values for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]
    files = sorted({f"{one.rpartition('--')[2].partition('.')[0]}.py" for one in flat})
    return UserError(
        f"it can be opened only by running its own Python code ({', '.join(files) or 'its own files'}), which unipref "
        "never does.",
        where=where,
        mend="Use a model whose type transformers has itself, or convert it to such a type.",
    )
