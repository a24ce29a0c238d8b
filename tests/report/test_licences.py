"""What the licences of a mix restrict, in words, with the share of the training part that they are of."""

from pathlib import Path

import pytest

from support.run_records import manifest_from
from unipref.core.run_folder import SourceCounts
from unipref.report.licences import count_training, describe_licences, find_restrictions, list_hub_datasets
from unipref.report.sections.sources import make_source_section
from unipref.sources import catalog


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("CC-BY-NC-4.0", ["non-commercial"]),
        ("cc_by_nc_sa_4.0", ["non-commercial", "share-alike"]),
        ("CC BY-NC-ND 4.0", ["non-commercial", "no derivatives"]),
        ("Research only", ["non-commercial"]),
        ("for non-commercial use", ["non-commercial"]),
        ("CC-BY-SA-3.0", ["share-alike"]),
        ("GPL-3.0", ["share-alike"]),
        ("Apache-2.0, on condition that it is not used to compete", ["with conditions"]),
        ("none stated for the data", ["unknown"]),
        ("unclear: the repository is Apache-2.0", ["unknown"]),
        ("", ["unknown"]),
        (None, ["unknown"]),
        ("The Licence of Ann", ["not recognised"]),
        ("CC-BY-4.0", []),
        ("Apache-2.0", []),
        ("MIT", []),
        ("CC0-1.0", []),
        ("ODC-BY", []),
    ],
)
def test_restrictions(licence: str | None, expected: list[str]) -> None:
    assert find_restrictions(licence) == expected


def test_every_licence_of_the_catalog_is_recognised() -> None:
    unrecognised = [entry.licence for entry in catalog.DATASETS if "not recognised" in find_restrictions(entry.licence)]
    assert unrecognised == []


def test_sentences_name_sources_and_their_share() -> None:
    sources = {
        "a": SourceCounts(licence="CC-BY-NC-4.0"),
        "b": SourceCounts(licence="MIT"),
        "c": SourceCounts(licence=None),
    }
    sentences = describe_licences(sources, {"a": 30, "b": 60, "c": 10}, "preferences")
    assert sentences == [
        "Non-commercial: a (CC-BY-NC-4.0); 30 of 100 preferences (30.0 %). By such licences, their use for commercial "
        "purposes is not allowed.",
        "No licence stated, or an unclear one: c (unknown); 10 of 100 preferences (10.0 %). Without a licence, nothing "
        "says that the data may be used or shared: ask their publishers.",
    ]
    assert describe_licences({"b": sources["b"]}, {"b": 1}, "preferences") == []


def test_the_share_is_of_what_is_trained_on_or_else_of_all(tmp_path: Path) -> None:
    content = {
        "sources": {"a": {"licence": "CC-BY-NC-4.0", "preferences": 5}, "b": {"licence": "MIT", "preferences": 5}}
    }
    manifest = manifest_from(content)
    assert count_training(manifest, "main", None) == ({"a": 5, "b": 5}, "preferences of all sources")
    chosen = {"selected": {"main": {"7": {"by_source": {"a": [5, 3], "b": [5, 0]}}}}}
    manifest = manifest_from(content | chosen)
    assert count_training(manifest, "main", None) == ({"a": 3, "b": 0}, "preferences selected for training")
    section = make_source_section(manifest, tmp_path)
    assert section is not None
    assert "3 of 3 preferences selected for training (100.0 %)" in section.points[0].items[0]


def test_datasets_on_the_hub_are_those_of_the_sources() -> None:
    files = ["hf://datasets/owner/data/train/a.csv", "hf://datasets/owner/data/b.csv", "local.csv"]
    sources = {"a": SourceCounts(files=files), "b": SourceCounts(files=["hf://datasets/other/one/c.parquet"])}
    assert list_hub_datasets(sources) == ["other/one", "owner/data"]
