"""What `inspect` says of rows whose images are no files: a run would reject them."""

import json
from pathlib import Path

import pytest

from unipref.unify.inspection import inspect

PROMPTS = ("What is in the picture?", "What colour is the car?", "How many birds are there?")


def write(folder: Path) -> Path:
    file = folder / "rows.jsonl"
    rows = [
        {
            "prompt": prompt,
            "chosen": f"Yes, that is so {i}.",
            "rejected": "No idea at all.",
            "image": f"{i}.png",
        }
        for i, prompt in enumerate(PROMPTS)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def test_rows_without_their_images_are_shown_as_rejects(tmp_path: Path) -> None:
    (found,) = inspect([write(tmp_path)])
    assert found.map["images"] == "image"
    assert found.examples == [
        {"reject": f"missing_file: the image '{i}.png' is no file in the folder of its row"} for i in range(3)
    ]
    (doubt,) = (doubt for doubt in found.doubts if "no file" in doubt)
    assert doubt.startswith("3 of 3 rows name an image in 'image'")


def test_images_beside_the_rows_are_found_and_a_missing_one_is_counted(tmp_path: Path) -> None:
    for i in range(2):
        (tmp_path / f"{i}.png").write_bytes(b"x")
    (found,) = inspect([write(tmp_path)])
    assert ["chosen" in example for example in found.examples].count(True) == 2
    assert any(doubt.startswith("1 of 3 rows") and "'2.png'" in doubt for doubt in found.doubts)
    (tmp_path / "2.png").write_bytes(b"x")
    (found,) = inspect([write(tmp_path)])
    assert not any("no file" in doubt for doubt in found.doubts)


@pytest.mark.parametrize("image", ["https://example.org/{}.png", "s3://bucket/{}.png"])
def test_addresses_are_no_missing_files(tmp_path: Path, image: str) -> None:
    file = tmp_path / "rows.jsonl"
    rows = [
        {"prompt": prompt, "chosen": f"Yes, it is {i}.", "rejected": "No idea at all.", "image": image.format(i)}
        for i, prompt in enumerate(PROMPTS)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (found,) = inspect([file])
    assert not any("no file" in doubt for doubt in found.doubts)
