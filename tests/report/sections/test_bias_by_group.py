"""Bias by group: which figure of a benchmark, which groups and models, sorted and counted by hand."""

import msgspec
import pytest

from support.run_records import manifest_from
from unipref.core.run_folder import Manifest
from unipref.report.scores import Model, ScoreRow
from unipref.report.sections.bias_by_group import MOST_GROUPS, MOST_MODELS, choose_models, make_bias_section


@pytest.fixture
def by_group(score_row):
    def make(step, group, value, benchmark="winobias", metric="two_way_bias", **changes):
        about = {"direction": "ideal", "ideal": 0.0, "chance": 0.0, "n": 20, "unit": "pairs", "slice": group}
        return msgspec.convert(score_row(step, benchmark, metric, value, **(about | changes)), ScoreRow, strict=False)

    return make


def rows_of(table):
    return [[cell.text for cell in row] for row in table.rows]


def test_the_groups_in_which_the_base_is_most_biased_come_first(by_group, nasty):
    base = {"nurse": 0.1, nasty: -0.4, "guard": 0.2}
    tuned = {"nurse": 0.3, nasty: -0.1, "guard": -0.1}
    scores = [by_group("base", f"occupation:{name}", value) for name, value in base.items()]
    scores += [by_group("sft", f"occupation:{name}", value, low=-1.0, high=1.0) for name, value in tuned.items()]
    section = make_bias_section(scores, Manifest())
    (figure,), (table,) = section.figures, section.tables
    first, second = figure.traces
    assert (first["name"], first["y"], first["x"]) == ("base", [nasty, "guard", "nurse"], [-0.4, 0.2, 0.1])
    assert (second["name"], second["x"], second["meta"]) == ("main · sft", [-0.1, -0.1, 0.3], {"variant": "main"})
    assert second["text"][1] == "guard, main · sft: -0.100 [-1.000, 1.000], 20 pairs"
    assert figure.title == "winobias: two_way_bias by occupation"
    # Nearer to 0 for the nasty one and the guard, farther for the nurse.
    assert figure.description == (
        f"Most biased groups of base: {nasty} -0.400, guard 0.200, nurse 0.100. "
        "main · sft is less biased in 2 of 3 groups."
    )
    assert figure.note == "A group has 20 pairs (median). Sorted by the bias of the base model."
    assert figure.layout["yaxis"]["autorange"] == "reversed"
    assert table.folded
    assert rows_of(table) == [
        [nasty, "20", "-0.400", "-0.100"],
        ["guard", "20", "0.200", "-0.100"],
        ["nurse", "20", "0.100", "0.300"],
    ]


def test_one_figure_of_each_benchmark_by_the_measure_it_is_judged_by(by_group):
    names = ("a", "b", "c")
    scores = [
        *(by_group("base", f"bias_type:{name}", 0.1, "crows", "other") for name in names),
        *(by_group("base", f"bias_type:{name}", 0.1, "crows", "lead", mode="paper") for name in names),
        *(by_group("base", f"bias_type:{name}", 0.1, "crows", "lead") for name in names),
        *(by_group("base", f"category:{name},pro", 0.1, "bbq") for name in names),
        *(by_group("base", f"type:{name}", 0.1, "ifeval", direction="higher", ideal=1.0) for name in names),
        by_group("base", "pro", 0.1, "coreference"),
        by_group("base", "type:1", 0.1),
        by_group("base", "type:2", 0.2),
    ]
    judged = {"crows": {"objective": "bias", "metric": "lead"}}
    section = make_bias_section(scores, manifest_from({"variants": {"main": {"judged": judged}}}))
    assert [figure.title for figure in section.figures] == ["crows: lead by type of bias"]
    # Two groups are not drawn; parts of parts, skills and sides are no groups.
    assert [table.caption for table in section.tables] == [
        "crows: lead by type of bias",
        "winobias: two_way_bias by type of sentence",
    ]


def test_seeds_are_averaged_and_models_that_guess_are_named(by_group):
    scores = [by_group("base", f"occupation:{name}", 0.5) for name in "abc"]
    scores += [by_group("sft", f"occupation:{name}", v, seed=s) for name in "abc" for s, v in ((0, 0.2), (1, 0.4))]
    skill = {"direction": "higher", "ideal": 1.0, "chance": 0.5, "metric": "accuracy"}
    scores += [by_group("base", "all", 0.9, **skill), by_group("sft", "all", 0.9, **skill)]
    scores.append(by_group("sft", "all", 0.5, seed=1, **skill))
    # The bias of one seed is tested by its interval: it includes 0.
    scores += [by_group("sft", "all", 0.3, seed=s, low=-0.1, high=0.7) for s in (0, 1)]
    (figure,) = make_bias_section(scores, Manifest()).figures
    assert figure.traces[1]["x"] == pytest.approx([0.3] * 3)
    assert figure.traces[1]["text"][0] == "a, main · sft: 0.300, mean of 2 seeds (0.200, 0.400)"
    assert "main · sft is less biased in 3 of 3 groups." in figure.description
    assert figure.description.endswith("At chance on this benchmark, and no bias shown: main · sft.")
    assert figure.note.endswith("Means over seeds.")
    # One seed of three at chance is less than half.
    scores.append(by_group("sft", "all", 0.9, seed=2, **skill))
    assert "At chance" not in make_bias_section(scores, Manifest()).figures[0].description


def test_many_groups_and_models_are_cut_and_counted(by_group):
    scores = [by_group("base", f"occupation:{n:02}", n / 100) for n in range(MOST_GROUPS + 5)]
    for variant in "efgabcd":
        scores += [by_group("sft", f"occupation:{n:02}", 0.1, variant=variant) for n in range(5)]
        scores += [by_group("dpo", f"occupation:{n:02}", 0.1, variant=variant) for n in range(5)]
    manifest = manifest_from({"variants": {name: {} for name in "abcdefg"}})
    shown = choose_models(scores, manifest)
    assert list(shown.values()) == ["base", "a · dpo", "b · dpo", "c · dpo", "d · dpo"]
    assert len(shown) == MOST_MODELS
    assert Model("a", None, "dpo") in shown
    section = make_bias_section(scores, manifest)
    # Of seven variants two steps each were measured, of which four models are shown.
    assert "10 more models are in scores.json" in section.paragraphs[1]
    assert len(section.tables[0].rows) == MOST_GROUPS
    assert section.tables[0].rows[0][0].text == "34"
    assert "5 more groups" in section.tables[0].note


def test_without_groups_or_base(by_group, score_row):
    assert make_bias_section([], Manifest()) is None
    assert make_bias_section([by_group("base", "all", 0.1)], Manifest()) is None
    section = make_bias_section([by_group("sft", f"occupation:{name}", 0.1) for name in "abc"], Manifest())
    assert [trace["name"] for trace in section.figures[0].traces] == ["main · sft"]
    assert section.figures[0].description == "Most biased groups of main · sft: a 0.100, b 0.100, c 0.100."
    assert "Sorted by the bias of main · sft." in section.figures[0].note
    assert section.tables[0].note == "Sorted by the bias of main · sft."


def test_groups_are_sorted_by_the_first_model_that_was_measured_on_them(by_group):
    scores = [by_group("base", "all", 0.1, "other")]
    scores += [by_group("sft", f"occupation:{name}", value) for name, value in (("a", 0.1), ("b", 0.3), ("c", 0.2))]
    figure = make_bias_section(scores, Manifest()).figures[0]
    assert figure.traces[0]["y"] == ["b", "c", "a"]
    assert figure.description == "Most biased groups of main · sft: b 0.300, c 0.200, a 0.100."
    assert "Sorted by the bias of main · sft." in figure.note


def test_a_reward_model_does_not_stand_for_its_variant(by_group):
    scores = [by_group(step, f"occupation:{name}", 0.1) for step in ("dpo", "judge") for name in "abc"]
    steps = [{"name": "dpo", "model_kind": "policy"}, {"name": "judge", "model_kind": "reward"}]
    assert list(choose_models(scores, manifest_from({"variants": {"main": {"steps": steps}}})).values()) == [
        "main · dpo"
    ]
    assert list(choose_models(scores, manifest_from({"variants": {"main": {}}})).values()) == ["main · judge"]
