"""A kind's folder -> its choices, by file name; and code outside by dotted path."""

import importlib
import json
import sys
from pathlib import Path

import pytest

from unipref.core import contracts, registry
from unipref.core.contracts import Choice
from unipref.core.errors import UserError
from unipref.core.records import Axis, Feedback

KINDS = list(registry.CONTRACTS)
EVERY = [(kind, choice) for kind in KINDS for choice in registry.find_all(kind)]
every_choice = pytest.mark.parametrize(("kind", "choice"), EVERY, ids=[f"{s}-{c.name()}" for s, c in EVERY])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("format", {"pairs", "ratings", "tree", "multiple_choice", "thumbs", "demonstration"}),
        ("scorer", {"margin", "margin_percentile", "confidence", "divergence", "margin_gap", "ifd", "response_checks"}),
        (
            "strategy",
            {"all", "random", "quality", "cluster_quality", "quality_gate", "facility_location", "deita"},
        ),
        ("trainer", {"sft", "reward", "rloo", "grpo", "dpo", "kto"}),
        (
            "benchmark",
            {
                "winobias",
                "preference_accuracy",
                "coreference",
                "instructions",
                "ifeval",
                "bbq",
                "perplexity",
                "lm_eval",
            },
        ),
    ],
)
def test_names_are_the_files_without_an_underscore(kind: str, expected: set[str]) -> None:
    assert set(registry.list_names(kind)) >= expected
    folder = Path(importlib.import_module(registry.PACKAGES[kind]).__file__).parent
    assert registry.list_names(kind) == sorted(p.stem for p in folder.glob("*.py") if not p.stem.startswith("_"))


@every_choice
def test_a_choice_is_named_by_its_file_documented_and_made_from_its_example(kind: str, choice: type[Choice]) -> None:
    assert issubclass(choice, registry.CONTRACTS[kind])
    assert choice.__module__ == f"{registry.PACKAGES[kind]}.{choice.name()}"
    assert choice.__doc__
    assert choice.__doc__ != registry.CONTRACTS[kind].__doc__
    made = registry.make(kind, choice.name(), dict(choice.example["settings"]), kind)
    assert isinstance(made, choice)


@every_choice
def test_settings_cannot_be_changed_once_made(kind: str, choice: type[Choice]) -> None:
    made = registry.make(kind, choice.name(), dict(choice.example["settings"]), kind)
    with pytest.raises(ValueError, match="frozen"):
        made.anything = 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_name_gives_the_near_one(kind: str) -> None:
    name = registry.list_names(kind)[0]
    with pytest.raises(UserError, match=f"Did you mean '{name}'") as caught:
        registry.make(kind, name + "x", None, "here")
    assert caught.value.where == "here"
    assert f"unknown {kind} '{name}x'" in str(caught.value)


def test_a_name_near_to_none_gives_them_all() -> None:
    with pytest.raises(UserError, match=f"Known names: {', '.join(registry.list_names('format'))}"):
        registry.find("format", "zzz")


OWN = '''
from unipref.core.contracts import Format
from unipref.core.records import Axis, Feedback, Response


class Votes(Format):
    """Reads votes."""

    field: str = "v"
    """Where the vote is."""

    example = {"settings": {}, "rows": []}

    def read(self, row):
        answer = Response([{"role": "assistant", "content": row["v"]}])
        yield Feedback([{"role": "user", "content": row["q"]}], [answer])

    def axes(self):
        return {"votes": Axis()}
'''


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that Python imports from, with code of the user's own."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_formats").mkdir()
    (tmp_path / "own_formats/__init__.py").write_text("", encoding="utf-8")
    (tmp_path / "own_formats/votes.py").write_text(OWN, encoding="utf-8")
    (tmp_path / "own_formats/nothing.py").write_text("A = 1\n", encoding="utf-8")
    (tmp_path / "own_formats/needy.py").write_text("import own_missing\n", encoding="utf-8")
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("own_formats")]:
        del sys.modules[name]


def test_a_format_of_ones_own_is_named_by_its_dotted_path(own_module: Path) -> None:
    form = registry.make("format", "own_formats.votes", {"field": "w"}, "map")
    assert isinstance(form, contracts.Format)
    assert (form.name(), form.model_dump(), form.axes()) == ("votes", {"field": "w"}, {"votes": Axis()})
    assert all(isinstance(item, Feedback) for item in form.read({"q": "Q", "v": "A"}))
    with pytest.raises(UserError, match=r"map.own_formats.votes.feild: unknown key. Did you mean 'field'"):
        registry.make("format", "own_formats.votes", {"feild": "w"}, "map")


@pytest.mark.parametrize(
    "name", ["own_formats.none", "no.such.module", ".votes", "./votes.py", "own formats.votes", "a..b"]
)
def test_a_module_that_is_not_there_is_the_users_to_mend(own_module: Path, name: str) -> None:
    with pytest.raises(UserError, match="the module cannot be imported"):
        registry.find("format", name)


def test_a_module_without_a_choice_is_the_users_to_mend(own_module: Path) -> None:
    with pytest.raises(UserError, match=r"module 'own_formats.nothing' does not define a Format"):
        registry.find("format", "own_formats.nothing")
    with pytest.raises(UserError, match=r"module 'own_formats.votes' does not define a Strategy"):
        registry.find("strategy", "own_formats.votes")


def test_what_a_module_of_ones_own_lacks_is_said_by_python(own_module: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match="own_missing"):
        registry.find("format", "own_formats.needy")


def test_code_of_ones_own_does_its_work_again_when_it_changes(own_module: Path) -> None:
    form = registry.make("format", "own_formats.votes", None, "map")
    before = registry.cache_identity(form)
    assert registry.cache_identity(form) == before
    (own_module / "own_formats/votes.py").write_text(OWN + "\n# changed\n", encoding="utf-8")
    assert registry.cache_identity(form) != before
    assert "code" not in registry.cache_identity(registry.make("format", "pairs", None, "map"))
    assert (before["kind"], before["name"]) == ("format", "own_formats.votes")


@pytest.mark.parametrize("kind", registry.CONTRACTS)
def test_no_cache_identity_holds_where_a_file_lies(kind: str) -> None:
    for choice in registry.find_all(kind):
        one = registry.make(kind, choice.name(), dict(choice.example.get("settings", {})), kind)
        identity = registry.cache_identity(one)
        assert identity["kind"] == kind
        assert identity["name"] == choice.name()
        assert "unipref." not in json.dumps(identity)


def test_the_code_of_a_choice_is_its_own_and_that_of_its_scorers() -> None:
    strategy = registry.make("strategy", "quality", {"quality": ["margin_percentile", "confidence"]}, "select")
    names = {name.rpartition(".")[2] for name in registry.code_modules(strategy)}
    assert names == {"quality", "margin_percentile", "confidence"}
