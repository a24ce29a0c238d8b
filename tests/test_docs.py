"""The documents cannot drift: generated pages are current, commands, files and public names exist."""

import importlib.util
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import typer

import unipref
from unipref import cli
from unipref.collect.schema import Answers, Collection
from unipref.core import registry, yaml_files
from unipref.core.answer_checks.constraints import ConstraintSettings
from unipref.study import options
from unipref.study.collecting import Gold, Prompts

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
MOST_LINES_OF_README = 130
COMMANDS = set(typer.main.get_command(cli.app).commands)


def load_generator(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_of_choices_are_current():
    pages = load_generator("generate").format_pages()
    for path, text in pages.items():
        assert path.is_file(), f"{path.name} is missing, run: make docs"
        assert path.read_text(encoding="utf-8") == text, f"{path.name} differs, run: make docs"
    assert {path for path in pages if path.parent != ROOT / "docs"} == set((ROOT / "docs" / "choices").rglob("*.md"))


@pytest.mark.parametrize("name", ["generate_api", "generate_matrix", "generate_reasons"])
def test_a_page_made_from_the_code_is_current(name):
    generator = load_generator(name)
    assert generator.PAGE.read_text(encoding="utf-8") == generator.format_page(), "run: make docs"


def test_every_reason_of_the_page_is_explained():
    meanings = load_generator("generate_reasons").read_meanings()
    assert set(meanings) == {str(reason) for reason in unipref.Reason}


def test_every_public_name_is_on_the_page_of_python():
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^::: unipref\.[\w.]*?(\w+)$", page, re.MULTILINE))
    assert named >= {name for name in unipref.__all__ if not name.startswith("_")}


@pytest.mark.slow
def test_the_site_is_built_without_warnings(tmp_path):
    if not all(map(importlib.util.find_spec, ("mkdocs", "material", "mkdocstrings", "mkdocs_awesome_nav"))):
        pytest.skip("the extra 'docs' is not installed")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path / "site"],
        cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    pages = {page.relative_to(ROOT / "docs").with_suffix(".html") for page in (ROOT / "docs").rglob("*.md")}
    assert [page for page in pages if not (tmp_path / "site" / page).is_file()] == []
    found = (tmp_path / "site/api.html").read_text(encoding="utf-8")
    assert 'id="unipref.pipeline.api.run"' in found
    # Names of pages in code marks are links, and no page loads anything from elsewhere.
    assert 'href="reasons.html"' in (tmp_path / "site/errors.html").read_text(encoding="utf-8")
    home = (tmp_path / "site/index.html").read_text(encoding="utf-8")
    assert not re.search(r"<(?:script|link)[^>]+(?:src|href)=\"https?://(?!squidfunk)[^>]+(?:\.js|\.css)", home)


def test_names_of_pages_become_links_outside_code_blocks():
    link_pages = load_generator("link_pages").link_pages
    known = {"study.md", "adding/format.md"}
    text = "See `docs/study.md`, `docs/none.md`, [`docs/study.md`](x).\n```\n`docs/study.md`\n```\n"
    found = link_pages(text, "adding/format.md", known)
    assert found.startswith("See [`docs/study.md`](../study.md), `docs/none.md`, [`docs/study.md`](x).")
    assert "```\n`docs/study.md`\n```" in found


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


@pytest.mark.parametrize(
    ("page", "begin"),
    [
        ("README.md", "| `docs/choices.md`, "),
        ("CONTRIBUTING.md", "A *choice* is something that "),
        ("docs/study.md", "`docs/choices.md` and `unipref list` describe "),
        ("docs/choices.md", "What a study can name: "),
    ],
)
def test_a_list_of_the_kinds_of_choices_is_complete(page, begin):
    assert read_words(page, begin) >= {*options.KIND_OF.values(), "dataset"}


@pytest.mark.parametrize(
    ("page", "begin"), [("README.md", "| `docs/design.md`, "), ("CONTRIBUTING.md", "| to add | write |")]
)
def test_a_list_of_what_can_be_added_names_each_page(page, begin):
    pages = {path.stem for path in (ROOT / "docs" / "adding").glob("*.md")}
    assert len(pages) >= 9
    assert read_words(page, begin) >= pages


def test_a_package_can_add_what_the_document_says():
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    sentence = page.partition("The groups are ")[2].partition(".\n")[0]
    assert set(re.findall(r"`([\w.]+)`", sentence)) == set(registry.GROUPS.values())


def read_words(page, begin):
    """The words, without the plural, of the paragraph or row that begins so; of a table, if its head begins so."""
    text = (ROOT / page).read_text(encoding="utf-8")
    (place,) = [match.start() for match in re.finditer(rf"^{re.escape(begin)}", text, re.MULTILINE)]
    is_row = begin.startswith("| `")
    found = text[place:].partition("\n" if is_row else "\n\n")[0]
    words = set(re.findall(r"\w+", found))
    return words | {word.removesuffix("s") for word in words} | {re.sub("ies$", "y", word) for word in words}


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


def test_the_table_of_collect_has_every_setting():
    table = (ROOT / "docs" / "collect.md").read_text(encoding="utf-8").partition("## Settings")[2].partition("\n## ")[0]
    rows = {line.partition(" | ")[0]: line for line in table.splitlines() if line.startswith("| `")}
    row_of = {name: row for names, row in rows.items() for name in re.findall(r"`(\w+)`", names)}
    assert row_of.keys() == Collection.model_fields.keys()
    nested = {"prompts": Prompts, "constraints": ConstraintSettings, "answers": Answers, "gold": Gold}
    missing = [
        f"{name}.{key}" for name, of in nested.items() for key in of.model_fields if f"`{key}`" not in row_of[name]
    ]
    assert not missing


def test_the_version_is_the_same_everywhere():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{unipref.__version__}"' in project


def test_the_readme_is_one_page_that_begins_with_two_commands():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= MOST_LINES_OF_README
    assert [line.split("#")[0].strip() for line in lines[:20] if line.startswith("make ")] == ["make demo", "make test"]


def test_no_path_of_one_machine_is_in_the_project():
    for path in [*PAGES, *(ROOT / "src").rglob("*.py"), *(ROOT / "examples").glob("*.yaml")]:
        assert not re.search(r"(^|[\s\"'(])/(work|home|root|tmp)/", path.read_text(encoding="utf-8")), path
