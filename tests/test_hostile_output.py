"""Control characters and secrets in data, file names and settings: what the commands print and a run folder holds."""

import json
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from unipref import cli

ATTACK = "\x1b]0;PWN\x07\x1b[2J\u202e\x9b31m"
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
SECRETS = {
    "HF_TOKEN": "hf_" + "PlAnTeDabcdefghijklmnopqrstuv12345",
    "WANDB_API_KEY": "planted0123456789abcdef",
    "AWS_SECRET_ACCESS_KEY": "planted/with+signs=and%40more",
    "DATABASE_PASSWORD": 'planted"pass & word',
}
IN_SETTINGS = {
    "https://user:plantedpassword@host.org/x": "plantedpassword",
    "https://host.org/x?token=plantedintheurl": "plantedintheurl",
    "s3://bucket/x?X-Amz-Signature=planted0a1b2c&X-Amz-Date=1": "planted0a1b2c",
    "sk-planted1234567890abcdefgh": "sk-planted1234567890abcdefgh",
}

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `unipref WORDS`; returns its status and what it printed."""

    def run(*words: Any) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["unipref", *map(str, words)])
        status = 0
        try:
            cli.main()
        except SystemExit as stop:
            status = int(stop.code or 0)
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return status, out, err

    return run


def lines(rows: list[Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def write_hostile_study(folder: Path) -> Path:
    rows: list[Any] = [
        {"prompt": f"Q{i}? {ATTACK}", "chosen": f"a{i} {ATTACK}", "rejected": f"b{i}", "lang": ATTACK}
        for i in range(20)
    ]
    rows += [{"prompt": "x", "chosen": [ATTACK], "rejected": {ATTACK: 1}}, {ATTACK: 1}]
    (folder / "esc\x1b[31m\x9b\n.jsonl").write_text(lines(rows))
    with zipfile.ZipFile(folder / "z.zip", "w") as archive:
        archive.writestr(
            f"m{ATTACK}.jsonl", lines([{**row, "prompt": f"Z{row['prompt']}"} for row in rows[:20]] + [[]])
        )
    (folder / "r.jsonl").write_text(
        lines([{"q": f"G{i // 2} {ATTACK}", "a": f"a{i}", ATTACK: i % 5} for i in range(20)])
    )
    score = {"field": ATTACK, "low": 0, "high": 4, "better": "high"}
    sources = [
        {"name": "s", "path": "esc*.jsonl", "format": "pairs", "map": {"prompt": "prompt"}},
        {"name": "z", "path": "z.zip", "format": "pairs", "map": {"prompt": "prompt"}},
        {
            "name": "r",
            "path": "r.jsonl",
            "format": "ratings",
            "map": {"prompt": "q", "response": "a", "scores": {f"ax{ATTACK}": score}},
        },
    ]
    # Three people judge the same answers; the one with the hostile name against the others.
    (folder / "v.jsonl").write_text(
        lines(
            [
                {"prompt": f"V{i}?", "chosen": f"{'ba'[good]}{i}", "rejected": f"{'ab'[good]}{i}", "who": who}
                for i in range(40)
                for who, good in (("ann", i % 8 > 0), ("bob", i % 9 > 0), (f"who{ATTACK}", i % 10 == 0))
            ]
        )
    )
    sources.append({"name": "v", "path": "v.jsonl", "format": "pairs", "map": {"prompt": "prompt", "annotator": "who"}})
    sources[0] |= {"objective": f"obj{ATTACK}", "licence": f"lic{ATTACK}"}
    study = folder / "s.yaml"
    study.write_text(yaml.safe_dump({"name": ATTACK, "sources": sources}), encoding="utf-8")
    return study


def test_control_characters_of_data_reach_no_output_and_no_page(tmp_path: Path, command: Command) -> None:
    study, run = write_hostile_study(tmp_path), tmp_path / "run"
    for words in (
        ("unify", study, "-o", run),
        ("report", run),
        ("audit", run),
        ("explain", run, "r.jsonl:3"),
        ("explain", run, f"{ATTACK}:1"),
        ("inspect", tmp_path),
        ("init", tmp_path),
        ("unify", study, "-o", run, "--json"),
        ("audit", run, "--json"),
        ("unify", tmp_path / f"missing{ATTACK}.yaml"),
        ("unify", study, "-o", run, "--set", f"{ATTACK}={ATTACK}"),
        (f"--{ATTACK}",),
        (ATTACK,),
        ("report", run, ATTACK),
    ):
        status, out, err = command(*words)
        assert CONTROL.findall(out + err) == [], words
        assert out + err
        if "--json" in words:
            assert status == 0
            json.loads(out)
    for name in ("report.md", "report.html", "manifest.json", "audit.json"):
        text = (run / name).read_text(encoding="utf-8")
        assert CONTROL.findall(text) == [], name
        assert "PWN" in text
    assert json.loads((run / "manifest.json").read_text())["name"] == ATTACK
    legible = r"who\u001b]0;PWN"
    assert [legible in (run / name).read_text(encoding="utf-8") for name in ("report.html", "audit.json")] == [
        True,
        True,
    ]
    judging = json.loads((run / "unified" / "judging.json").read_text(encoding="utf-8"))
    assert [one["name"] for one in judging["annotators"] if one["is_inverted"]] == [f"who{ATTACK}"]
    origins = pq.read_table(run / "unified" / "preferences.parquet")["origin"].to_pylist()
    assert any(origin[0].startswith(r"esc\u001b[31m\u009b\u000a.jsonl:") for origin in origins)


def texts_of(folder: Path) -> Iterator[tuple[Path, str]]:
    """The content of every file, and all texts of its tables."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path, str(path) + path.read_bytes().decode("utf-8", "replace")
        if path.suffix == ".parquet":
            yield (
                path,
                str(pq.read_table(path).drop_columns(["prompt", "chosen", "rejected"]).to_pylist())
                if ("prompt" in pq.read_schema(path).names)
                else str(pq.read_table(path).to_pylist()),
            )


def write_planted_study(folder: Path, values: list[str], **settings: Any) -> Path:
    rows: list[Any] = [
        {"prompt": f"Why {i}?", "chosen": f"Because {i}.", "rejected": "No.", "note": value}
        for i, value in enumerate(values * 4)
    ]
    rows += [{"prompt": value, "chosen": {value: 1}, "rejected": 3} for value in values]
    rows += [f"not a row {value}" for value in values]
    (folder / "rows.jsonl").write_text(lines(rows))
    source = {"name": "rows", "path": "rows.jsonl", "format": "pairs", "map": {"prompt": "prompt"}}
    study = folder / "study.yaml"
    settings = {"name": " ".join(values), "sources": [source | settings]}
    comment = "".join(f"# {value}\n" for value in values)
    study.write_text(comment + yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    return study


def test_planted_secrets_are_in_no_file_of_the_run_and_in_no_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    licence, objective = SECRETS["HF_TOKEN"], next(iter(IN_SETTINGS))
    values, run = [*SECRETS.values(), *IN_SETTINGS], tmp_path / "run"
    study = write_planted_study(tmp_path, values, licence=licence, objective=objective)
    outputs = ""
    for words in (
        ("select", study, "-o", run),
        ("select", study, "-o", run, "--json"),
        ("report", run),
        ("audit", run),
        ("explain", run, "rows.jsonl:33"),
        ("inspect", tmp_path),
        ("select", study, "-o", run, "--set", f"model={SECRETS['HF_TOKEN']}", "--set", "train=[sft]"),
        ("select", study, "-o", run, "--set", f"nothing={SECRETS['WANDB_API_KEY']}"),
    ):
        _, out, err = command(*words)
        outputs += out + err
    planted = [*SECRETS.values(), *IN_SETTINGS.values(), json.dumps(SECRETS["DATABASE_PASSWORD"])[1:-1]]
    # The rows' own further fields are data, and stay as they are.
    assert all(secret not in outputs for secret in planted)
    leaks = {
        (path.relative_to(run).as_posix(), secret)
        for path, text in texts_of(run)
        for secret in planted
        if secret in re.sub(r"'extra': .*?'(?=[,}])", "", text)
    }
    assert leaks == set()


def test_a_secret_in_the_environment_changes_no_data_and_no_cache_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    study, run = write_planted_study(tmp_path, [*SECRETS.values()]), tmp_path / "run"
    command("unify", study, "-o", run)
    before = (run / "unified" / "preferences.parquet").read_bytes()
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    _, _, err = command("unify", study, "-o", run)
    assert "already done" in err
    command("unify", study, "-o", tmp_path / "other")
    assert (tmp_path / "other" / "unified" / "preferences.parquet").read_bytes() == before
