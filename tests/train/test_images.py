"""Training with images: what is read, what is left out and why, and two steps of SFT and DPO of tiny random models.

Without Pillow (`pip install 'unipref[vision]'`) the tests that need it are skipped.
"""

import copy
import hashlib
import importlib.util
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.tiny_vision_model import write_tiny_llava, write_tiny_smolvlm
from unipref.core.contracts import TrainJob
from unipref.core.errors import UserError
from unipref.core.records import preference_schema
from unipref.core.template_turns import takes_images, takes_list
from unipref.models import image_processor
from unipref.models.loading import load_policy, load_tokenizer
from unipref.train.checks.preflight import PreflightRequest, preflight
from unipref.train.data.rows import PAIRS, write_rows
from unipref.train.image_reading import open_reader
from unipref.train.trainers.dpo import Dpo
from unipref.train.trainers.kto import Kto
from unipref.train.trainers.sft import Sft

needs_pillow = pytest.mark.skipif(
    importlib.util.find_spec("PIL") is None, reason="needs Pillow: pip install 'unipref[vision]'"
)
QUESTION = "What does the picture show?"
Row = dict[str, Any]
MakeRow = Callable[[str, str | None, str | None], Row]


def add_image(row: Row, ref: str, sha256: str | None, at: int = 0, side: str = "prompt") -> Row:
    row = copy.deepcopy(row)
    row[side][0].setdefault("images", []).append({"ref": ref, "sha256": sha256, "at": at})
    return row


def write_image(path: Path, colour: tuple[int, int, int] = (200, 10, 10)) -> str:
    from PIL import Image

    Image.new("RGB", (40, 30), colour).save(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_preferences(path: Path, rows: list[Row]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows, schema=preference_schema(True)), path)
    return path


@pytest.fixture(scope="session")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("PIL", reason="needs Pillow: pip install 'unipref[vision]'")
    return write_tiny_llava(tmp_path_factory.mktemp("llava"))


@pytest.fixture
def image_rows(row: MakeRow, tmp_path: Path) -> list[Row]:
    """Eight pairs on one of two images each, and two without."""
    hashes = [write_image(tmp_path / "red.png"), write_image(tmp_path / "blue.png", (10, 10, 200))]
    names = ["red.png", "blue.png"]
    rows = [
        add_image(row(f"{QUESTION} {i}", f"A {names[i % 2][:-4]} square.", "Nothing."), names[i % 2], hashes[i % 2])
        for i in range(8)
    ]
    return rows + [row(f"Say {i}.", f"It is {i}.", "No.") for i in range(2)]


@pytest.fixture
def make_job(tmp_path: Path) -> Callable[..., TrainJob]:
    def make(policy: Path, rows: list[Row], to: str = "out") -> TrainJob:
        (tmp_path / to).mkdir()
        file = write_preferences(tmp_path / "train.parquet", rows)
        return TrainJob(policy=policy, preferences=file, held_out=file, data_root=tmp_path, out=tmp_path / to)

    return make


def read_rows(model: Path, rows: list[Row], root: Path, trainer: Any = None) -> tuple[Any, list[Row]]:
    """Writes rows for DPO; returns their usage and what TRL gets."""
    file = write_preferences(root / "rows.parquet", rows)
    tokenizer, _ = load_tokenizer(str(model))
    reader, why = open_reader(trainer or Dpo(), str(model), tokenizer, file, root, root)
    usage = write_rows(file, root / "rows.arrow", PAIRS, tokenizer, 256, images=reader)
    usage.why_no_images = why or usage.why_no_images
    with pa.OSFile(str(root / "rows.arrow")) as source:
        return usage, pa.ipc.open_stream(source).read_all().to_pylist()


def test_a_template_that_takes_only_lists_of_parts_renders_plain_texts(llava: Path) -> None:
    from unipref.core.chat_models import render

    tokenizer, own = load_tokenizer(str(llava))
    assert own
    assert takes_list(tokenizer)
    assert takes_images(tokenizer)
    text = render(tokenizer, [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes."}])
    assert text == "user: Hi\nassistant: Yes.</s>"


def test_a_template_for_texts_takes_no_images(tiny_model: Path) -> None:
    tokenizer, _ = load_tokenizer(str(tiny_model))
    assert not takes_list(tokenizer)
    assert not takes_images(tokenizer)


def test_each_image_has_its_place_and_the_processor_counts_it(llava: Path, row: MakeRow, tmp_path: Path) -> None:
    sha = write_image(tmp_path / "a.png")
    plain = row("Compare  these.", "Same.", "Other.")
    given = add_image(add_image(plain, "a.png", sha, at=0), "a.png", sha, at=8)
    usage, (text, without) = read_rows(llava, [given, plain], tmp_path)
    assert text["prompt"] == "user: <image>Compare <image> these.\nassistant: "
    assert (text["chosen"], text["rejected"]) == ("Same.</s>", "Other.</s>")
    assert text["images"] == [str(tmp_path / "a.png")] * 2
    assert (without["prompt"], without["images"]) == ("user: Compare  these.\nassistant: ", [])
    # Four tokens an image.
    assert usage.lengths[0] == usage.lengths[1] + 8
    assert (usage.used, usage.images) == (2, 1)


@needs_pillow
def test_rows_whose_images_cannot_be_used_are_left_out_and_counted(
    llava: Path, row: MakeRow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = write_image(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    bad = hashlib.sha256(b"no picture").hexdigest()
    rows = [
        add_image(row("Good?", "Yes.", "No."), "good.png", sha),
        add_image(row("Missing?", "Yes.", "No."), "none.png", sha),
        add_image(row("Changed?", "Yes.", "No."), "good.png", "0" * 64),
        add_image(row("Damaged?", "Yes.", "No."), "bad.png", bad),
        add_image(row("Far?", "Yes.", "No."), "https://example.org/a.png", None),
        add_image(row("Drawn?", "Yes.", "No."), "good.png", sha, side="chosen"),
        add_image(row("Marks <image> too?", "Yes.", "No."), "good.png", sha),
        row("Marks <image> alone?", "Yes.", "No."),
    ]
    usage, texts = read_rows(llava, rows, tmp_path)
    assert len(texts) == usage.used == 1
    assert usage.left_out == {
        "image_missing": 1,
        "image_changed": 1,
        "image_not_decoded": 1,
        "image_by_url": 1,
        "image_in_answer": 1,
        "image_refused": 2,
    }
    assert usage.used + usage.left_out.total() == usage.rows == 8
    lines = "\n".join(usage.describe_parts(False))
    assert "1 of 8 preferences are left out: a file of their images is missing" in lines
    assert "'image_urls: true' lets the step fetch it" in lines
    assert "an image is another than when the row was read" in usage.explain(256)


@needs_pillow
def test_an_image_is_fetched_only_where_the_settings_allow_it(
    llava: Path, row: MakeRow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io
    import urllib.request

    write_image(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    asked = []

    def answer(url: str, timeout: float) -> io.BytesIO:
        asked.append(url)
        if "missing" in url:
            raise OSError("no such page")
        return io.BytesIO(content)

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    urls = ["https://a.org/1.png", "https://a.org/1.png", "https://a.org/missing.png", "ftp://a.org/1.png"]
    rows = [add_image(row(f"Far {i}?", "Yes.", "No."), url, None) for i, url in enumerate(urls)]
    assert read_rows(llava, rows, tmp_path)[0].left_out == {"image_by_url": 3, "image_not_fetched": 1}
    assert not asked
    usage, _ = read_rows(llava, rows, tmp_path, Dpo(image_urls=True))
    assert (usage.used, usage.left_out) == (2, {"image_not_fetched": 2})
    assert asked == ["https://a.org/1.png", "https://a.org/missing.png"]


def test_the_message_says_why_images_are_not_read(tiny_model: Path, row: MakeRow, tmp_path: Path) -> None:
    rows = [add_image(row("A?", "Yes.", "No."), "a.png", "0" * 64), row("B?", "Yes.", "No.")]
    usage, _ = read_rows(tiny_model, rows, tmp_path)
    assert usage.left_out == {"images_not_read": 1}
    assert "they hold images, which the step does not read: the model reads none" in usage.describe_parts(False)[0]


def test_without_pillow_the_message_names_the_extra(
    llava: Path, image_rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_processor, "can_decode", lambda: False)
    usage, texts = read_rows(llava, image_rows, tmp_path)
    assert (len(texts), usage.left_out) == (2, {"images_not_read": 8})
    assert "pip install 'unipref[vision]'" in usage.describe_parts(False)[0]


@pytest.mark.parametrize(
    ("trainer", "why"),
    [
        (Kto(), "TRL's KTO takes none"),
        (Sft(packing=True), "packed rows hold none"),
        (Sft(special_tokens="as_text"), "special_tokens: as_text"),
        (Dpo(soft_labels=True), "soft_labels"),
    ],
)
def test_trainers_that_read_no_images_say_so(
    trainer: Any, why: str, llava: Path, image_rows: list[Row], tmp_path: Path
) -> None:
    usage, _ = read_rows(llava, image_rows, tmp_path, trainer)
    assert usage.left_out == {"images_not_read": 8}
    assert why in usage.describe_parts(False)[0]


def list_changed(before: Path, after: Path) -> set[str]:
    """The names of the weights that differ."""
    from safetensors.torch import load_file

    old, new = (load_file(folder / "model.safetensors") for folder in (before, after))
    assert old.keys() == new.keys()
    return {name for name in old if not old[name].equal(new[name])}


@needs_pillow
@pytest.mark.slow
@pytest.mark.parametrize("write_model", [write_tiny_llava, write_tiny_smolvlm])
@pytest.mark.parametrize("trainer", [Sft, Dpo])
def test_two_steps_on_rows_with_and_without_images(
    trainer: Any, write_model: Callable[[Path], Path], image_rows: list[Row], make_job: Any, tmp_path: Path
) -> None:
    model = write_model(tmp_path / "model")
    job = make_job(model, image_rows)
    result = trainer(max_steps=2, learning_rate=1e-2, per_device_train_batch_size=5, logging_steps=1).fit(job)
    assert (result["used"], result["left_out"], result["steps"]) == (10, {}, 2)
    assert all(point["loss"] > 0 for point in result["curve"])
    assert any("8 of 10 preferences hold images" in warning for warning in result["warnings"])
    changed = list_changed(model, job.out)
    assert any("vision" in name for name in changed), "the image tower learns"
    assert any("vision" not in name for name in changed)
    # The saved folder is whole: it opens with its processor, and as a model of texts.
    policy = load_policy(str(job.out))
    assert policy.context == 256
    processor = image_processor.open_processor(str(job.out), policy.tokenizer)
    assert processor.image_processor is not None


@needs_pillow
@pytest.mark.slow
def test_an_adapter_over_images_is_merged(llava: Path, image_rows: list[Row], make_job: Any) -> None:
    job = make_job(llava, image_rows)
    result = Dpo(max_steps=2, learning_rate=1e-2, lora={"r": 2}, eval_strategy="steps", eval_steps=1).fit(job)
    assert result["used"] == 10
    assert result["merge"]["largest"] <= result["merge"]["tolerance"]
    assert json.loads((job.out / "config.json").read_text())["architectures"] == ["LlavaForConditionalGeneration"]


@needs_pillow
@pytest.mark.slow
def test_a_loss_depends_on_the_images(llava: Path, image_rows: list[Row], make_job: Any, tmp_path: Path) -> None:
    def first_loss(rows: list[Row], to: str) -> float:
        settings = {"max_steps": 1, "logging_steps": 1, "train_sampling_strategy": "sequential"}
        return float(Sft(**settings).fit(make_job(llava, rows, to))["curve"][0]["loss"])

    red = first_loss(image_rows[:1], "red")
    assert first_loss(image_rows[:1], "again") == red
    sha = write_image(tmp_path / "green.png", (0, 250, 0))
    other = copy.deepcopy(image_rows[0])
    other["prompt"][0]["images"] = [{"ref": "green.png", "sha256": sha, "at": 0}]
    assert first_loss([other], "green") != red


@needs_pillow
@pytest.mark.slow
@pytest.mark.parametrize("lora", [None, {"r": 2}])
def test_the_checks_before_training_count_images(
    lora: dict[str, int] | None, llava: Path, image_rows: list[Row], tmp_path: Path
) -> None:
    file = write_preferences(tmp_path / "train.parquet", image_rows[:8])
    steps: dict[str, Any] = {"sft": Sft(), "dpo": Dpo(lora=lora), "kto": Kto()}
    with pytest.raises(UserError, match="8 with images, which the step does not read \\(TRL's KTO takes none\\)"):
        preflight(PreflightRequest(str(llava), steps, file, file, data_root=tmp_path))
    del steps["kto"]
    checked = preflight(PreflightRequest(str(llava), steps, file, file, data_root=tmp_path))
    assert [checked["steps"][name]["used"] for name in steps] == [8, 8]
    assert any("8 of 8 preferences hold images" in warning for warning in checked["warnings"])
    # TRL holds a second copy of the model, unless it is the model without its adapter.
    assert (checked["steps"]["dpo"]["memory"]["copies"] > 0) == (lora is None)


@needs_pillow
def test_no_rows_are_left_if_all_images_are_missing(
    llava: Path, image_rows: list[Row], make_job: Any, tmp_path: Path
) -> None:
    job = make_job(llava, image_rows[:2])
    for name in ("red.png", "blue.png"):
        os.remove(tmp_path / name)
    with pytest.raises(UserError, match="2 left out because a file of their images is missing"):
        Sft(max_steps=1).fit(job)
