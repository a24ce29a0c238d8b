"""Exports of a run written by hand: the rows of each target, what is rejected, and the errors."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from support.exported_run import EARLIER, PLAIN, RICH, SYSTEM, TOOL, preference, read_rows, texts, write_run
from unipref.cli.export import export as export_command
from unipref.core import registry, yaml_files
from unipref.core.errors import UserError
from unipref.core.records import Reason
from unipref.export import export_run

ROOT = Path(__file__).parents[2]
PAIR = ("Which is the largest moon?", "Ganymede is the largest.", "It is the Sun.")
TARGETS = registry.list_own_names("exporter")
EVERY = [(name, kind) for name in TARGETS for kind in registry.find("exporter", name).holds]  # type: ignore[attr-defined]


def say(*contents: str, first: str = "user") -> list[dict[str, str]]:
    roles = ["user", "assistant"] if first == "user" else ["assistant", "user"]
    return [{"role": roles[place % 2], "content": content} for place, content in enumerate(contents)]


def answer(content: str) -> list[dict[str, str]]:
    return say(content, first="assistant")


def export(run: Path, to: str, kind: Any = None, **options: Any) -> list[dict[str, Any]]:
    return read_rows(Path(export_run(run, to, kind=kind, **options).folder))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", PLAIN)


@pytest.fixture
def rich(tmp_path: Path) -> Path:
    return write_run(tmp_path / "rich", [*PLAIN, *RICH], with_parts=True)


def sharegpt(*contents: str) -> list[dict[str, str]]:
    return [{"from": ("human", "gpt")[place % 2], "value": content} for place, content in enumerate(contents)]


QUESTION, GOOD, BAD = PAIR
MOONS = [SYSTEM, *say("Name a moon.", "Io.", "And another?")]
GOLDEN: dict[tuple[str, str], list[Any]] = {
    ("trl", "pairs"): [
        {"prompt": say(QUESTION), "chosen": answer(GOOD), "rejected": answer(BAD)},
        {"prompt": MOONS, "chosen": answer("Europa is one."), "rejected": answer("Mars is one.")},
    ],
    ("trl", "demonstrations"): [
        {"prompt": say(QUESTION), "completion": answer(GOOD)},
        {"prompt": MOONS, "completion": answer("Europa is one.")},
        {"prompt": say("Say hello."), "completion": answer("Hello there, friend.")},
    ],
    ("trl", "thumbs"): [
        {"prompt": say(QUESTION), "completion": answer(GOOD), "label": True},
        {"prompt": say(QUESTION), "completion": answer(BAD), "label": False},
        {"prompt": MOONS, "completion": answer("Europa is one."), "label": True},
        {"prompt": MOONS, "completion": answer("Mars is one."), "label": False},
        {"prompt": say("Say hello."), "completion": answer("Hello there, friend."), "label": True},
        {"prompt": say("Say goodbye."), "completion": answer("Go away, now."), "label": False},
    ],
    ("trl", "prompts"): [{"prompt": one} for one in (say(QUESTION), MOONS, say("Say hello."), say("Say goodbye."))],
    ("llamafactory", "pairs"): [
        {
            "conversations": sharegpt(QUESTION),
            "system": "",
            "chosen": sharegpt("", GOOD)[1],
            "rejected": sharegpt("", BAD)[1],
        },
        {
            "conversations": sharegpt("Name a moon.", "Io.", "And another?"),
            "system": "Be short.",
            "chosen": {"from": "gpt", "value": "Europa is one."},
            "rejected": {"from": "gpt", "value": "Mars is one."},
        },
    ],
    ("llamafactory", "demonstrations"): [
        {"conversations": sharegpt(QUESTION, GOOD), "system": ""},
        {"conversations": sharegpt("Name a moon.", "Io.", "And another?", "Europa is one."), "system": "Be short."},
        {"conversations": sharegpt("Say hello.", "Hello there, friend."), "system": ""},
    ],
    ("llamafactory", "thumbs"): [
        {"conversations": sharegpt(QUESTION, GOOD), "system": "", "kto_tag": True},
        {"conversations": sharegpt(QUESTION, BAD), "system": "", "kto_tag": False},
        {
            "conversations": sharegpt("Name a moon.", "Io.", "And another?", "Europa is one."),
            "system": "Be short.",
            "kto_tag": True,
        },
        {
            "conversations": sharegpt("Name a moon.", "Io.", "And another?", "Mars is one."),
            "system": "Be short.",
            "kto_tag": False,
        },
        {"conversations": sharegpt("Say hello.", "Hello there, friend."), "system": "", "kto_tag": True},
        {"conversations": sharegpt("Say goodbye.", "Go away, now."), "system": "", "kto_tag": False},
    ],
    ("llamafactory", "prompts"): [
        {"instruction": QUESTION, "history": [], "system": ""},
        {"instruction": "And another?", "history": [["Name a moon.", "Io."]], "system": "Be short."},
        {"instruction": "Say hello.", "history": [], "system": ""},
        {"instruction": "Say goodbye.", "history": [], "system": ""},
    ],
    ("axolotl", "pairs"): [
        {"messages": say(QUESTION), "chosen": answer(GOOD)[0], "rejected": answer(BAD)[0]},
        {"messages": MOONS, "chosen": answer("Europa is one.")[0], "rejected": answer("Mars is one.")[0]},
    ],
    ("axolotl", "demonstrations"): [
        {"messages": [say(QUESTION)[0] | {"train": False}, answer(GOOD)[0] | {"train": True}]},
        {
            "messages": [
                *(one | {"train": False} for one in MOONS),
                answer("Europa is one.")[0] | {"train": True},
            ]
        },
        {"messages": [say("Say hello.")[0] | {"train": False}, answer("Hello there, friend.")[0] | {"train": True}]},
    ],
    ("axolotl", "thumbs"): [
        {"completion": say(QUESTION, GOOD), "label": True},
        {"completion": say(QUESTION, BAD), "label": False},
        {"completion": [*MOONS, *answer("Europa is one.")], "label": True},
        {"completion": [*MOONS, *answer("Mars is one.")], "label": False},
        {"completion": say("Say hello.", "Hello there, friend."), "label": True},
        {"completion": say("Say goodbye.", "Go away, now."), "label": False},
    ],
    ("swift", "pairs"): [
        {"messages": say(QUESTION, GOOD), "rejected_messages": say(QUESTION, BAD)},
        {
            "messages": [*MOONS, *answer("Europa is one.")],
            "rejected_messages": [*MOONS, *answer("Mars is one.")],
        },
    ],
    ("swift", "demonstrations"): [
        {"messages": say(QUESTION, GOOD)},
        {"messages": [*MOONS, *answer("Europa is one.")]},
        {"messages": say("Say hello.", "Hello there, friend.")},
    ],
    ("swift", "thumbs"): [
        {"messages": say(QUESTION, GOOD), "label": True},
        {"messages": say(QUESTION, BAD), "label": False},
        {"messages": [*MOONS, *answer("Europa is one.")], "label": True},
        {"messages": [*MOONS, *answer("Mars is one.")], "label": False},
        {"messages": say("Say hello.", "Hello there, friend."), "label": True},
        {"messages": say("Say goodbye.", "Go away, now."), "label": False},
    ],
    ("swift", "prompts"): [{"messages": one} for one in (say(QUESTION), MOONS, say("Say hello."), say("Say goodbye."))],
    ("openrlhf", "pairs"): [
        {"prompt": say(QUESTION), "chosen": answer(GOOD), "rejected": answer(BAD)},
        {"prompt": MOONS, "chosen": answer("Europa is one."), "rejected": answer("Mars is one.")},
    ],
    ("openrlhf", "demonstrations"): [
        {"input": say(QUESTION), "output": answer(GOOD)},
        {"input": MOONS, "output": answer("Europa is one.")},
        {"input": say("Say hello."), "output": answer("Hello there, friend.")},
    ],
    ("openrlhf", "prompts"): [
        {"input": one, "datasource": "votes"} for one in (say(QUESTION), MOONS, say("Say hello."), say("Say goodbye."))
    ],
    ("verl", "prompts"): [
        {
            "data_source": "votes",
            "prompt": prompt,
            "ability": "instruction",
            "reward_model": {"style": "model", "ground_truth": ""},
            "extra_info": {"id": name, "source": "votes", "objective": "instruction"},
        }
        for name, prompt in (
            ("p1", say(QUESTION)),
            ("p2", MOONS),
            ("up", say("Say hello.")),
            ("down", say("Say goodbye.")),
        )
    ],
    ("verl", "demonstrations"): [
        {"messages": say(QUESTION, GOOD)},
        {"messages": [*MOONS, *answer("Europa is one.")]},
        {"messages": say("Say hello.", "Hello there, friend.")},
    ],
    ("nemo_rl", "pairs"): [
        {
            "context": prompt,
            "completions": [
                {"rank": 0, "completion": answer(good)},
                {"rank": 1, "completion": answer(bad)},
            ],
        }
        for prompt, good, bad in ((say(QUESTION), GOOD, BAD), (MOONS, "Europa is one.", "Mars is one."))
    ],
    ("nemo_rl", "demonstrations"): [
        {"messages": say(QUESTION, GOOD), "message_loss_mask": [0, 1]},
        {"messages": [*MOONS, *answer("Europa is one.")], "message_loss_mask": [0, 0, 0, 0, 1]},
        {"messages": say("Say hello.", "Hello there, friend."), "message_loss_mask": [0, 1]},
    ],
    ("nemo_rl", "prompts"): [{"input": one, "output": ""} for one in (QUESTION, "Say hello.", "Say goodbye.")],
    ("openai", "pairs"): [
        {"input": {"messages": prompt}, "preferred_output": answer(good), "non_preferred_output": answer(bad)}
        for prompt, good, bad in ((say(QUESTION), GOOD, BAD), (MOONS, "Europa is one.", "Mars is one."))
    ],
    ("openai", "demonstrations"): [
        {"messages": say(QUESTION, GOOD)},
        {"messages": [*MOONS[:2], MOONS[2] | {"weight": 0}, MOONS[3], *answer("Europa is one.")]},
        {"messages": say("Say hello.", "Hello there, friend.")},
    ],
    ("jsonl", "everything"): PLAIN,
    ("parquet", "everything"): PLAIN,
}


def test_every_target_and_kind_has_golden_rows() -> None:
    assert sorted(GOLDEN) == sorted(EVERY)


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_the_rows_are_these_and_no_others(run: Path, name: str, kind: str) -> None:
    account = export_run(run, name, kind=kind)  # type: ignore[arg-type]
    assert read_rows(Path(account.folder)) == GOLDEN[name, kind]
    assert account.rows == len(GOLDEN[name, kind])
    rejects = read_rows(Path(account.folder), "rejects")
    assert len(rejects) == sum(account.rejected.values())
    if kind != "thumbs":
        assert account.rows + len(rejects) == account.preferences == len(PLAIN)
    provenance = read_rows(Path(account.folder), "provenance")
    assert len(provenance) == account.rows
    assert all(row["confidence"] == 0.875 and row["licence"] == "mit" for row in provenance)


def test_what_a_target_cannot_hold_is_counted_and_named(rich: Path) -> None:
    account = export_run(rich, "openrlhf", kind="pairs")
    rejects = {row["id"]: (row["reason"], row["detail"]) for row in read_rows(Path(account.folder), "rejects")}
    assert rejects == {
        "up": ("one_sided", "it has no rejected answer"),
        "down": ("one_sided", "it has no chosen answer"),
        "calls": ("not_held", "openrlhf does not hold tools, tool calls and their results"),
        "image": ("not_held", "openrlhf does not hold images in the prompt"),
        "long": ("not_held", "openrlhf does not hold answers of several messages"),
        "same": ("same_response", "the answers differ only in what the target does not hold"),
    }
    assert account.stripped == {"reasoning before the answer": 1}
    assert (account.preferences, account.rows) == (9, 3)
    assert json.loads((Path(account.folder) / "export.json").read_text())["rejected"] == account.as_dict()["rejected"]


def test_no_answer_gets_both_labels(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [*PLAIN, RICH[-1]], with_parts=True)
    for name in ("trl", "swift", "llamafactory", "axolotl"):
        account = export_run(run, name, kind="thumbs")
        assert (account.rows, dict(account.rejected)) == (6, {"same_response": 1})


def test_everything_keeps_tools_images_and_reasoning(rich: Path) -> None:
    rows = {row["id"]: row for row in export(rich, "jsonl")}
    assert rows["thought"]["chosen"] == [{"role": "assistant", "content": "It is 4.", "reasoning": "2+2=4"}]
    assert rows["calls"] == RICH[0]
    assert rows["image"] == RICH[1]
    assert [row["id"] for row in export(rich, "parquet")] == list(rows)


def test_tools_and_images_take_the_form_of_each_target(rich: Path) -> None:
    call = {"name": "weather", "arguments": {"city": "Ulm"}}
    swift = {texts(row)[1]: row for row in export(rich, "swift")}
    assert swift["Weather in Ulm?"]["messages"][1] == {"role": "tool_call", "content": json.dumps(call)}
    assert json.loads(swift["Weather in Ulm?"]["tools"]) == [TOOL]
    assert swift["What <image>is it?"]["images"] == ["http://x/a.png"]
    factory = {row["conversations"][0]["value"]: row for row in export(rich, "llamafactory")}
    assert factory["Weather in Ulm?"]["chosen"] == {"from": "function_call", "value": json.dumps(call)}
    assert factory["What <image>is it?"]["images"] == ["http://x/a.png"]
    info = json.loads((rich / "exports/llamafactory-pairs/dataset_info.json").read_text())["unipref"]
    assert info["columns"]["images"] == "images"
    openai = {texts(row)[1]: row for row in export(rich, "openai")}
    assert openai["Weather in Ulm?"]["input"]["tools"] == [TOOL]
    assert openai["Weather in Ulm?"]["preferred_output"][0]["tool_calls"] == RICH[0]["chosen"][0]["tool_calls"]
    trl = {row["prompt"][0]["content"]: row for row in export(rich, "trl")}
    assert json.loads(trl["Weather in Ulm?"]["tools"]) == [TOOL]
    assert "What is it?" not in trl


def test_a_text_that_a_target_reads_as_an_image_is_rejected(tmp_path: Path) -> None:
    rows = [*PLAIN[:1], preference("mark", "What is <image>?", "A tag.", "A cat.")]
    account = export_run(write_run(tmp_path / "run", rows), "openrlhf", kind="prompts")
    assert dict(account.rejected) == {Reason.NOT_HELD: 1}
    assert len(export(tmp_path / "run", "trl")) == 2


def test_axolotl_gets_no_answer_that_it_would_cut_at_a_wrong_place(tmp_path: Path) -> None:
    rows = [
        preference("in", "Who?", "user", "The other one."),
        preference("spaces", "What?", "\nThis one. ", "That one."),
        preference("only", "How?", "So.", " So.\n"),
    ]
    account = export_run(write_run(tmp_path / "run", rows), "axolotl")
    assert read_rows(Path(account.folder)) == [
        {"messages": say("What?"), "chosen": answer("This one.")[0], "rejected": answer("That one.")[0]}
    ]
    assert dict(account.rejected) == {"not_held": 1, "same_response": 1}


def test_roles_out_of_order_are_rejected_by_the_target_that_drops_them(tmp_path: Path) -> None:
    rows = [*PLAIN[:1], preference("twice", [*say("One."), *say("Two.")], "Three it is.", "Four it is.")]
    account = export_run(write_run(tmp_path / "run", rows), "llamafactory")
    assert dict(account.rejected) == {"bad_role": 1}
    assert len(export(tmp_path / "run", "swift")) == 2


def test_prompts_are_written_once(tmp_path: Path) -> None:
    again = preference("again", QUESTION, "Callisto, it is.", None)
    account = export_run(write_run(tmp_path / "run", [*PLAIN, again]), "verl")
    assert (account.rows, dict(account.rejected)) == (4, {"duplicate": 1})


def test_an_earlier_export_is_replaced(run: Path, tmp_path: Path) -> None:
    export_run(run, "trl", tmp_path / "trl")
    export_run(run, "trl", tmp_path / "trl", kind="thumbs")
    assert sorted(path.name for path in (tmp_path / "trl").iterdir()) == [
        *("export.json", "kto.yaml", "provenance.jsonl", "rejects.jsonl", "train.parquet")
    ]


def test_split_variant_and_seed(run: Path) -> None:
    assert len(export(run, "trl", variant="small", seed=3)) == 1
    account = export_run(run, "trl", split="dev")
    assert read_rows(Path(account.folder), "dev")[0]["prompt"] == say("Held out?")
    assert "held out (dev)" in account.warnings[0]
    for options, what in (
        ({"variant": "smal"}, "Did you mean 'small'"),
        ({"seed": 4}, "Its seeds: 3"),
        ({"split": "test"}, "no preferences of the split 'test'"),
        ({"split": "dev", "seed": 3}, "the same for every seed"),
    ):
        with pytest.raises(UserError, match=what):
            export_run(run, "trl", **options)  # type: ignore[arg-type]


def test_errors_name_the_mend_and_leave_no_files(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Did you mean 'llamafactory'"):
        export_run(run, "llama-factory")
    with pytest.raises(UserError, match="takes no thumbs"):
        export_run(run, "openai", kind="thumbs")
    with pytest.raises(UserError, match="the folder is missing"):
        export_run(tmp_path / "none", "trl")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("words")
    with pytest.raises(UserError, match="holds files that no export wrote"):
        export_run(run, "trl", tmp_path / "mine")
    one_sided = write_run(tmp_path / "thumbs", PLAIN[2:])
    with pytest.raises(UserError, match=r"2 one_sided.*\n.*demonstrations, thumbs, prompts"):
        export_run(one_sided, "trl", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    empty = write_run(tmp_path / "empty", [])
    with pytest.raises(UserError, match="holds no preferences"):
        export_run(empty, "trl", kind="prompts")


def test_a_run_that_stopped_after_unify_is_exported_whole(run: Path) -> None:
    (run / "manifest.json").write_text("{}", encoding="utf-8")
    for part in ("clean/train.parquet", "clean/dev.parquet"):
        (run / part).unlink()
    account = export_run(run, "trl")
    assert (account.split, account.preferences) == ("all", 5)
    with pytest.raises(UserError, match="Without --split, all"):
        export_run(run, "trl", split="train")


def test_a_dash_in_the_name_is_the_same_target(run: Path) -> None:
    assert export_run(run, "nemo-rl").target == "nemo_rl"


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_the_files_to_start_with_name_the_data_and_the_model(run: Path, name: str, kind: Any) -> None:
    account = export_run(run, name, kind=kind)
    folder = Path(account.folder)
    for file in account.files[1:-2]:
        content = (folder / file).read_text(encoding="utf-8")
        if file.endswith(".yaml"):
            assert "org/model" in json.dumps(yaml_files.parse(content, file))
        if file.endswith(".sh"):
            assert content.startswith("#!/bin/sh\n")
            assert account.files[0] in content
            assert "org/model" in content


def test_few_rows_are_a_warning_of_openai(run: Path) -> None:
    assert any("at least 10 rows" in warning for warning in export_run(run, "openai").warnings)


def test_earlier_turns_are_as_in_the_run() -> None:
    assert EARLIER == MOONS


def load_generator() -> Any:
    """The program that writes the page."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate_export_targets.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    return generate


def test_the_page_is_current() -> None:
    page = (ROOT / "docs" / "export_targets.md").read_text(encoding="utf-8")
    assert page == load_generator().format_page(), "run: make docs"


def test_the_rows_on_the_page_are_those_that_are_written(run: Path, rich: Path) -> None:
    measured = load_generator().MEASURED
    runs = {len(PLAIN): run, len(PLAIN) + len(RICH): rich}
    rows = {
        tool: {kind: {number: export_run(runs[number], tool, kind=kind).rows for number in counts}
               for kind, counts in kinds.items()}
        for tool, kinds in measured.items()
    }  # fmt: skip
    assert rows == measured
    loaded = {name for name in TARGETS if " by " in registry.find("exporter", name).checked}  # type: ignore[attr-defined]
    assert set(measured) == loaded
    assert all({*kinds} == {kind for name, kind in EVERY if name == tool} for tool, kinds in measured.items())


def test_the_command_prints_the_account_and_warns(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export_command(run, "openai", split="dev")
    printed = capsys.readouterr()
    assert printed.out.splitlines()[0] == "openai, pairs: 1 rows of 1 preferences (dev)"
    assert "Warning: openai needs at least 10 rows, and the export has 1." in printed.err
    export_command(run, "trl", as_json=True)
    assert json.loads(capsys.readouterr().out)["rejected"] == {"one_sided": 2}
