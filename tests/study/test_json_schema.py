"""The JSON schema of a study file: it accepts every valid study, and marks what unipref refuses."""

from pathlib import Path
from typing import Any

import pytest
import ruamel.yaml
from jsonschema import Draft202012Validator

from unipref.core import registry
from unipref.study.json_schema import build_schema
from unipref.study.schema import Study

ROOT = Path(__file__).parents[2]
SOURCE: dict[str, Any] = {"name": "a", "path": "a.jsonl", "format": "pairs", "map": {"prompt": "q"}}


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = build_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def find_places(validator: Draft202012Validator, **study: Any) -> list[str]:
    """Returns the places of a study that the schema marks."""
    errors = validator.iter_errors({"sources": [SOURCE], **study})
    return sorted({".".join(map(str, error.absolute_path)) for error in errors})


COLLECTIONS = {"real_model_collect.yaml"}
"""Files of `unipref collect`, which are no studies."""
STUDIES = [path for path in ROOT.glob("examples/*.yaml") if path.name not in COLLECTIONS]


@pytest.mark.parametrize("path", sorted([*STUDIES, ROOT / "src/unipref/demo/study.yaml"]), ids=str)
def test_every_study_that_ships_is_valid(path: Path, validator: Draft202012Validator) -> None:
    study = ruamel.yaml.YAML(typ="safe").load(path)
    assert [error.message for error in validator.iter_errors(study)] == []


@pytest.mark.parametrize("kind", ["strategy", "trainer", "benchmark"])
def test_the_example_of_every_choice_is_valid(kind: str, validator: Draft202012Validator) -> None:
    key, wrap = {"strategy": ("select", None), "trainer": ("train", list), "benchmark": ("evaluate", list)}[kind]
    for choice in registry.find_all(kind):
        settings = choice.example.get("settings", {})
        for value in ({choice.name(): settings}, *([choice.name()] if not settings else [])):
            assert find_places(validator, **{key: [value] if wrap else value}) == [], choice.name()


def test_every_setting_of_the_study_has_a_description(validator: Draft202012Validator) -> None:
    properties = validator.schema["properties"]
    assert set(Study.model_fields) == set(properties)
    assert [name for name, about in properties.items() if not about["description"]] == []


@pytest.mark.parametrize(
    "study",
    [
        {"select": "all"},
        {"select": {"quality": {"fraction": 0.3, "quality": ["confidence", {"ifd": {}}]}}},
        {"select": "my_package.my_strategy"},
        {"train": [{"sft": {"max_steps": 3, "neftune_noise_alpha": 5, "lora": {"r": 4, "use_rslora": True}}}, "kto"]},
        {"train": [{"dpo": {"from": "sft"}}, {"dpo": {"start": "sft"}}, {"dpo": None}]},
        {"evaluate": {"benchmarks": ["winobias", {"lm_eval:arc_easy": {}}, "lm_eval:arc_easy"], "every": 10}},
        {"unify": {"aggregate": None}},
        {"unify": {"aggregate": {"latent": {}}}},
        {"grid": "paper"},
        {"grid": {"fractions": [0.5]}},
        {"variants": {"other": {"select": "random"}}},
        {"sources": [{"name": "b", "dataset": "alpaca", "path": ["x.json", "y.json"]}]},
    ],
)
def test_short_and_long_forms_are_valid(study: dict[str, Any], validator: Draft202012Validator) -> None:
    assert find_places(validator, **study) == []


@pytest.mark.parametrize(
    ("study", "place"),
    [
        ({"selct": "all"}, ""),
        ({"select": "qualty"}, "select"),
        ({"select": {"quality": {"fractoin": 0.3}}}, "select"),
        ({"train": [{"sft": {}, "dpo": {}}]}, "train.0"),
        ({"evaluate": ["winobais"]}, "evaluate"),
        ({"workers": 0}, "workers"),
        ({"seeds": 3}, "seeds"),
        ({"sources": [{"name": "b", "format": "pairs", "map": {"promt": "q"}}]}, "sources.0.map"),
        ({"sources": [{"name": "b", "format": "pears"}]}, "sources.0.format"),
        ({"sources": [{"name": "b", "dataset": "alpacca"}]}, "sources.0.dataset"),
    ],
)
def test_what_unipref_refuses_is_marked(study: dict[str, Any], place: str, validator: Draft202012Validator) -> None:
    assert place in find_places(validator, **study)
