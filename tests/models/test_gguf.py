"""A GGUF file as a model: its dequantised weights, its cache, and what damaged files end in."""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest

from support.tiny_gguf import LAYERS, write_gguf
from unipref.core.errors import UserError
from unipref.models import gguf, loading, opening

pytestmark = pytest.mark.skipif(importlib.util.find_spec("gguf") is None, reason="the package gguf is not installed")


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, np.ndarray]]:
    """A GGUF file alone in its folder, and its weights."""
    path = tmp_path_factory.mktemp("gguf") / "tiny.Q4_1.gguf"
    return path, write_gguf(path)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for converted models."""
    monkeypatch.setenv(gguf.CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_weights_are_those_of_the_file(stored: tuple[Path, dict[str, np.ndarray]], cache: Path) -> None:
    path, weights = stored
    model = loading.load_model(str(path), "causal")
    state = {name: tensor.float().numpy() for name, tensor in model.state_dict().items()}
    rounding = 2.0**-8 if gguf.choose_dtype() == "bfloat16" else 0.0
    for name, place in (
        ("token_embd", "model.embed_tokens"),
        ("blk.0.ffn_down", "model.layers.0.mlp.down_proj"),
        ("blk.1.attn_v", "model.layers.1.self_attn.v_proj"),
    ):
        np.testing.assert_allclose(state[f"{place}.weight"], weights[name], rtol=rounding, atol=1e-7)
    # Query and key rows are interleaved for llama.cpp's rotary embedding, so only their order differs.
    query = state["model.layers.0.self_attn.q_proj.weight"]
    np.testing.assert_allclose(np.sort(query, axis=None), np.sort(weights["blk.0.attn_q"], axis=None), rtol=rounding)
    origin = gguf.read_origin(gguf.open_as_folder(str(path)))
    assert origin is not None
    assert (origin.file, origin.quantization, origin.architecture) == ("tiny.Q4_1.gguf", "Q4_1", "llama")
    assert origin.tensors == {"F32": 1 + 2 * LAYERS, "Q4_1": 1 + 7 * LAYERS}
    assert origin.describe() == f"GGUF, most weights Q4_1, dequantised to {gguf.choose_dtype()}"


def test_it_is_converted_once_and_its_folder_is_a_model(
    stored: tuple[Path, dict[str, np.ndarray]], cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, _ = stored
    folder = Path(gguf.open_as_folder(str(path)))
    assert folder.parent == cache / "gguf"
    assert "converting tiny.Q4_1.gguf" in capsys.readouterr().err
    before = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
    gguf._convert_once.cache_clear()  # as another process would open it
    assert gguf.open_as_folder(str(path.parent)) == str(folder)
    assert {file.name: file.stat().st_mtime_ns for file in folder.iterdir()} == before
    assert capsys.readouterr().err == ""
    opening.check_folder(str(folder))
    assert not hasattr(opening.open_config(str(folder)), "quantization_config")
    tokenizer, own = loading.load_tokenizer(str(path))
    assert own
    assert tokenizer.decode(tokenizer("how are you").input_ids) == "how are you"
    assert loading.model_key(str(path)) == loading.model_key(str(path.parent))
    assert loading.model_key(str(path)).startswith("gguf:")


def test_a_run_copies_what_the_users_cache_already_has(
    stored: tuple[Path, dict[str, np.ndarray]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path, _ = stored
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv(gguf.CACHE_VARIABLE, raising=False)
    first = Path(gguf.open_as_folder(str(path)))
    capsys.readouterr()
    with gguf.keep_in(tmp_path / "run" / "cache"):
        second = Path(gguf.open_as_folder(str(path)))
    assert second == tmp_path / "run" / "cache" / "gguf" / first.name
    assert "converting" not in capsys.readouterr().err
    assert {file.name: file.read_bytes() for file in first.iterdir()} == {
        file.name: file.read_bytes() for file in second.iterdir()
    }
    # A folder of another file is not taken.
    origin = first / gguf.ORIGIN
    origin.write_text(origin.read_text().replace('"hash": "', '"hash": "0'))
    with gguf.keep_in(tmp_path / "other" / "cache"):
        gguf.open_as_folder(str(path))
    assert "converting" in capsys.readouterr().err


def test_the_folder_of_a_run_is_used_and_then_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv(gguf.CACHE_VARIABLE, raising=False)
    assert gguf.cache_folder() == tmp_path / "home" / "unipref"
    with gguf.keep_in(tmp_path / "run" / "cache"):
        assert gguf.cache_folder() == tmp_path / "run" / "cache"
    assert gguf.CACHE_VARIABLE not in os.environ


def test_other_names_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "extra.gguf").write_bytes(b"GGUF")
    for name in ("org/name", str(tmp_path), "gpt2"):
        assert gguf.open_as_folder(name) == name


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "the GGUF file does not exist.*other.gguf"),
        (b"", "it is not a GGUF file"),
        (b"version https://git-lfs.github.com/spec/v1", "unfinished download or a pointer"),
        (b"GGUF", "cannot be converted"),
        (b"GGUF" + b"\xff" * 64, "cannot be converted"),
    ],
)
def test_a_bad_file_ends_in_one_message(content: bytes | None, message: str, tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "model.gguf"
    (tmp_path / "other.gguf").write_bytes(b"GGUF")
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match="(?s)" + message):
        gguf.open_as_folder(str(path))
    assert not list(cache.glob("gguf/*.partial*"))


@pytest.mark.parametrize("share", [0.2, 0.6, 0.99])
def test_a_truncated_file_ends_in_one_message(
    share: float, stored: tuple[Path, dict[str, np.ndarray]], tmp_path: Path, cache: Path
) -> None:
    whole = stored[0].read_bytes()
    (tmp_path / "cut.gguf").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(UserError, match="cannot be converted"):
        gguf.open_as_folder(str(tmp_path / "cut.gguf"))


def test_a_folder_of_several_files_asks_which(tmp_path: Path) -> None:
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).write_bytes(b"GGUF")
    with pytest.raises(UserError, match=r"2 GGUF files: a\.gguf, b\.gguf"):
        loading.check_name(str(tmp_path))


def test_a_missing_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.gguf").write_bytes(b"GGUF")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"unipref\[real\]"):
        loading.check_name(str(tmp_path / "a.gguf"))
