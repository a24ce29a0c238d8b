"""Choices of installed packages: found by entry points, listed, detected, hashed; and packages that do not work."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SRC = Path(__file__).parents[2] / "src"

BEST_OF = '''
"""The best of several answers."""

from typing import Any, ClassVar

from unipref import Comparison, Feedback, Response
from unipref.unify.format_bases import Columns, Guess, Mapped, Path, assistant_turn, get_path


class BestOf(Mapped):
    """A prompt, a list of answers and the place of the best one among them."""

    best: Path
    """Path of the place of the best answer, from 0."""

    needs: ClassVar[tuple[str, ...]] = ("a prompt", "a list of answers")
    example: ClassVar[dict[str, Any]] = {"settings": {"best": "best"}, "rows": []}

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """A column called zorro."""
        return Guess({"best": "zorro"}, 1.0, ["there is a zorro"]) if columns.find("zorro") else None

    def feedback(self, row):
        """The best answer is better than each other one."""
        best = get_path(row, self.best)
        answers = [Response(assistant_turn(text)) for text in row["answers"]]
        comparisons = [Comparison(best, other) for other in range(len(answers)) if other != best]
        yield Feedback(self.read_prompt(row, "prompt"), answers, comparisons)
'''
LONGEST = '''
from typing import ClassVar

import numpy as np

from unipref import Scorer


class Longest(Scorer):
    """The number of words."""

    example: ClassVar = {"settings": {}}

    def score(self, candidates):
        return candidates.tokens.astype(np.float64)
'''


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of installed packages: one that works, one that is broken, one whose names are taken."""
    folder = tmp_path_factory.mktemp("site")
    install(
        folder,
        "good",
        {"best_of": BEST_OF, "longest": LONGEST},
        {"unipref.formats": {"best_of": "good.best_of"}, "unipref.scorers": {"longest": "good.longest"}},
    )
    install(
        folder,
        "bad",
        {"broken": "import not_to_be_had\n", "syntax": "class (:\n", "empty": "", "other_name": BEST_OF},
        {
            "unipref.formats": {name: f"bad.{name}" for name in ("broken", "syntax", "empty")}
            | {"wrong": "bad.other_name"}
        },
    )
    install(folder, "taken", {"pairs": BEST_OF}, {"unipref.formats": {"pairs": "taken.pairs"}})
    return folder


def install(site: Path, name: str, modules: dict[str, str], points: dict[str, dict[str, str]]) -> None:
    """Lays a package and its metadata out as pip does."""
    (site / name).mkdir()
    (site / name / "__init__.py").write_text("", encoding="utf-8")
    for module, code in modules.items():
        (site / name / f"{module}.py").write_text(code, encoding="utf-8")
    info = site / f"{name}_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-package\nVersion: 1.0\n", encoding="utf-8")
    lines = [
        line for group, named in points.items() for line in (f"[{group}]", *(f"{n} = {v}" for n, v in named.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def python(site: Path, code: str) -> Any:
    """What the code prints as JSON, in a process of its own that has the packages."""
    paths = os.pathsep.join([str(SRC), str(site)])
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


WHOLE = """
import json
from pathlib import Path
from unipref.core import registry
from unipref.core.errors import UserError
from unipref.study import options
from unipref.unify.inspection import inspect

def error_of(name):
    try:
        registry.make("format", name, {}, "sources.a.format")
    except UserError as error:
        return str(error)

rows = Path("SITE/rows.jsonl")
lines = [json.dumps({"prompt": f"Q {i}?", "zorro": i % 2, "answers": ["a", "b"]}) for i in range(9)]
rows.write_text("\\n".join(lines))
form = registry.make("format", "best_of", {"best": "zorro"}, "map")
scorer = registry.make("scorer", "longest", None, "quality")
before = registry.cache_identity(form)
path = Path("SITE/good/best_of.py")
path.write_text(path.read_text() + "# changed\\n")
found = inspect([rows])[0]
print(json.dumps({
    "names": registry.list_names("format"),
    "every": [one.name() for one in registry.find_all("format")],
    "pairs": [one.__module__ for one in registry.find_all("format") if one.name() == "pairs"],
    "scorers": [type(scorer).__module__, registry.find_package(type(scorer))],
    "errors": {name: error_of(name) for name in ("best_off", "broken", "syntax", "empty", "wrong", "pairs")},
    "by path": registry.find("format", "taken.pairs").__module__,
    "own by path": registry.find("format", "unipref.unify.formats.pairs").__module__,
    "identities": [before, registry.cache_identity(form)],
    "inspected": [found.format, found.map, found.examples[:1]],
    "listed": options.format_entries(options.list_entries("formats")),
    "documented": options.format_entries(options.list_entries("formats", installed=False)),
}))
"""


@pytest.fixture(scope="module")
def found(site: Path) -> Any:
    return python(site, WHOLE.replace("SITE", str(site)))


@pytest.mark.slow
def test_installed_choices_are_found_by_name(found: Any) -> None:
    assert {"best_of", "pairs", "broken"} <= set(found["names"])
    assert found["scorers"] == ["good.longest", "good-package 1.0"]
    assert "Did you mean 'best_of'" in found["errors"]["best_off"]


def test_inspect_detects_an_installed_format_and_reads_with_it(found: Any) -> None:
    name, mapping, examples = found["inspected"]
    assert (name, mapping) == ("best_of", {"best": "zorro"})
    assert (examples[0]["chosen"], examples[0]["rejected"]) == ("assistant: a", "assistant: b")


def test_a_broken_package_is_named_and_breaks_no_other(found: Any) -> None:
    assert set(found["every"]) > {"best_of", "ratings"}
    assert not {"broken", "syntax", "empty", "wrong"} & set(found["every"])
    for name, words in {
        "broken": "cannot be loaded: ModuleNotFoundError: No module named 'not_to_be_had'",
        "syntax": "cannot be loaded: SyntaxError",
        "empty": "does not define a Format",
        "wrong": "its entry point leads to the module 'bad.other_name'",
    }.items():
        error = found["errors"][name]
        assert error.startswith(f"sources.a.format: the format '{name}' of the installed package bad-package 1.0 ")
        assert words in error


def test_a_name_that_unipref_has_too_is_refused_with_both_named(found: Any) -> None:
    error = found["errors"]["pairs"]
    assert "unipref itself (unipref.unify.formats.pairs)" in error
    assert "the installed package taken-package 1.0 (taken.pairs)" in error
    assert found["pairs"] == ["unipref.unify.formats.pairs"]
    assert (found["by path"], found["own by path"]) == ("taken.pairs", "unipref.unify.formats.pairs")


def test_the_cache_identity_changes_with_the_code(found: Any) -> None:
    before, after = found["identities"]
    assert before["name"] == after["name"] == "good.best_of"
    assert before["code"] != after["code"]


def test_lists_name_the_package_and_the_documentation_leaves_it_out(found: Any) -> None:
    assert "from the installed package good-package 1.0" in found["listed"]
    assert "broken\n  cannot be used: the format 'broken' of the installed package bad-package 1.0" in found["listed"]
    assert "best_of" not in found["documented"]
