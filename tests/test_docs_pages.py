"""The pages that a user types from: every file and command of them, in order, in one folder, on a tiny model."""

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

import unipref
from unipref import cli, demo
from unipref.core import registry, yaml_files
from unipref.core.errors import UserError

DOCS = Path(__file__).parent.parent / "docs"
STEPS = re.compile(
    r"^`(?P<file>[\w.]+)`:\n\n```\w+\n(?P<content>.*?)^```$|^```sh\n(?P<commands>.*?)^```$", re.MULTILINE | re.DOTALL
)
"""A file, with its name above it, or commands."""
MIGRATIONS = {"from_llamafactory.md": "pref_beta", "from_axolotl.md": "rl_beta"}
"""Page about another tool -> one of the tool's settings."""
SIZES = demo.FeedbackSizes(pairs=100, ratings=80, thumbs=80, multiple_choice=10, tree=10)


def follow(page: str, folder: Path) -> list[str]:
    """Writes the files of a page and runs its commands of unipref in `folder`; returns what they print."""
    printed = []
    for step in STEPS.finditer((DOCS / page).read_text(encoding="utf-8")):
        if step["file"]:
            (folder / step["file"]).write_text(step["content"], encoding="utf-8")
            continue
        for line in step["commands"].splitlines():
            words = shlex.split(line, comments=True)
            if not words or words[0] != "unipref":
                assert line == "make demo", f"{page}: {line}"
                continue
            target = words[words.index(">") + 1] if ">" in words else None
            result = CliRunner().invoke(cli.app, words[1 : words.index(">")] if target else words[1:])
            assert result.exit_code == 0, f"{page}: {line}\n{result.output}\n{result.exception!r}"
            if target:
                (folder / target).write_text(result.stdout, encoding="utf-8")
            printed.append(result.stdout)
    return printed


@pytest.mark.slow
def test_the_pages_run_as_they_are_written(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    demo.write_data(tmp_path / "demo", demo.World(documents=50, feedback=SIZES))
    (tmp_path / "demo" / "model").symlink_to(tiny_model)
    monkeypatch.chdir(tmp_path)

    follow("start.md", tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "votes-export/train.jsonl").read_text().splitlines()]
    assert {row["chosen"][-1]["content"] for row in rows} == {"Io.", "Titan."}

    follow("own_feedback.md", tmp_path)
    run = tmp_path / "runs/own"
    assert "Which model to take" in (run / "report.html").read_text(encoding="utf-8")
    draft = yaml_files.parse((tmp_path / "draft.yaml").read_text(encoding="utf-8"), "draft.yaml")
    study = yaml_files.parse((tmp_path / "study.yaml").read_text(encoding="utf-8"), "study.yaml")
    assert [source["format"] for source in draft["sources"]] == [source["format"] for source in study["sources"]]

    for page, name in (("from_llamafactory.md", "llamafactory"), ("from_axolotl.md", "axolotl")):
        follow(page, tmp_path)
        assert (tmp_path / f"runs/from-{name}/train/main/42/dpo/README.md").is_file()
        drafted = yaml_files.parse((tmp_path / "drafted.yaml").read_text(encoding="utf-8"), "drafted.yaml")
        assert drafted["sources"][0]["format"] == "pairs"


@pytest.mark.parametrize("page", MIGRATIONS)
def test_settings_of_a_migration_are_settings_here(page: str) -> None:
    """Steps and settings that the right column names are accepted by at least one trainer."""
    content = (DOCS / page).read_text(encoding="utf-8")
    assert f"`{MIGRATIONS[page]}`" in content
    (study,) = [yaml_files.parse(block, page) for block in re.findall(r"```yaml\n(.*?)```", content, re.DOTALL)]
    ((trainer, settings),) = study["train"][0].items()
    registry.make("trainer", trainer, settings, page)
    table = content.partition("## Settings")[2]
    for name in ("completion_only_loss", "desirable_weight", "weight_decay", "gradient_accumulation_steps", "mix"):
        if f"`{name}" in table:
            assert is_setting(name), f"{page} names {name}"
    for given in re.findall(r"`loss_type: (\w+)`", table):
        registry.make("trainer", "dpo", {"loss_type": given}, page)


def is_setting(name: str) -> bool:
    values = (True, 1, {"by": "source", "shares": {"a": 1}})
    for trainer in registry.list_own_names("trainer"):
        for value in values:
            try:
                registry.make("trainer", trainer, {name: value}, "page")
            except UserError:
                continue
            return True
    return False


def test_messages_on_the_page_of_errors_are_in_the_code() -> None:
    table = (DOCS / "errors.md").read_text(encoding="utf-8").partition("## Messages")[2]
    code = "".join(path.read_text(encoding="utf-8") for path in Path(unipref.__file__).parent.rglob("*.py"))
    # A message is split over lines and holds values.
    code = re.sub(r'"\s*\n\s*f?"', "", code)
    rows = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    assert len(rows) > 10
    for message in rows:
        start, _, end = message.partition(". Did you")
        assert start in code, message
        assert not end or "Did you" in code


def test_one_page_has_the_table_of_exit_codes() -> None:
    pages = [DOCS.parent / "README.md", DOCS.parent / "CONTRIBUTING.md", *DOCS.rglob("*.md")]
    row = re.compile(
        r"^\| *(?:code|exit code|1|2|129|130|143|130, 143) *\|.*(?:meaning|bug|mend|Ctrl-C|signal)", re.MULTILINE
    )
    assert [page.name for page in pages if row.search(page.read_text(encoding="utf-8"))] == ["errors.md"]


def test_exit_codes_on_the_page_of_errors_are_those_of_the_program() -> None:
    from unipref.core.command_line import INTERRUPTED, print_error

    page = (DOCS / "errors.md").read_text(encoding="utf-8").partition("## Messages")[0]
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    used = {0, print_error(UserError("wrong")), print_error(RuntimeError("bug")), print_error(OSError(28, "full"))}
    assert codes == used | {INTERRUPTED, 128 + 1, 128 + 15}
