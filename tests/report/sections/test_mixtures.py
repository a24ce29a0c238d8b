"""A traced front in the report: mixtures beside the run's own models, on the figures that verdicts judge by."""

import json

import pytest

from unipref import report
from unipref.core.run_folder import Manifest, RunFolder, SideRecord
from unipref.report.sections.bias_by_group import choose_models
from unipref.report.sections.mixtures import make_mixture_section

SIDES = {
    "instruction": SideRecord("follow", "followed"),
    "bias": SideRecord("coref", "two_way_bias", skill_metric="accuracy"),
}
VALUES = {
    # (followed, two_way_bias): 0.5/0.5 is beaten by neither end, the base by all.
    "instruction=0,bias=1": (0.2, 0.1),
    "instruction=0.5,bias=0.5": (0.5, 0.2),
    "instruction=1,bias=0": (0.6, 0.5),
}


@pytest.fixture
def run(tmp_path, score_row):
    """A front of three mixtures and the base, and a run with the model `main · dpo`, of two seeds."""

    def rows(step, values, **about):
        follow, bias = values
        bias_is = {"direction": "ideal", "ideal": 0.0, "chance": 0.0}
        return [
            score_row(step, "follow", "followed", follow, **about),
            score_row(step, "coref", "two_way_bias", bias, low=bias - 0.1, high=bias + 0.1, **bias_is, **about),
        ]

    scores = rows("base", (0.1, 0.6)) + rows("dpo", (0.55, 0.15)) + rows("dpo", (0.9, 0.0), seed=1)
    front = rows("base", (0.1, 0.6))
    for name, values in VALUES.items():
        weights = {part.split("=")[0]: float(part.split("=")[1]) for part in name.split(",")}
        front += [
            row | {"weights": weights, "method": "linear", "efficient": True}
            for row in rows(name, values, variant="soup")
        ]
    (tmp_path / "soup").mkdir()
    (tmp_path / "soup" / "front.json").write_text(json.dumps(front))
    (tmp_path / "scores.json").write_text(json.dumps(scores))
    return tmp_path


def section_of(run, sides=SIDES):
    folder = RunFolder(run)
    scores = folder.scores()
    return make_mixture_section(folder.mixtures(), scores, choose_models(scores, Manifest()), sides)


def test_mixtures_stand_beside_the_runs_own_models(run):
    section = section_of(run)
    (figure,), (table,) = section.figures, section.tables
    line, base, own = figure.traces
    assert (line["name"], line["mode"]) == ("mixtures", "lines+markers")
    # From bias to instruction: by the weight of the first objective by name, bias.
    assert line["x"] == [0.6, 0.5, 0.2]
    assert line["y"] == [0.5, 0.2, 0.1]
    assert line["text"][1].split("\n") == [
        "instruction=0.5,bias=0.5",
        "followed 0.500",
        "two_way_bias 0.200 [0.100, 0.300]",
    ]
    assert (base["name"], base["x"], base["meta"]) == ("base", [0.1], {})
    # Seed 0, as the mixtures are: seed 1 would beat them all.
    assert (own["name"], own["x"], own["y"], own["meta"]) == ("main · dpo", [0.55], [0.15], {"variant": "main"})
    # main · dpo beats the middle one on both; the ends each have the best of one figure.
    assert line["marker"]["symbol"] == ["star", "circle", "star"]
    assert own["marker"]["symbol"] == ["star"]
    assert base["marker"]["symbol"] == ["diamond"]
    assert figure.description.startswith("Pareto-optimal: instruction=0,bias=1, instruction=1,bias=0, main · dpo.")
    assert figure.layout["xaxis"]["title"]["text"] == "followed of follow\nhigher is better"
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["base", "0.100", "0.600", ""],
        ["instruction=0,bias=1", "0.200", "0.100", "●"],
        ["instruction=0.5,bias=0.5", "0.500", "0.200", ""],
        ["instruction=1,bias=0", "0.600", "0.500", "●"],
        ["main · dpo", "0.550", "0.150", "●"],
    ]
    assert len(section.paragraphs) == 1


def test_other_examples_are_not_compared_in_silence(run):
    path = run / "soup" / "front.json"
    rows = [row | ({"n": 90} if row["benchmark"] == "follow" else {}) for row in json.loads(path.read_text())]
    path.write_text(json.dumps(rows))
    assert section_of(run).paragraphs[1] == (
        "Not comparable with the run's own models, which were measured on other examples: follow."
    )


def test_without_verdicts_the_figures_are_the_fronts_own(run):
    section = section_of(run, {})
    assert section.figures[0].layout["yaxis"]["title"]["text"].startswith("two_way_bias of coref")
    unknown = {"a": SideRecord("coref", "gone", skill_metric="accuracy"), "b": SIDES["instruction"]}
    assert section_of(run, unknown) == section


def test_a_run_without_a_front_and_one_that_is_broken(run, tmp_path):
    page = report.write(run).read_text(encoding="utf-8")
    assert "Mixtures, named by their weights" in page
    assert "**Mixtures between objectives** (figure in report.html)" in (run / "report.md").read_text()
    (run / "soup" / "front.json").write_text('[{"step": 1}]')
    failures: list[str] = []
    report.write(run, failures.append)
    assert "front.json is corrupt or from another version" in failures[0]
    assert "## Results" in (run / "report.md").read_text()
    (run / "soup" / "front.json").unlink()
    assert section_of(run) is None
