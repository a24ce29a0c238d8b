"""Paths of one machine and secrets do not get into what is sent."""

import pytest

from unipref.core.errors import UserError
from unipref.pipeline.push.content import Content, clean_model_json, strip_folders, strip_images
from unipref.pipeline.push.models import STALE
from unipref.pipeline.push.upload import find_stale


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/ann/some data/a.csv:3", "a.csv:3"),
        ("file:///home/ann/a.csv", "a.csv"),
        ("file:///C:/Users/ann/a.csv", "a.csv"),
        ("\\\\server\\share\\ann\\a.csv", "a.csv"),
        ("C:\\Users\\ann\\a.csv", "a.csv"),
        ("../../home/ann/a.csv", "a.csv"),
        ("~ann/a.csv", "a.csv"),
        ("in /home/ann/a.csv, file:///home/ann/b, ../../ann/c and ~ann/d", "in a.csv, b, c and d"),
        ("at \\\\server\\share\\ann\\a.csv: missing", "at a.csv: missing"),
        ("hf://datasets/owner/name/a.csv:2", "hf://datasets/owner/name/a.csv:2"),
        ("https://example.org/a/b.png", "https://example.org/a/b.png"),
        ("about ~5/10, 3 / 4, FOLDER/../sft", "about ~5/10, 3 / 4, FOLDER/../sft"),
        ("data/a.csv:1", "data/a.csv:1"),
    ],
)
def test_of_paths_only_the_last_part_is_left(text: str, expected: str) -> None:
    assert strip_folders({"at": [text]}) == {"at": [expected]}


@pytest.mark.parametrize("text", ["/nowhere/ann/x", "/a" * 5_000, "~ann/x", "D:\\x", "file:///x/y", "../../ann/x"])
def test_a_path_in_a_models_json_is_an_error_whether_or_not_it_exists(text: str) -> None:
    with pytest.raises(UserError, match=r"'a\.cache' looks like a path of one machine"):
        clean_model_json({"a": {"cache": text}}, "config.json")


@pytest.mark.parametrize("text", ["/", "//", "/think", "</s>", "{{ a }}/b/c", "/" * 5_000, "~", "a/b"])
def test_tokens_and_templates_in_a_models_json_are_no_paths(text: str) -> None:
    assert clean_model_json({"token": text}, "tokenizer_config.json") == {"token": text}


def test_paths_of_images_lose_their_folders_in_place_and_urls_stay() -> None:
    refs = ["/home/ann/a.png", "file:///home/ann/b.png", "https://example.org/c.png?of=/a/b/c", "data/d.png"]
    messages = [{"role": "user", "images": [{"ref": ref} for ref in refs]}, {"role": "user", "images": None}]
    assert strip_images(messages) == 4
    found = [image["ref"] for image in messages[0]["images"]]
    assert found == ["a.png", "b.png", refs[2], refs[3]]


def test_only_files_at_the_root_that_would_be_loaded_too_are_stale() -> None:
    stale = ["adapter_config.json", "adapter_model.bin", "model-00001-of-00002.safetensors"]
    stale += ["model.safetensors.index.json", "pytorch_model.bin", "pytorch_model-00001-of-00002.bin"]
    kept = ["original/model.safetensors", "original/pytorch_model.bin", "vae.safetensors", "mine.bin", "README.md"]
    assert find_stale([*stale, *kept], Content("model", folders=STALE)) == stale
