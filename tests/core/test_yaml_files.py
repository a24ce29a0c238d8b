"""YAML 1.2: what plain words and numbers are, what is refused and where, and that written files read back equal."""

import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from unipref.core import yaml_files
from unipref.core.errors import UserError

PLAIN = [
    *((word, word) for word in ("yes", "no", "Yes", "NO", "on", "off", "On", "OFF", "y", "n", "Y", "N")),
    *((text, text) for text in ("2024-05-01", "2024-13-45", "2024-05-01 10:00:00", "12:30", "190:20:30", "1_000")),
    *((text, text) for text in ("0b11", "1e", "e5", "1e-5x", "1.2.3", "=", "tRue", "nUll", "-0x1f")),
    *((text, True) for text in ("true", "True", "TRUE")),
    *((text, False) for text in ("false", "False", "FALSE")),
    *((text, None) for text in ("null", "Null", "NULL", "~", "")),
    *(("010", 10), ("+7", 7), ("-0", 0), ("0o17", 15), ("0x1F", 31), ("08", 8)),
    *(("1e-5", 1e-5), ("1.0e-5", 1e-5), ("5E3", 5000.0), ("-2e2", -200.0), (".5", 0.5), ("1.", 1.0), ("010.5", 10.5)),
    *((".inf", math.inf), ("-.INF", -math.inf)),
]


@pytest.mark.parametrize(("text", "value"), PLAIN)
def test_plain_scalars_are_of_the_core_schema(text: str, value: Any) -> None:
    for found in (
        yaml_files.parse(f"key: {text}\n", "here")["key"],
        next(iter(yaml_files.parse(f"? {text}\n: 1\n", "here"))),
        yaml_files.plain_value(text),
    ):
        assert (found, type(found)) == (value, type(value))


def test_not_a_number_is_read_and_written() -> None:
    assert math.isnan(yaml_files.parse(".nan", "here"))
    assert math.isnan(yaml_files.parse(yaml_files.write({"a": math.nan}), "here")["a"])


def test_quotes_make_text_of_anything() -> None:
    assert yaml_files.parse("""["1", '010', "true", 'null', !!str 5]""", "here") == ["1", "010", "true", "null", "5"]


def test_a_text_that_says_it_is_yaml_1_1_is_read_as_1_2() -> None:
    assert yaml_files.parse("%YAML 1.1\n---\na: [no, 010]\n", "here") == {"a": ["no", 10]}


REFUSED = [
    ("a: 1\nb: 2\na: 3\n", "here, line 3, column 1: invalid YAML: the key 'a' is repeated, it is also in line 1."),
    ("a:\n  yes: 1\n  yes: 2\n", "here, line 3, column 3: invalid YAML: the key 'yes' is repeated"),
    ("[{010: 1, 10: 2}]", "here, line 1, column 11: invalid YAML: the key '10' is repeated"),
    ("a: {<<: {b: 1}, <<: {c: 1}}", "the key '<<' is repeated, it is also in line 1; merge several mappings with"),
    ("a: {<<: {b: 1, b: 2}}", "the key 'b' is repeated"),
    ("a: {{ b }}", "here, line 1, column 5: invalid YAML: a key must be plain text (are there double braces?)."),
    ("a: [1\nb: 2\n", "here, line 2, column 2: invalid YAML: expected ',' or ']', but got ':'."),
    ("a:\n\t- b\n", "here, line 2, column 1: invalid YAML: found character '\\t' that cannot start any token."),
    ("a: \x07\n", "here, line 1, column 4: invalid YAML: the character '\\x07' is not allowed."),
    ("a: 1\n---\nb: 2\n", "here, line 2, column 1: invalid YAML: expected a single document"),
    ("a: *b\n", "here, line 1, column 4: invalid YAML: found undefined alias"),
    ("a: !!int x\n", "here, line 1, column 4: invalid YAML: 'x' is not an integer."),
    ("a: !!float x\n", "'x' is not a number"),
    ("a: !!bool yes\n", "'yes' is not true or false"),
    ("a: !!python/object/apply:os.getcwd []\n", "could not determine a constructor for the tag"),
    ("a: !!timestamp 2024-05-01\n", "could not determine a constructor for the tag"),
    ("9" * 5000, "an integer of 5000 digits is too long"),
    ("[" * 1000, "here: invalid YAML: nested too deeply."),
    ("&a [*a]\n", "here, line 1, column 1: invalid YAML: the anchor 'a' contains itself."),
]


@pytest.mark.parametrize(("content", "message"), REFUSED, ids=range(len(REFUSED)))
def test_invalid_text_is_refused_with_file_line_and_column(content: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        yaml_files.parse(content, "here")
    assert message in str(caught.value)


@pytest.mark.parametrize("item", ["[{}]", "{{<<: [{}]}}"])
def test_aliases_that_stand_for_a_billion_values_are_refused(item: str) -> None:
    lines = ["a0: &a0 {x: 1}"]
    for i in range(1, 10):
        lines.append(f"a{i}: &a{i} " + item.format(", ".join([f"*a{i - 1}"] * 9)))
    with pytest.raises(UserError, match="its aliases expand to more than 100,000 values"):
        yaml_files.parse("\n".join(lines), "here")


def test_long_texts_without_aliases_are_not_taken_for_such_a_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_files, "MOST_ALIASED", 1000)
    assert len(yaml_files.parse("- {a: 1}\n" * 200 + f"- [{'x, ' * 1200}]\n", "here")) == 201


def test_merge_keys_and_anchors_work() -> None:
    content = "one: &one {a: 1, b: 2}\ntwo: {<<: *one, b: 3}\nthree: {b: 4, <<: [*one, {a: 5, c: 6}]}\nfour: *one\n"
    assert yaml_files.parse(content, "here") == {
        "one": {"a": 1, "b": 2},
        "two": {"a": 1, "b": 3},
        "three": {"a": 1, "b": 4, "c": 6},
        "four": {"a": 1, "b": 2},
    }


TEXTS = [
    "no",
    "On",
    "y",
    "010",
    "1_000",
    "0x1f",
    "0o17",
    "1e-5",
    "12:30",
    "2024-05-01",
    "~",
    "null",
    "true",
    "",
    "=",
    "<<",
]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]))
    | st.from_regex(r"[-+]?[0-9][0-9_:.eExob-]{0,8}", fullmatch=True)
    | st.sampled_from(TEXTS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(TEXTS) | st.text(), inner, max_size=4),
    max_leaves=12,
)


def in_version_1_1(content: str) -> Any:
    yaml = YAML(typ="safe", pure=True)
    yaml.version = "1.1"
    return yaml.load(content)


@given(VALUES)
@example({"\x85": None, "a\u2028b": "\x85"})
def test_what_is_written_reads_back_equal_in_both_versions(value: Any) -> None:
    content = yaml_files.write(value)
    assert repr(yaml_files.parse(content, "here")) == repr(value)
    assert repr(in_version_1_1(content)) == repr(value)


def test_pyyaml_reads_what_is_written() -> None:
    # Not a dependency of unipref's, but of the libraries that read its model cards.
    pyyaml = pytest.importorskip("yaml")
    value = {"texts": TEXTS, "numbers": [1e-5, 1e20, 10, -0.5, math.inf], "on": {"no": None, "yes": True}}
    assert pyyaml.safe_load(yaml_files.write(value)) == value


STUDY = """\
# What this study is for.
name: no  # the country

sources:
  # the first
  - {name: first, join: [{path: a.csv, on: row}]}  # all on one line
  - name: second
    map:
      label: "010"  # in quotes
seeds: [0, 1]
note: |
  two
  lines
"""


def test_comments_and_layout_are_kept_where_a_value_is_changed() -> None:
    value = yaml_files.parse(STUDY, "study")
    value["sources"][1]["map"]["label"] = "on"
    value["seeds"] = [0]
    value["split"] = {"dev": 0.1}
    content = yaml_files.rewrite(STUDY, value)
    assert yaml_files.parse(content, "study") == value == in_version_1_1(content)
    for kept in ("# What this study is for.", "# the country", "# the first", "# all on one line", "# in quotes"):
        assert kept in content
    assert "note: |\n  two\n  lines\n" in content


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ("a: &a {x: 1}\nb: *a # shared\n", {"a": {"x": 1}, "b": {"x": 2}}),
        ("# top\n- 1\n", {"a": 1}),
        ("a: 1 # one\n", {}),
        ("a: 1\nb: [1, 2, 3]\n", {"b": [True, 2.0], "c": "no"}),
        ("a: 010 # ten\nb: 2024-05-01\n", {"a": 10, "b": "2024-05-01"}),
    ],
)
def test_the_value_counts_more_than_the_comments(content: str, value: Any) -> None:
    assert repr(yaml_files.parse(yaml_files.rewrite(content, value), "here")) == repr(value)


@given(VALUES, VALUES)
def test_any_value_can_be_laid_over_any_text(old: Any, new: Any) -> None:
    content = yaml_files.rewrite(yaml_files.write(old), new)
    assert yaml_files.parse(content, "here") == new == in_version_1_1(content)
