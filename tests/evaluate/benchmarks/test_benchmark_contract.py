"""One contract test over all benchmarks: documented, with an example that is measured, and no crash on damaged data."""

import copy
import importlib.util
import json
import math
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.fakes import answer_any, fake_policy
from unipref.core import registry
from unipref.core.contracts import BIAS, INSTRUCTION, Benchmark, SplitBenchmark
from unipref.core.errors import UserError
from unipref.core.scores import Finding
from unipref.core.stats.statistic import Statistic
from unipref.evaluate.example_files import write_example

BENCHMARKS = [choice for choice in registry.find_all("benchmark") if issubclass(choice, Benchmark)]
LOCAL = [benchmark for benchmark in BENCHMARKS if not benchmark.downloads_data]
"""Those that read files of their own; the others leave data and model to another library."""
every_benchmark = pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda benchmark: benchmark.name())
every_local = pytest.mark.parametrize("benchmark", LOCAL, ids=lambda benchmark: benchmark.name())
hostile = settings(max_examples=25, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True)
def fake_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_any(monkeypatch)


def made(benchmark: type[Benchmark], **more: Any) -> Benchmark:
    """The benchmark as its example says, on its example's files."""
    for package in benchmark.required_packages:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"the package {package} is not installed")
    own = {key: value for key, value in benchmark.example["settings"].items() if key not in ("data", "limit")}
    return registry.validate_settings(benchmark, {**own, **more}, benchmark.name())


def small(benchmark: type[Benchmark], **more: Any) -> Benchmark:
    """As `made`, with windows and answers that are short."""
    short = {"stride": 8, "window": 16, "new_tokens": 4}
    return made(benchmark, **{key: value for key, value in short.items() if key in benchmark.model_fields}, **more)


def scores(statistics: Iterator[Statistic]) -> list[Any]:
    return [statistic.score() for statistic in statistics]


@every_benchmark
def test_is_documented_field_by_field(benchmark: type[Benchmark]) -> None:
    assert len((benchmark.__doc__ or "").split()) >= 30
    assert "Data:" in benchmark.__doc__ or benchmark.downloads_data
    for name, field in benchmark.model_fields.items():
        assert field.description, f"{benchmark.name()}.{name} has no documentation"


@every_benchmark
def test_unknown_setting_is_refused_with_the_near_name(benchmark: type[Benchmark]) -> None:
    with pytest.raises(UserError, match=r"unknown key\. Did you mean 'limit'"):
        made(benchmark, limitt=3)


@every_benchmark
def test_an_empty_table_has_no_statistics(benchmark: type[Benchmark]) -> None:
    assert list(benchmark.statistics([])) == []


@every_benchmark
def test_what_it_declares_is_what_others_understand(benchmark: type[Benchmark]) -> None:
    assert benchmark.measures
    assert benchmark.measures <= {"policy", "reward", "judge"}
    one = made(benchmark)
    assert one.part in ("test", "dev")
    assert isinstance(one, SplitBenchmark) == ("split" in benchmark.model_fields)
    if isinstance(one, SplitBenchmark):
        assert set(get_args(benchmark.model_fields["split"].annotation)) == {"test", "dev"}
        assert {made(benchmark, split=part).part for part in ("test", "dev")} == {"test", "dev"}


@every_local
def test_example_is_measured(benchmark: type[Benchmark], tmp_path: Path) -> None:
    one = small(benchmark)
    finding = one.measure(fake_policy(), write_example(benchmark, tmp_path / "data"), one.part)
    assert finding.examples
    assert finding.scores
    assert {score.split for score in finding.scores} == {one.part}
    # Every figure can be computed again from the table as it is on disk.
    lines = [msgspec.json.encode(example) for example in finding.examples]
    table = [json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON")) for line in lines]
    assert scores(benchmark.statistics(table)) == finding.scores
    # Units pair two models, so each has one name and one place.
    for statistic in benchmark.statistics(table):
        assert len(set(statistic.units)) == len(statistic.units) == len(statistic.values)
    keys = [(score.mode, score.slice, score.metric) for score in finding.scores]
    assert len(set(keys)) == len(keys)
    for score in finding.scores:
        check_score(benchmark, score)
    check_headline(benchmark, finding)


def check_score(benchmark: type[Benchmark], score: Any) -> None:
    assert math.isfinite(score.value), score
    assert score.unit
    assert score.unit != "examples", "say what the units are"
    assert score.direction in ("higher", "lower", "ideal")
    assert score.direction != "ideal" or score.ideal is not None
    assert score.low is None or score.low <= score.high
    # A family of metrics (`prompt_1`, `prompt_2`) may be documented by what their names have in common.
    assert score.metric.split("_")[0] in (benchmark.__doc__ or ""), f"the docstring does not say what {score.metric} is"


def check_headline(benchmark: type[Benchmark], finding: Finding) -> None:
    whole = {score.metric for score in finding.scores if score.slice == "all" and score.mode != "paper"}
    if (headline := benchmark.headline_metric) is not None:
        assert headline.objective in (INSTRUCTION, BIAS)
        assert headline.metric in whole
        assert headline.skill_metric is None or headline.skill_metric in whole
        assert {*headline.guards} <= whole - {headline.metric, headline.skill_metric}
    if benchmark.fallback_metric is not None:
        parts = {score.slice for score in finding.scores if score.metric == benchmark.fallback_metric}
        assert {f"objective:{INSTRUCTION}", f"objective:{BIAS}"} <= parts


@every_local
def test_limit_is_obeyed_and_noted(benchmark: type[Benchmark], tmp_path: Path) -> None:
    data = write_example(benchmark, tmp_path / "data")
    whole, _ = small(benchmark).examine(fake_policy(), data, made(benchmark).part)
    part, notes = small(benchmark, limit=1).examine(fake_policy(), data, made(benchmark).part)
    assert 0 < len(part) < len(whole)
    assert any("limit: 1" in note for note in notes)
    assert scores(benchmark.statistics(part))


@every_local
def test_what_is_longer_than_the_context_is_left_out_and_noted(benchmark: type[Benchmark], tmp_path: Path) -> None:
    data = write_example(benchmark, tmp_path / "data")
    model = fake_policy(context=17)
    examples, notes = small(benchmark).examine(model, data, made(benchmark).part)
    assert scores(benchmark.statistics(examples)) == [] or examples
    assert len(examples) == len(small(benchmark).examine(fake_policy(), data, made(benchmark).part)[0]) or notes


@every_local
def test_missing_data_are_the_users_to_mend(benchmark: type[Benchmark], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "readme.md").write_text("Nothing here.\n", encoding="utf-8")
    for folder in ("empty", "other"):
        with pytest.raises(UserError):
            small(benchmark).measure(fake_policy(), tmp_path / folder, made(benchmark).part)


def measured(benchmark: type[Benchmark], data: Path) -> Finding | None:
    """What it finds in data that may be damaged; None where it refuses them. No other exception may come out."""
    try:
        finding = small(benchmark).measure(fake_policy(), data, made(benchmark).part)
    except UserError as error:
        return None if error.what else pytest.fail("an error without words")
    json.dumps(finding.examples, allow_nan=False)
    assert all(math.isfinite(score.value) for score in finding.scores)
    return finding


CONTENTS = (
    b"", b"\n\n", b"\xff\xfe\x00binary\x00\x80", b"{", b"[]", b"{}", b"null", b"3", b'"text"', b"[[1, 2], 3]",
    b'{"a": 1}', b"a,b\n1,2\n", b"a\tb\n1\t2\n", b'{"data": {"intrasentence": [{}]}}', b"PAR1PAR1", b"\x1f\x8b\x08",
)  # fmt: skip


@every_local
@pytest.mark.parametrize("content", CONTENTS, ids=repr)
def test_another_content_ends_in_an_error_for_the_user(
    benchmark: type[Benchmark], content: bytes, tmp_path: Path
) -> None:
    for name in benchmark.example["files"]:
        data = write_example(benchmark, tmp_path / "data")
        (data / name).write_bytes(content)
        measured(benchmark, data)


VALUES = (
    None, True, 0, -1, 10**30, 1e308, 0.5, "", " ", "_", "a_b_c", "ß", "\x00", "nan", [], {}, [1], [None], {"a": 1},
    ["x"] * 5, "ans0", "unknown", "\u2028", "\ud800", "he", [[]], {"role": 3}, [{"role": "user", "content": "x"}],
)  # fmt: skip
WORDS = (
    b"", b"\x00", b"\xc3", b"\xe2\x80\xa8", b"\t", b"\n", b",", b'"', b"[", b"]", b"{", b"_", b"-1", b"nan", b"1e999",
    b"NaN", b"[the]", b"0", b"\r", b"unknown", b"null",
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all parts of a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, below in inner for place in places(below, (*path, key)))]


def damage_rows(draw: Any, rows: list[Any]) -> list[Any]:
    """Rows in which a few parts are replaced, removed or repeated."""
    rows = json.loads(json.dumps(rows))
    for _ in range(draw(st.integers(1, 3))):
        choices = places(rows)[1:]
        if not choices:
            break
        *path, last = draw(st.sampled_from(choices))
        parent = rows
        for key in path:
            parent = parent[key]
        if draw(st.booleans()):
            parent[last] = copy.deepcopy(draw(st.sampled_from(VALUES)))  # a later round may change it
        elif isinstance(parent, list) and draw(st.booleans()):
            parent.append(copy.deepcopy(parent[last]))
        else:
            del parent[last]
    return rows


def damage_bytes(draw: Any, content: bytes) -> bytes:
    """A file that is cut, or in which some bytes are replaced."""
    start = draw(st.integers(0, len(content)))
    end = draw(st.one_of(st.just(len(content)), st.integers(start, min(len(content), start + 12))))
    return content[:start] + draw(st.sampled_from(WORDS)) + content[end:]


@every_local
@hostile
@given(data=st.data())
def test_damaged_data_end_in_scores_or_in_an_error_for_the_user(
    benchmark: type[Benchmark], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    try:
        write_example(benchmark, folder)
        name = data.draw(st.sampled_from(sorted(benchmark.example["files"])))
        content = benchmark.example["files"][name]
        if not isinstance(content, str) and data.draw(st.booleans()) and not name.endswith(".parquet"):
            rows = damage_rows(data.draw, list(content))
            lines = [json.dumps(row) for row in rows]
            (folder / name).write_text("\n".join(lines) if name.endswith("l") else json.dumps(rows), encoding="utf-8")
        else:
            (folder / name).write_bytes(damage_bytes(data.draw, (folder / name).read_bytes()))
        measured(benchmark, folder)
    finally:
        shutil.rmtree(folder)


@every_local
@hostile
@given(seed=st.integers(0, 10**6))
def test_statistics_of_any_part_of_the_table_are_finite(
    benchmark: type[Benchmark], seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    table = tables(benchmark, tmp_path_factory)
    draw = random.Random(seed)
    part = draw.sample(table, draw.randint(1, len(table)))
    assert all(math.isfinite(score.value) for score in scores(benchmark.statistics(part)))


TABLES: dict[str, list[Any]] = {}


def tables(benchmark: type[Benchmark], tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The example's table, measured once."""
    if benchmark.name() not in TABLES:
        data = write_example(benchmark, tmp_path_factory.mktemp("whole"))
        TABLES[benchmark.name()] = small(benchmark).examine(fake_policy(), data, made(benchmark).part)[0]
    return TABLES[benchmark.name()]
