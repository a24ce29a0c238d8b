"""The columns of plain rated rows give what the format and the projection give, for any rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import unipref.unify as stage
from support import trials
from support.golden import resolve_source
from support.small_studies import AXES, RATED, hash_bytes, iterate_studies, run_study
from unipref.core.contracts.feedback import read_all
from unipref.core.records import Feedback
from unipref.unify import bucket_groups, map_reduce
from unipref.unify.projection.judges import JudgeNamer
from unipref.unify.projection.project import Projection
from unipref.unify.rated_rows import RatedReader, RatedRows, find_reader, iterate_feedback, to_batch

RATED_STUDIES = {name: study for name, study in iterate_studies() if name.startswith("rated/")}
COMPARED = list(RATED_STUDIES)[:: trials.count(3, 1)]
"""Without oddities, with many of them in several sources, and with all pairs; all studies have a hash as well."""
SMALL_GROUP_BYTES = 2000
TRANSCRIPT = "Human: a\n\nAssistant:"
TEXT = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["Q?", " q? ", "Q\u00a0 ?", "a\n\nb", "<think>x</think>y", "x</think>", TRANSCRIPT, "ﬁ"]),
)
NUMBER = st.one_of(
    st.integers(-2, 12),
    st.floats(),
    st.just(10**400),
    st.booleans(),
    st.none(),
    st.sampled_from(["3", "", "3,5", [1, 2]]),
)
ROW = st.fixed_dictionaries(
    {},
    optional={
        "q": st.one_of(TEXT, st.none(), st.just([{"role": "user", "content": "Hi"}])),
        "a": st.one_of(TEXT, st.just({"role": "assistant", "content": "Hi"})),
        "help": NUMBER,
        "scores": st.one_of(st.fixed_dictionaries({}, optional={"harm": NUMBER}), st.none(), st.just([3])),
        "scores.harm": NUMBER,
        "tone": NUMBER,
        "parent": st.one_of(st.just({"x": 1}), st.just("y")),
    },
)


def list_feedback(rows: RatedRows, axes: Sequence[str]) -> list[Feedback]:
    """Returns the feedback of rows."""
    rows.places = list(range(1, len(rows) + 1))
    rows.origins = [f"d:{place}" for place in rows.places]
    table = pa.Table.from_batches([to_batch(rows, len(axes))])
    return [feedback for _, _, feedback in iterate_feedback(table, axes)]


def resolve(tmp_path: Path, **more: Any) -> tuple[Any, Projection]:
    (tmp_path / "d.jsonl").write_text("{}\n", encoding="utf-8")
    source = resolve_source("ratings", {**RATED, **more}, tmp_path / "d.jsonl")
    return source.format, source.projection


@settings(
    max_examples=trials.count(150, 2000), derandomize=True, suppress_health_check=list(HealthCheck), deadline=None
)
@given(row=ROW)
def test_a_plain_row_is_read_as_by_its_format(row: dict[str, Any], tmp_path: Path) -> None:
    form, projection = resolve(tmp_path)
    reader = find_reader(form, projection)
    assert reader is not None
    plain = reader.read([row])
    if plain is not None:
        (expected,) = JudgeNamer().name(read_all(form, [row]), row)
        assert list_feedback(plain, reader.axes) == [stage.map_reduce._with_origin(expected, "d:1")]


@settings(max_examples=trials.count(50, 1000), derandomize=True, suppress_health_check=list(HealthCheck), deadline=None)
@given(rows=st.lists(ROW, min_size=1, max_size=4))
def test_rows_are_read_together_if_each_is_plain(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    reader = find_reader(*resolve(tmp_path))
    assert reader is not None
    alone = [reader.read([row]) for row in rows]
    joined = RatedRows()
    for plain in alone:
        if plain is None:
            assert reader.read(rows) is None
            return
        joined += plain
    assert reader.read(rows) == joined


def test_usual_rows_are_plain(tmp_path: Path) -> None:
    reader = find_reader(*resolve(tmp_path))
    assert reader is not None
    row = {"q": " Why? ", "a": "So.\n", "help": 3, "scores": {"harm": 0.5}, "tone": -2}
    plain = reader.read([row, {**row, "help": 4}])
    assert plain is not None
    assert (plain.prompts, plain.answers) == ([b"Why?"] * 2, [b"So."] * 2)
    assert plain.scores == [3.0, 0.5, -2.0, 4.0, 0.5, -2.0]
    assert reader.read([{**row, "help": 11}]) is None


@pytest.mark.parametrize(
    "more",
    [
        {"keep": ["id"]},
        {"annotator": "id"},
        {"where": {"help": {"at_least": 1}}},
        {"scores": {"help": {**AXES["help"], "codes": {"good": 3}}}},
        {"scores": {"help": {**AXES["help"], "field": ["help", "tone"]}}},
        {"prompt": ["q", "tone"]},
        {"system": "tone"},
    ],
)
def test_a_mapping_that_asks_for_more_is_read_by_its_format(more: dict[str, Any], tmp_path: Path) -> None:
    assert find_reader(*resolve(tmp_path, **more)) is None


@pytest.mark.parametrize("name", COMPARED)
def test_columns_give_the_files_of_the_general_way(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In many small buckets, which are split or not."""
    monkeypatch.setattr(stage, "BUCKET_BYTES", 40_000)
    monkeypatch.setattr(stage, "TASK_BYTES", 10_000)
    runs = []
    for way in ("columns", "general"):
        if way == "general":
            monkeypatch.setattr(map_reduce, "find_reader", lambda *_: None)
        for group_bytes in (bucket_groups.GROUP_BYTES, SMALL_GROUP_BYTES):
            with monkeypatch.context() as patch:
                patch.setattr(bucket_groups, "GROUP_BYTES", group_bytes)
                runs.append(run_study(RATED_STUDIES[name], tmp_path / f"{way} {group_bytes}"))
    assert len({hash_bytes(out) for out, _ in runs}) == 1
    assert len({records for _, records in runs}) == 1


def test_columns_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bool] = []
    original = RatedReader.read

    def count(self: RatedReader, rows: list[Any]) -> Any:
        plain = original(self, rows)
        if plain is not None or len(rows) == 1:
            read.extend([plain is not None] * len(rows))
        return plain

    monkeypatch.setattr(RatedReader, "read", count)
    run_study(RATED_STUDIES["rated/1"], tmp_path)
    assert 0.8 < sum(read) / len(read) < 1
