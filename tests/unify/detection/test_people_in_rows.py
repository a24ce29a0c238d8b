"""Who gave each of several judgements in a row, as the entry for a file proposes it."""

from typing import Any

import pytest

from unipref.core import registry
from unipref.core.contracts import Export
from unipref.unify.judging.near_names import describe_near_names, find_near_names
from unipref.unify.named_sources import find_named_source
from unipref.unify.proposal import propose


def pairs(**fields: list[Any]) -> list[dict[str, Any]]:
    return [
        {
            "prompt": f"What is thing number {n} made of, and why is it so?",
            "answer_a": f"It is made of wood, because number {n} grows in the forest.",
            "answer_b": f"I do not know anything about number {n}, and nobody does.",
            **{name: values[n % len(values)] for name, values in fields.items()},
        }
        for n in range(12)
    ]


def test_names_beside_the_votes_of_a_list() -> None:
    votes = [[{"choice": "A", "voter": "ann"}, {"choice": "B", "voter": "bob"}]]
    proposed = propose(pairs(votes=votes))
    assert (proposed.map["votes"], proposed.map["annotator"]) == ("votes.*.choice", "votes.*.voter")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["rater_ann", "rater_bob"], ["ann", "bob"]),
        (["rater_1", "rater_2"], None),
        (["rater_first", "rater_second"], None),
    ],
)
def test_fields_with_names_of_people_name_them(names: list[str], expected: list[str] | None) -> None:
    proposed = propose(pairs(**{names[0]: ["A", "B", "A"], names[1]: ["A", "A", "B"]}))
    assert proposed.map.get("annotators") == expected
    said = "\n".join(proposed.doubts)
    assert ("are the same people in all rows" if expected else "annotators: [person 1, person 2]") in said


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("argilla_1", "preference.*.user_id"),
        ("argilla_2", "responses.better.*.user_id"),
        ("label_studio", "annotations.*.completed_by"),
        ("label_studio_min", "annotator"),
        ("open_webui", "user_id"),
        ("potato", "user_id"),
        ("weave", "summary.weave.feedback.*.creator"),
    ],
)
def test_exports_name_who_judged(name: str, path: str) -> None:
    export = registry.find("export", name)
    assert issubclass(export, Export)
    named, _ = find_named_source(export.example["rows"])
    assert named is not None
    assert named.proposal.map["annotator"] == path


def test_of_a_person_in_a_mapping_the_address_names_them() -> None:
    export = registry.find("export", "label_studio")
    assert issubclass(export, Export)
    named, _ = find_named_source([{**row, "annotations": _with_people(row)} for row in export.example["rows"]])
    assert named is not None
    assert named.proposal.map["annotator"] == "annotations.*.completed_by.email"


def _with_people(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**a, "completed_by": {"id": n, "email": f"p{n}@x.org"}} for n, a in enumerate(row["annotations"])]


def test_an_order_says_that_it_does_not_read_the_names() -> None:
    export = registry.find("export", "label_studio")
    assert issubclass(export, Export)
    named, _ = find_named_source(export.further_examples["An order of items"]["rows"])
    assert named is not None
    assert any("who judged ('annotations.*.completed_by') is not read" in doubt for doubt in named.proposal.doubts)


def test_near_names_are_two_people_and_a_doubt() -> None:
    assert find_near_names(["JR", "jr", "mk", "J.R.", "R 1", "r-1"]) == [["J.R.", "JR", "jr"], ["R 1", "r-1"]]
    assert list(describe_near_names(["mk", "mo"])) == []
    proposed = propose(pairs(winner=["A", "B", "A"], judge=["JR", "jr", " JR ", "mk"]))
    (doubt,) = (one for one in proposed.doubts if "annotator_codes" in one)
    assert doubt == (
        "'JR' and 'jr' count as 2 annotators; if they are one, set annotator_codes: {'jr': 'JR'} "
        "in every source that names 'jr'"
    )
    (three,) = describe_near_names(["J.R.", "JR", "jr"])
    assert three.endswith("set annotator_codes: {'JR': 'J.R.', 'jr': 'J.R.'} in every source that names 'JR' or 'jr'")
