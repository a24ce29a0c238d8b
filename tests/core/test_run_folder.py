"""The run folder: what is missing, what is damaged, and what another version wrote."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.judged_run import annotator, judging, scale, unjudged, write_judging
from unipref.core.errors import UserError
from unipref.core.run_folder import Judging, Manifest, OverruledCounts, RunFolder, SourceCounts, TrainedStep

MAP = {"x": [1, 2], "y": [1, 2], "kept": "10"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[", "it is not JSON"),
        ("\xff", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("[]", "Expected `object`, got `array`"),
        ('{"sources": {"a": {"rows": "many"}}}', r"Expected `int \| null`, got `str` - at `\$.sources"),
        ('{"train": {"main": {"0": {"sft": {"curve": [3]}}}}}', "Expected `object`, got `int`"),
        ('{"arms": {}}', "it has the key 'arms' of an earlier version"),
    ],
)
def test_a_damaged_manifest_is_named_with_what_was_expected(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "manifest.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=rf"manifest\.json is corrupt or from another version of unipref: .*{why}"):
        _ = RunFolder(tmp_path).manifest


@pytest.mark.parametrize(
    "changes",
    [{"x": [1]}, {"prompts": ["one"]}, {"sources": [["a"], [0, 1]]}, {"reasons": [["a"], [0, -1]]}],
)
def test_a_map_whose_fields_do_not_agree_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    def write(drawn: dict[str, Any]) -> None:
        manifest = {"selected": {"main": {"0": {"account": {"map": drawn}}}}}
        (tmp_path / "manifest.json").write_text(json.dumps(manifest))

    write(MAP)
    assert RunFolder(tmp_path).manifest.selected["main"]["0"].account is not None
    write(MAP | changes)
    with pytest.raises(UserError, match="corrupt"):
        _ = RunFolder(tmp_path).manifest


def test_a_folder_without_a_manifest_is_not_a_run_folder(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert (folder.scores(), folder.paired(), folder.mixtures(), folder.verdicts()) == ([], [], [], None)
    assert folder.manifest_if_any == Manifest()
    with pytest.raises(UserError, match=r"the folder has no manifest\.json, so it is not a run folder"):
        _ = folder.manifest


def test_unknown_keys_and_values_that_are_not_numbers_are_read(tmp_path: Path) -> None:
    text = '{"later": 1, "train": {"main": {"0": {"sft": {"curve": [{"step": 1, "loss": NaN}], "new": []}}}}}'
    (tmp_path / "manifest.json").write_text(text)
    ((variant, seed, step, trained),) = RunFolder(tmp_path).manifest.trained_steps()
    assert (variant, seed, step, trained.curve[0]["step"]) == ("main", "0", "sft", 1)


def test_what_is_written_is_read_back() -> None:
    values = {
        "variants": {"main": {"strategy": {"name": "all"}, "steps": [{"name": "sft", "from": "base"}]}},
        "train": {"main": {"0": {"sft": {"used": 3}}}},
    }
    manifest = msgspec.convert(values, Manifest)
    assert manifest.variants["main"].steps[0].start == "base"
    assert manifest.trained("main", "0") == {"sft": TrainedStep(used=3)}
    assert msgspec.convert(msgspec.to_builtins(manifest), Manifest) == manifest
    assert "selected" not in msgspec.to_builtins(manifest)


@pytest.mark.parametrize("name", ["scores", "against_base", "verdicts"])
@pytest.mark.parametrize("text", ["{", "3", '[{"value": 1}]', "[1]"])
def test_damaged_results_are_named(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / f"{name}.json").write_text(text)
    folder = RunFolder(tmp_path)
    read = {"scores": folder.scores, "against_base": folder.paired, "verdicts": folder.verdicts}[name]
    with pytest.raises(UserError, match=rf"{name}\.json is corrupt or from another version"):
        read()


def test_verdicts_of_an_earlier_version_are_named(tmp_path: Path) -> None:
    (tmp_path / "verdicts.json").write_text('{"claims": [], "models": []}')
    with pytest.raises(UserError, match="its version is 1, expected 2") as failure:
        RunFolder(tmp_path).verdicts()
    assert "Run the study again" in str(failure.value)
    (tmp_path / "verdicts.json").write_text('{"claims": [], "version": 2}')
    assert RunFolder(tmp_path).verdicts() is not None


def test_what_is_known_of_the_judges_is_read(tmp_path: Path) -> None:
    assert RunFolder(tmp_path).judging() is None
    people = [annotator("ann", 0.5), annotator("bob", -0.5), annotator("cy", -0.9), annotator("di", None)]
    write_judging(tmp_path, judging(annotators=people, scales=[scale("a", "pair", -3.0)], later=1))
    read = RunFolder(tmp_path).judging()
    assert read is not None
    assert read.convergence is not None
    assert read.convergence.has_converged
    assert [(one.name, one.reliability) for one in read.inverted_annotators()] == [("cy", -0.9), ("bob", -0.5)]
    assert [(one.source, one.slope, one.high, one.is_inverted) for one in read.scales] == [("a", -3.0, -2.0, True)]
    assert read.contradictions is not None
    assert read.contradictions.opposite == 8
    assert read.agreement[1].alpha is None
    write_judging(tmp_path, unjudged())
    read = RunFolder(tmp_path).judging()
    assert read == Judging(aggregate="latent", notes=unjudged()["notes"])


@pytest.mark.parametrize("text", ["{", "3", '{"annotators": [1]}', '{"scales": [{"slope": "steep"}]}'])
def test_a_damaged_judging_is_named_with_the_command_that_writes_it(tmp_path: Path, text: str) -> None:
    write_judging(tmp_path, text)
    with pytest.raises(UserError, match=r"judging\.json is corrupt or from another version") as caught:
        RunFolder(tmp_path).judging()
    assert "unipref unify" in str(caught.value)


def test_what_became_of_overruled_preferences_adds_up() -> None:
    counts = SourceCounts(overruled=9, turned=2, preferences_rejected={"overruled": 4, "below_min_margin": 7})
    assert counts.count_overruled() == OverruledCounts(9, 4, 2, 3)
    assert SourceCounts(overruled=0).count_overruled() == OverruledCounts(0, 0, 0, 0)
    assert SourceCounts().count_overruled() is None
