"""What `judging.json` and the terminal tell of annotators with very long names."""

import json
from pathlib import Path

import msgspec
import numpy as np

from unipref.core.aggregation import Aggregation, AnnotatorReport, SourceReport
from unipref.core.judgements import Judgements
from unipref.core.run_folder import Judging
from unipref.unify.judging.odd_annotators import describe_inverted
from unipref.unify.judging.summary import describe_judging, summarise_judging, write_judging

LONG = "n" * 1_000_000


def judge(name: str) -> AnnotatorReport:
    return AnnotatorReport(name, 40, 30, 0.25, 20, reliability=-0.7, low=-0.9, high=-0.5)


def test_long_names_are_shortened_and_stay_distinct(tmp_path: Path) -> None:
    judgements = Judgements.from_rows([{"group": "q", "answers": ["a"], "kind": "rating", "value": 3.0, "source": "s"}])
    nothing = np.empty(0)
    aggregation = Aggregation(
        *(nothing, nothing.astype(int), nothing.astype(int), nothing, nothing.astype(int)),
        annotators=(judge("ann"), judge(LONG + "a"), judge(LONG + "b")),
    )
    summary = summarise_judging("latent", judgements, aggregation)
    names = [one["name"] for one in summary["annotators"]]
    assert names[0] == "ann"
    assert len(set(names)) == 3
    assert max(map(len, names)) == 80
    write_judging(summary, tmp_path)
    (line,) = describe_judging(tmp_path)
    assert "3 annotators judge against all others" in line
    # A run of an earlier version has names in full.
    summary["annotators"] = [{**summary["annotators"][0], "name": LONG}]
    (tmp_path / "judging.json").write_text(json.dumps(summary))
    (line,) = describe_judging(tmp_path)
    assert len(line) < 300
    # One who judges at random is named too.
    summary["annotators"][0] |= {"reliability": 0.0, "low": -0.02, "high": 0.02, "is_inverted": None}
    (tmp_path / "judging.json").write_text(json.dumps(summary))
    (line,) = describe_judging(tmp_path)
    assert "about at random" in line
    assert len(line) < 300


def test_all_pages_name_the_least_reliable_inverted_annotator_first(tmp_path: Path) -> None:
    """Bob's interval lies further below 0, but ann's reliability is lower."""
    judgements = Judgements.from_rows([{"group": "q", "answers": ["a"], "kind": "rating", "value": 3.0, "source": "s"}])
    nothing = np.empty(0)
    ann = AnnotatorReport("ann", 40, 30, 0.25, 20, reliability=-0.8, low=-0.99, high=-0.1)
    bob = AnnotatorReport("bob", 40, 30, 0.25, 20, reliability=-0.6, low=-0.7, high=-0.5)
    aggregation = Aggregation(
        *(nothing, nothing.astype(int), nothing.astype(int), nothing, nothing.astype(int)), annotators=(ann, bob)
    )
    write_judging(summarise_judging("latent", judgements, aggregation), tmp_path)
    (line,) = describe_judging(tmp_path)
    assert "ann has the reliability -0.80" in line
    judging = msgspec.json.decode((tmp_path / "judging.json").read_bytes(), type=Judging)
    assert [one.name for one in judging.inverted_annotators()] == ["ann", "bob"]


def test_people_of_an_inverted_source_alone_are_not_accused() -> None:
    def report(name: str, reliability: float, source: str | None = None) -> AnnotatorReport:
        ends = {"low": reliability - 0.1, "high": reliability + 0.1}
        return AnnotatorReport(name, 40, 30, 0.2, 20, reliability=reliability, inverted_source=source, **ends)

    people = [report("gus", -0.7, "round2"), report("finn", -0.5), report("hana", -0.6, "round2"), report("ann", 0.8)]
    assert list(describe_inverted(people)) == [
        "1 annotator judges against all others, so what they prefer counts as worse: finn has the reliability -0.50 "
        "(95 % interval -0.60 to -0.40)",
        "gus, hana judged only in source round2, which is the other way round than others: whether the people or the "
        "source are is not known",
    ]


def test_the_source_of_people_who_judge_in_it_alone_is_named() -> None:
    rows = [
        {"group": "q", "answers": ["a", "b"], "kind": "pair", "value": 1.0, "source": source, "annotator": who}
        for who, source in (("gus", "two"), ("ann", "one"), ("bob", "one"), ("bob", "two"))
    ]
    nothing = np.empty(0)
    scales = (SourceReport("two", None, "pair", 40, 40, -2.0, -3.0, -1.0),)
    reports = tuple(AnnotatorReport(name, 40, 30, 0.2, 20) for name in ("ann", "bob", "gus"))
    aggregation = Aggregation(
        *(nothing, nothing.astype(int), nothing.astype(int), nothing, nothing.astype(int)),
        annotators=reports,
        sources=scales,
    )
    summary = summarise_judging("latent", Judgements.from_rows(rows), aggregation)
    assert {one["name"]: one["inverted_source"] for one in summary["annotators"]} == {
        **{"ann": None, "bob": None},
        "gus": "two",
    }
