"""Paths of one machine and secrets do not get into what is sent."""

import pytest

from unipref.core.errors import UserError
from unipref.pipeline.push.content import clean_model_json, strip_folders


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
    with pytest.raises(UserError, match="'a.cache' looks like a path of one machine"):
        clean_model_json({"a": {"cache": text}}, "config.json")


@pytest.mark.parametrize("text", ["/", "//", "/think", "</s>", "{{ a }}/b/c", "/" * 5_000, "~", "a/b"])
def test_tokens_and_templates_in_a_models_json_are_no_paths(text: str) -> None:
    assert clean_model_json({"token": text}, "tokenizer_config.json") == {"token": text}
