"""Each truth accepts the proposal that says what it says, and refuses the same proposal turned round."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from detection_files.make import dev, held_out

PLACE = Path(__file__).parents[2] / "benchmarks" / "detection_scoring.py"
MAKERS = [("dev", name) for name in dev.FILES] + [("test", name) for name in held_out.FILES]
OTHER = {
    **{"first": "second", "second": "first", "good": "bad", "bad": "good", "right": "wrong", "wrong": "right"},
    **{"high": "low", "low": "high", "best_first": "worst_first", "worst_first": "best_first"},
}


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("detection_scoring", PLACE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["detection_scoring"] = module
    spec.loader.exec_module(module)
    return module


scoring = _load()


def _propose(mapping: dict[str, Any], name: str) -> dict[str, Any]:
    """Returns the mapping that `inspect` would propose if it read the truth."""
    proposed = {key: value for key, value in mapping.items() if key not in ("codes", "label", "scores", "scale")}
    codes, label = mapping.get("codes", {}), mapping.get("label")
    if "scores" in mapping:
        proposed["scores"] = {
            path: {"field": path, "codes": {"a word": 1}, "better": "?" if way == "ask" else way}
            for path, way in mapping["scores"].items()
        }
    elif name in ("thumbs", "rated_turns"):
        sides = {
            side: [code for code, meaning in codes.items() if meaning == side] for side in ("good", "bad", "neutral")
        }
        proposed |= {"label": label, "neutral": sides["neutral"]}
        proposed |= {"up": sides["good"] or ["?"], "down": sides["bad"] or ["?"]}
    elif name == "ratings" and label is not None:
        values = {"good": 1, "bad": 0, "neutral": 0.5, "none": None, "ask": "?"}
        numbers = {code: values[meaning] for code, meaning in codes.items()}
        better = "?" if "ask" in codes.values() else "high"
        proposed["scores"] = {"label": {"field": label, "better": better, "codes": numbers}}
    else:
        if label is not None:
            proposed[{"votes": "votes", "graded_pair": "grade"}.get(name, "label")] = label
        if codes:
            kept = {code: meaning for code, meaning in codes.items() if meaning != "none"}
            proposed["codes"] = {code: "?" if meaning == "ask" else meaning for code, meaning in kept.items()}
    return proposed


def _turn(mapping: dict[str, Any]) -> dict[str, Any] | None:
    """Returns the mapping with the other direction; None if it has none."""
    turned = dict(mapping)
    for key in ("codes", "scores", "names"):
        if key in mapping and key == "names" and "codes" not in turned:
            turned[key] = {"first": mapping[key]["second"], "second": mapping[key]["first"]}
        elif key in mapping and key != "names":
            turned[key] = {code: OTHER.get(meaning, meaning) for code, meaning in mapping[key].items()}
    for key in ("order", "better"):
        if key in mapping and "scores" not in mapping:
            turned[key] = OTHER[mapping[key]]
    if "chosen" in mapping:
        turned |= {"chosen": mapping["rejected"], "rejected": mapping["chosen"]}
    return turned if turned != mapping else None


def _settle(mapping: dict[str, Any]) -> dict[str, Any] | None:
    """Returns the mapping with an answer to everything that is to be asked; None if nothing is."""
    meanings = ("first", "second") if "first" in mapping else ("good", "bad")
    asked = [code for code, meaning in mapping.get("codes", {}).items() if meaning == "ask"]
    if asked:
        given = {code: meanings[place % 2] for place, code in enumerate(asked)}
        return mapping | {"codes": mapping["codes"] | given}
    if "ask" in mapping.get("scores", {}).values():
        return mapping | {"scores": {path: "high" if way == "ask" else way for path, way in mapping["scores"].items()}}
    return None


def _answer(truth: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any], str]]:
    """Yields each reading of the truth, its mapping and a format in which it can be said."""
    for reading in truth["right"]:
        for name in reading["format"]:
            yield reading, reading["map"], name


def _score(truth: dict[str, Any], reading: dict[str, Any], mapping: dict[str, Any], name: str) -> str:
    named = [*truth.get("judgements", []), *truth.get("context", [])]
    doubts = [f"'{path}' is not read" for one in named for path in one.split("|")]
    source = {"records": reading["records"]} if "records" in reading else {}
    found = {"format": name, "map": _propose(mapping, name), "source": source, "doubts": doubts, "notes": []}
    return str(scoring.score(found, truth).kind)


@pytest.mark.parametrize(("half", "name"), MAKERS)
def test_a_truth_accepts_what_it_says_and_nothing_else(half: str, name: str) -> None:
    truth = (dev.FILES if half == "dev" else held_out.FILES)[name]().truth
    for reading, mapping, format in _answer(truth):
        assert _score(truth, reading, mapping, format) in ("right", "asked")
        turned = _turn(mapping)
        if turned is not None:
            assert _score(truth, reading, turned, format) == "false", f"{format}: {turned}"
        settled = _settle(mapping)
        if settled is not None:
            assert _score(truth, reading, settled, format) == "false", f"{format}: {settled}"
