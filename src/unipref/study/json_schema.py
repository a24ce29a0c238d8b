"""The JSON schema of a study file, for completion and documentation in editors.

It names every setting and every choice of this installation, with the documentation of the code. It limits a value
only where a setting has one form: where unipref also reads shorter forms, any value passes, because an editor must not
mark a valid study as wrong. unipref itself checks the rest.
"""

import inspect
import types
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from unipref.core import registry
from unipref.core.contracts import Choice, Settings
from unipref.sources import catalog
from unipref.study.grid import Grid
from unipref.study.rounds import Rounds
from unipref.study.schema import Evaluation, Study
from unipref.study.source import Source

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DOTTED = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$"
"""The dotted path of a module with a choice of one's own."""
PLAIN = {bool: "boolean", int: "integer", float: "number", str: "string", types.NoneType: "null"}
LIMITS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


def build_schema() -> Schema:
    """Builds the JSON schema (draft 2020-12) of a study file, with the choices of this installation."""
    schema = _describe_class(Study)
    properties: dict[str, Schema] = schema["properties"]
    properties["select"] |= _refer("strategy")
    properties["train"] |= {"type": "array", "items": _refer("trainer")}
    benchmarks, evaluation = {"type": "array", "items": _refer("benchmark")}, _describe_class(Evaluation)
    evaluation["properties"]["benchmarks"] |= benchmarks
    properties["evaluate"]["anyOf"] = [benchmarks, evaluation]
    properties["grid"]["anyOf"] = [{"type": "string"}, _describe_class(Grid), {"type": "null"}]
    properties["unify"]["properties"]["aggregate"] |= {"anyOf": [_refer("aggregate"), {"type": "null"}]}
    properties["sources"] = {
        "type": "array",
        "minItems": 1,
        "items": _describe_source(),
        "description": properties["sources"]["description"],
    }
    about = {name: {"description": one.get("description", "")} for name, one in properties.items()}
    properties["variants"] = {
        "type": "object",
        "description": properties["variants"]["description"],
        "additionalProperties": {"type": "object", "properties": about},
    }
    definitions = dict(_define_choices()) | {"rounds": _describe_rounds()}
    for trainer in registry.find_all("trainer"):
        rounds = definitions[f"trainer.{trainer.name()}"]["properties"]["rounds"]
        rounds["anyOf"] = [{"$ref": "#/$defs/rounds"}, {"type": "null"}]
    return {"$schema": DIALECT, "title": "unipref study", **schema, "required": ["sources"], "$defs": definitions}


def _refer(kind: str) -> Schema:
    return {"$ref": f"#/$defs/{kind}"}


def _describe_rounds() -> Schema:
    """Describes the rounds of a training step."""
    rounds = _describe_class(Rounds)
    rounds["properties"]["judges"] |= {"type": "array", "items": _refer("judge")}
    rounds["properties"]["select"] |= _refer("strategy")
    return rounds


def _define_choices() -> Iterator[tuple[str, Schema]]:
    """Yields a definition per kind that a study names directly, and one per choice of it."""
    for kind in ("strategy", "trainer", "benchmark", "aggregate", "judge"):
        choices = list(registry.find_all(kind))
        yield kind, _describe_choice(kind, choices)
        for choice in choices:
            yield f"{kind}.{choice.name()}", _describe_class(choice) | {"type": ["object", "null"]}


def _describe_choice(kind: str, choices: list[type[Choice]]) -> Schema:
    """Describes `name` or `{name: settings}`; a dotted path names a choice of one's own."""
    own = [choice.name() for choice in choices if choice.argument is not None]
    names = [{"const": choice.name(), "description": _first_line(choice)} for choice in choices]
    arguments = [{"type": "string", "pattern": f"^{name}:"} for name in own]
    settings = {choice.name(): _refer(f"{kind}.{choice.name()}") for choice in choices}
    mapping: Schema = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "properties": settings,
        "patternProperties": {DOTTED: {}} | {f"^{name}:": {} for name in own},
        "additionalProperties": False,
    }
    return {"anyOf": [*names, *arguments, {"type": "string", "pattern": DOTTED}, mapping]}


def _describe_source() -> Schema:
    """Describes a source, with the known datasets and, for each format, the settings of its mapping."""
    source = _describe_class(Source)
    formats = list(registry.find_all("format"))
    datasets = [{"const": entry.name} for entry in catalog.DATASETS]
    names = [{"const": form.name(), "description": _first_line(form)} for form in formats]
    source["properties"]["dataset"]["anyOf"] = [*datasets, {"type": "null"}]
    source["properties"]["format"]["anyOf"] = [*names, {"type": "string", "pattern": DOTTED}, {"type": "null"}]
    for place in ("dataset", "format"):
        source["properties"][place].pop("type", None)
    source["allOf"] = [
        {
            "if": {"properties": {"format": {"const": form.name()}}, "required": ["format"]},
            "then": {"properties": {"map": {"properties": _name_settings(form), "additionalProperties": False}}},
        }
        for form in formats
    ]
    return source


def _name_settings(form: type[Choice]) -> dict[str, Schema]:
    """Describes the settings of a format by name alone, because a path can be written in several forms."""
    return {name: {"description": _about(field)} for name, field in _list_fields(form)}


def _describe_class(settings: type[Settings]) -> Schema:
    """Describes the settings of a class; one that passes unknown settings on to a library allows any name."""
    described = {"type": "object", "description": inspect.cleandoc(settings.__doc__ or "")}
    properties = {name: _describe_field(field) for name, field in _list_fields(settings)}
    return {**described, "properties": properties, "additionalProperties": _passes_settings_on(settings)}


def _passes_settings_on(settings: type[Settings]) -> bool:
    """Whether a class checks unknown settings against those of a library before it reads its own."""
    return settings.model_config.get("extra") == "allow"


def _list_fields(settings: type[Settings]) -> Iterator[tuple[str, FieldInfo]]:
    """Yields each setting's name in the file and its field; a field of an alias can be written both ways."""
    for name, field in settings.model_fields.items():
        yield field.alias or name, field
        if field.alias not in (None, name):
            yield name, field


def _describe_field(field: FieldInfo) -> Schema:
    schema: Schema = {"description": _about(field)}
    default = field.get_default(call_default_factory=True, validated_data={})
    if default is None or isinstance(default, bool | int | float | str):
        schema["default"] = default
    if _is_read_before(field.metadata):
        return schema
    return schema | _describe_type(field.annotation) | _describe_limits(field.metadata)


def _is_read_before(metadata: Iterable[Any]) -> bool:
    """Whether a setting is read in other forms too."""
    return any(isinstance(one, BeforeValidator) for one in metadata)


def _describe_limits(metadata: Iterable[Any]) -> Schema:
    """Describes least and greatest values; a field may hold them in a `FieldInfo` of its own."""
    marks = [mark for one in metadata for mark in (one.metadata if isinstance(one, FieldInfo) else [one])]
    limits = ((LIMITS[key], getattr(mark, key)) for mark in marks for key in LIMITS if hasattr(mark, key))
    return {keyword: value for keyword, value in limits if isinstance(value, int | float)}


def _describe_type(annotation: Any) -> Schema:
    """Describes a type of few forms; any value passes for other types."""
    if annotation in PLAIN:
        return {"type": PLAIN[annotation]}
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return {} if _is_read_before(arguments[1:]) else _describe_type(arguments[0]) | _describe_limits(arguments[1:])
    if origin is list:
        return {"type": "array", "items": _describe_type(arguments[0])}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (Union, types.UnionType):
        parts = [_describe_type(one) for one in arguments]
        return {"anyOf": parts} if all(parts) else {}
    is_class = isinstance(annotation, type) and issubclass(annotation, Settings)
    if is_class and not _is_read_first(annotation):
        return {key: value for key, value in _describe_class(annotation).items() if key != "description"}
    return {}


def _is_read_first(settings: type[Settings]) -> bool:
    """Whether a class reads other forms of its settings before it checks them."""
    decorators = settings.__pydantic_decorators__.model_validators.values()
    return any(one.info.mode == "before" for one in decorators) and not _passes_settings_on(settings)


def _about(field: FieldInfo) -> str:
    return " ".join((field.description or "").split())


def _first_line(choice: type[Choice]) -> str:
    return inspect.cleandoc(choice.__doc__ or "").splitlines()[0]
