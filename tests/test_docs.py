"""The documents cannot drift: generated pages are current, commands, files and public names exist."""

import importlib.util
import re
from collections import Counter
from pathlib import Path

import pytest
import typer

import unipref
from unipref import cli
from unipref.core import registry, yaml_files

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = set(typer.main.get_command(cli.app).commands)


def test_the_pages_of_choices_are_current():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    pages = generate.format_pages()
    for path, text in pages.items():
        assert path.is_file(), f"{path.name} is missing, run: make docs"
        assert path.read_text(encoding="utf-8") == text, f"{path.name} differs, run: make docs"
    assert {path for path in pages if path.parent != ROOT / "docs"} == set((ROOT / "docs" / "choices").rglob("*.md"))


def test_a_setting_that_many_choices_share_is_described_once():
    for kind in ("formats", "trainers"):
        lines = Counter(
            line
            for page in (ROOT / "docs" / "choices" / kind).glob("*.md")
            for line in page.read_text(encoding="utf-8").splitlines()
            if line.startswith("| `")
        )
        assert max(lines.values()) <= 2


def test_the_page_of_licences_has_every_pinned_package():
    pins = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    rows = re.findall(
        r"^\| ([\w.-]+) \| (\S+) \| .+ \|$", (ROOT / "docs" / "licences.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert [row for row in rows if row[0] != "package"] == pins, "run: make docs"


def test_every_public_name_can_be_had_and_is_listed():
    assert unipref.__all__ == sorted(unipref.__all__, key=lambda name: (name[0].islower(), name[0] == "_", name))
    for name in unipref.__all__:
        assert getattr(unipref, name) is not None
    with pytest.raises(AttributeError, match="unify_all"):
        _ = unipref.unify_all


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_make_targets_in_the_documents_exist(page):
    content = page.read_text(encoding="utf-8")
    # In prose a line may begin with "unipref writes": only code names commands.
    blocks = "".join(re.findall(r"^```.*?^```", content, re.MULTILINE | re.DOTALL))
    named = [*re.findall(r"`unipref ([a-z]+)", content), *re.findall(r"^unipref ([a-z]+)", blocks, re.MULTILINE)]
    for command in named:
        assert command in COMMANDS, f"{page.name} names `unipref {command}`"
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for target in re.findall(r"(?:^|`)make ([a-z]+)", content, re.MULTILINE):
        assert target in targets, f"{page.name} names `make {target}`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_named_in_the_documents_exist(page):
    content = page.read_text(encoding="utf-8")
    for name in re.findall(r"`((?:docs|examples|src)/[\w./]+\.(?:md|yaml|py))`", content):
        assert "NAME" in name or (ROOT / name).is_file(), f"{page.name} names {name}"


def test_yaml_in_the_readme_names_choices_that_exist():
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (study,) = [yaml_files.parse(block, "README.md") for block in blocks]
    kinds = {"trainer": study["train"], "benchmark": study["evaluate"]}
    for kind, used in kinds.items():
        for choice in used:
            ((name, settings),) = choice.items()
            registry.make(kind, name, settings, "README.md")
    for source in study["sources"]:
        if "format" in source:
            registry.make("format", source["format"], source.get("map"), "README.md")


@pytest.mark.slow
def test_the_study_in_the_readme_runs_as_it_is(tmp_path, tiny_model):
    from unipref import demo

    demo.write_data(tmp_path / "demo", demo.World(documents=50))
    (tmp_path / "demo" / "model").symlink_to(tiny_model)
    (block,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(block.splitlines()) <= 12
    (tmp_path / "study.yaml").write_text(block)
    run = unipref.run(tmp_path / "study.yaml", tmp_path / "run")
    assert "Which model to take" in (run / "report.html").read_text()
    assert (run / "train/main/0/dpo/README.md").is_file()


def test_entries_in_the_page_of_formats_are_valid_and_formats_are_complete():
    page = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    entries = [yaml_files.parse(block, "formats.md") for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    assert len(entries) >= 5
    for entry in entries:
        registry.make("format", entry["format"], entry["map"], "formats.md")
    table = page.partition("## Stars")[0]
    assert [name for name in registry.list_own_names("format") if f"`{name}`" not in table] == []


def test_the_version_is_the_same_everywhere():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{unipref.__version__}"' in project
    assert "## Unreleased" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_no_path_of_one_machine_is_in_the_project():
    for path in [*PAGES, *(ROOT / "src").rglob("*.py"), *(ROOT / "examples").glob("*.yaml")]:
        assert not re.search(r"(^|[\s\"'(])/(work|home|root|tmp)/", path.read_text(encoding="utf-8")), path
