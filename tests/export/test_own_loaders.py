"""Exports opened by their targets' own loaders: `datasets`, and TRL's parser, data functions and trainers."""

import importlib
import importlib.resources
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from support.exported_run import PLAIN, RICH, TOOL, assistant, preference, read_rows, user, write_run
from unipref.core import registry
from unipref.export import export_run

EVERYTHING = [*PLAIN, *RICH]
TEMPLATE = (
    "{% if tools %}{{ tools | tojson }}{% endif %}"
    "{% for message in messages %}[{{ message.role }}]{{ message.content }}"
    "{% for call in message.tool_calls or [] %}"
    "<call>{{ call.function.name }}{{ call.function.arguments | tojson }}"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
)
"""A chat template that shows every part of a dialogue and adds no text of its own."""
KINDS = registry.find("exporter", "trl").holds  # type: ignore[attr-defined]
COMMANDS = {"pairs": "dpo", "demonstrations": "sft", "thumbs": "kto"}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps the cache of `datasets` in the folder of the test."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)


def load(folder: Path, name: str = "train") -> list[dict[str, Any]]:
    """The rows of an export's file, as `datasets` reads them without any option."""
    import datasets

    (file,) = folder.glob(f"{name}.*")
    builder = "parquet" if file.suffix == ".parquet" else "json"
    rows: list[dict[str, Any]] = datasets.load_dataset(builder, data_files=str(file), split="train").to_list()
    return rows


def drop_empty(value: Any) -> Any:
    """A value without keys that hold nothing: a table has all keys in every row."""
    if isinstance(value, dict):
        return {key: drop_empty(inner) for key, inner in value.items() if inner is not None}
    return [drop_empty(inner) for inner in value] if isinstance(value, list) else value


def read_arguments(value: Any) -> Any:
    """A value with the arguments of calls as data, as their column says that they are JSON."""
    if isinstance(value, dict):
        return {key: json.loads(inner) if key == "arguments" else read_arguments(inner) for key, inner in value.items()}
    return [read_arguments(inner) for inner in value] if isinstance(value, list) else value


def exported(tmp_path: Path, kind: Any, rows: list[dict[str, Any]], model: str = "org/model") -> Path:
    """The folder of an export to TRL of a run with these preferences."""
    run = write_run(tmp_path / "run", rows, with_parts=rows is not PLAIN)
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps(manifest | {"model": model}))
    return Path(export_run(run, "trl", kind=kind).folder)


@pytest.mark.parametrize("name", ["jsonl", "parquet"])
@pytest.mark.parametrize("rows", [PLAIN, EVERYTHING], ids=["plain", "everything"])
def test_datasets_reads_all_columns_of_all_preferences(tmp_path: Path, name: str, rows: list[dict[str, Any]]) -> None:
    account = export_run(write_run(tmp_path / "run", rows, with_parts=rows is EVERYTHING), name)
    read = load(Path(account.folder))
    assert len(read) == account.rows == account.preferences == len(rows)
    assert list(map(drop_empty, read)) == list(map(drop_empty, rows))
    assert set(read[0]) == set(rows[0])


@pytest.mark.parametrize("name", registry.list_own_names("exporter"))
def test_datasets_reads_the_rows_of_every_target_and_where_they_come_from(tmp_path: Path, name: str) -> None:
    account = export_run(write_run(tmp_path / "run", EVERYTHING, with_parts=True), name)
    folder = Path(account.folder)
    read = load(folder)
    assert len(read) == account.rows > 0
    written = read_arguments(read_rows(folder)) if name == "trl" else read_rows(folder)
    assert list(map(drop_empty, read)) == list(map(drop_empty, written))
    assert [row["id"] for row in load(folder, "provenance")] == [row["id"] for row in read_rows(folder, "provenance")]
    if account.rejected:
        assert len(load(folder, "rejects")) == account.rejected.total()


@pytest.fixture(scope="module")
def chat_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with a chat template."""
    folder = tmp_path_factory.mktemp("chat") / "model"
    shutil.copytree(tiny_model, folder)
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    return folder


TEXTS: dict[str, tuple[str, str, str]] = {
    "p1": ("[user]Which is the largest moon?[assistant]", "Ganymede is the largest.", "It is the Sun."),
    "p2": (
        "[system]Be short.[user]Name a moon.[assistant]Io.[user]And another?[assistant]",
        "Europa is one.",
        "Mars is one.",
    ),
    "up": ("[user]Say hello.[assistant]", "Hello there, friend.", ""),
    "down": ("[user]Say goodbye.[assistant]", "", "Go away, now."),
    "calls": (
        json.dumps([TOOL]) + "[user]Weather in Ulm?[assistant]",
        '<call>weather{"city": "Ulm"}',
        "No idea.",
    ),
    "long": ("[user]Sing.[assistant]", "", "No song."),
    "thought": ("[user]Two plus two?[assistant]", "It is 4.", "It is 5."),
    "same": ("[user]Two plus one?[assistant]", "It is 3.", ""),
}
"""Preference -> its prompt, its good answer and its bad one in this template, by hand; TRL holds no images."""
EXPECTED: dict[str, list[dict[str, Any]]] = {
    "pairs": [
        {"prompt": TEXTS[name][0], "chosen": TEXTS[name][1], "rejected": TEXTS[name][2]}
        for name in ("p1", "p2", "calls", "thought")
    ],
    "demonstrations": [
        {"prompt": TEXTS[name][0], "completion": TEXTS[name][1]}
        for name in ("p1", "p2", "up", "calls", "thought", "same")
    ],
    "thumbs": [
        {"prompt": TEXTS[name][0], "completion": TEXTS[name][1 if label else 2], "label": label}
        for name, labels in (
            ("p1", (True, False)),
            ("p2", (True, False)),
            ("up", (True,)),
            ("down", (False,)),
            ("calls", (True, False)),
            ("long", (False,)),
            ("thought", (True, False)),
        )
        for label in labels
    ],
    "prompts": [{"prompt": prompt} for prompt, _, _ in TEXTS.values()],
}


@pytest.mark.parametrize("kind", KINDS)
def test_trl_applies_a_chat_template_to_every_row(tmp_path: Path, kind: str, chat_model: Path) -> None:
    from transformers import AutoTokenizer
    from trl.data_utils import is_conversational, maybe_apply_chat_template, maybe_extract_prompt

    tokenizer = AutoTokenizer.from_pretrained(chat_model)
    rows = load(exported(tmp_path, kind, EVERYTHING))
    assert all(map(is_conversational, rows))
    assert [maybe_extract_prompt(row) for row in rows] == rows
    tools = [json.loads(row["tools"]) if row["tools"] else None for row in rows]
    made = [maybe_apply_chat_template(row, tokenizer, tools=one) for row, one in zip(rows, tools, strict=True)]
    assert made == EXPECTED[kind]


ARGUMENTS: dict[str, Any] = {
    '{"city": "Ulm", "days": [1, 2.5], "more": {"é": null}}': {"city": "Ulm", "days": [1, 2.5], "more": {"é": None}},
    "{}": {},
    "Ulm, please": "Ulm, please",
    '{"large": 123456789012345678901234567890}': '{"large": 123456789012345678901234567890}',
    '{"none": NaN}': '{"none": NaN}',
    '{"open": ': '{"open": ',
}
"""What a run holds -> what TRL sees: data where it is JSON, otherwise the text."""


def test_trl_sees_the_arguments_of_calls_as_data(tmp_path: Path) -> None:
    calls = [{"id": None, "type": "function", "function": {"name": "f", "arguments": text}} for text in ARGUMENTS]
    rows = [preference("many", [user("Ulm?", tools=json.dumps([TOOL]))], [assistant("", tool_calls=calls)], "No.")]
    found = load(exported(tmp_path, "pairs", [*PLAIN, *rows]))
    assert [call["function"]["arguments"] for call in found[-1]["chosen"][0]["tool_calls"]] == [*ARGUMENTS.values()]


@pytest.mark.parametrize("name", ["qwen2_5", "qwen3_5_think", "llama3_1", "glm4moe", "gptoss"])
def test_trls_templates_write_no_json_within_json(tmp_path: Path, name: str, chat_model: Path) -> None:
    from transformers import AutoTokenizer

    template = importlib.resources.files("trl").joinpath("chat_templates", f"{name}.jinja").read_text(encoding="utf-8")
    tokenizer = AutoTokenizer.from_pretrained(chat_model)
    texts = {}
    for row in load(exported(tmp_path, "demonstrations", EVERYTHING)):
        tools = json.loads(row["tools"]) if row["tools"] else None
        messages = row["prompt"] + row["completion"]
        text = tokenizer.apply_chat_template(messages, tools=tools, chat_template=template, tokenize=False)
        texts[messages[-2]["content"]] = text
    assert "Ganymede is the largest." in texts["Which is the largest moon?"]
    called = texts["Weather in Ulm?"].rpartition("Weather in Ulm?")[2]
    assert re.search("city.*Ulm", called, re.DOTALL)
    assert '\\"' not in called


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "prompts"])
def test_trl_reads_its_settings_and_the_rows_that_they_name(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import trl

    folder = exported(tmp_path, kind, PLAIN)
    command = COMMANDS[kind]
    script = importlib.import_module(f"trl.scripts.{command}")
    arguments = ["--config", f"{command}.yaml", "--bf16", "False"]  # the last two for a machine without a GPU
    monkeypatch.chdir(folder)
    _, training, model, data = script.make_parser().parse_args_and_config(arguments)
    assert (model.model_name_or_path, training.output_dir) == ("org/model", f"{command}-model")
    rows = trl.get_dataset(data)["train"].to_list()
    assert len(rows) > 0
    assert rows == read_rows(folder)
    (folder / f"{command}.yaml").write_text("no_such_setting: 1\n")
    with pytest.raises(ValueError, match="no_such_setting"):
        script.make_parser().parse_args_and_config(arguments)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "trainer"), [("pairs", "DPO"), ("demonstrations", "SFT"), ("thumbs", "KTO")])
def test_trls_own_script_trains_on_every_row(
    tmp_path: Path, kind: str, trainer: str, chat_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import trl

    made: list[Any] = []
    real = getattr(trl, f"{trainer}Trainer")

    class Recorded(real):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            made.append(self)

    monkeypatch.setattr(trl, f"{trainer}Trainer", Recorded)
    folder = exported(tmp_path, kind, EVERYTHING, str(chat_model))
    monkeypatch.chdir(folder)
    script = importlib.import_module(f"trl.scripts.{COMMANDS[kind]}")
    settings = {"bf16": False, "use_cpu": True, "report_to": "none", "max_steps": 1, "disable_tqdm": True}
    arguments = [text for name, value in settings.items() for text in (f"--{name}", str(value))]
    script.main(*script.make_parser().parse_args_and_config(["--config", f"{COMMANDS[kind]}.yaml", *arguments]))
    (one,) = made
    assert one.state.global_step == 1
    assert (folder / f"{COMMANDS[kind]}-model" / "model.safetensors").is_file()
    assert [read_tokens(row, one.processing_class) for row in one.train_dataset] == EXPECTED[kind]


def read_tokens(row: dict[str, Any], tokenizer: Any) -> dict[str, Any]:
    """The texts of a row that a trainer has tokenized, with their label."""
    if "labels" in row:  # SFT: what is not learned has the label -100
        begin = sum(label == -100 for label in row["labels"])
        row = {"prompt_ids": row["input_ids"][:begin], "completion_ids": row["labels"][begin:]}
    names = [name for name in ("prompt", "chosen", "rejected", "completion") if f"{name}_ids" in row]
    texts = {name: tokenizer.decode(row[f"{name}_ids"]) for name in names}
    return texts | ({"label": row["label"]} if "label" in row else {})
