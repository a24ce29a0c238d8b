"""What every exporter keeps: sides are never exchanged, no row is lost without a reason, bytes are the same."""

from pathlib import Path
from typing import Any

import pytest

from support.exported_run import PLAIN, RICH, read_rows, texts, write_run
from unipref.core import registry
from unipref.core.contracts import Exporter
from unipref.export import export_run

EXPORTERS = [choice for choice in registry.find_all("exporter") if issubclass(choice, Exporter)]
EVERY = [pytest.param(one.name(), kind, id=f"{one.name()}-{kind}") for one in EXPORTERS for kind in one.holds]
GOOD, BAD = "Ganymede is the largest.", "It is the Sun."


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_exchanged_answers_exchange_the_sides_of_every_row(tmp_path: Path, name: str, kind: Any) -> None:
    turned = [PLAIN[0] | {"chosen": PLAIN[0]["rejected"], "rejected": PLAIN[0]["chosen"]}]
    runs = (write_run(tmp_path / "one", PLAIN[:1]), write_run(tmp_path / "other", turned))
    one, other = (read_rows(Path(export_run(run, name, kind=kind).folder)) for run in runs)
    swap = {GOOD: BAD, BAD: GOOD}
    assert [swap.get(text, text) for text in texts(one)] == texts(other)
    assert (one != other) == (kind != "prompts")


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_each_preference_is_a_row_or_a_reject(tmp_path: Path, name: str, kind: Any) -> None:
    account = export_run(write_run(tmp_path / "run", [*PLAIN, *RICH], with_parts=True), name, kind=kind)
    folder = Path(account.folder)
    rejects, provenance = read_rows(folder, "rejects"), read_rows(folder, "provenance")
    assert account.rows == len(read_rows(folder)) == len(provenance)
    assert len(rejects) == sum(account.rejected.values())
    assert {row["id"] for row in (*rejects, *provenance)} == {row["id"] for row in (*PLAIN, *RICH)}
    if kind != "thumbs":
        assert account.rows + len(rejects) == account.preferences == len(PLAIN) + len(RICH)


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_the_bytes_are_the_same_each_time(tmp_path: Path, name: str, kind: Any) -> None:
    run = write_run(tmp_path / "run", PLAIN)
    folders = [Path(export_run(run, name, tmp_path / out, kind=kind).folder) for out in ("one", "other")]
    one, other = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    assert one == other
    assert {"export.json", "rejects.jsonl", "provenance.jsonl"} < one.keys()


@pytest.mark.parametrize("name", [one.name() for one in EXPORTERS])
def test_an_exporter_says_what_it_loses_and_how_it_was_checked(name: str) -> None:
    exporter = registry.make("exporter", name, None, "--to")
    assert isinstance(exporter, Exporter)
    assert exporter.checked
    assert exporter.source
    assert exporter.loses or "everything" in exporter.holds
