"""Labels of a raw row as the keys of settings: 1, 1.0 and "1" are one code."""

from collections.abc import Iterable
from typing import Any

from unipref.core import yaml_files
from unipref.core.values import value_key

NULL_CODE = " (null)"
"""The code of null. No text has it, because codes of texts have no outer white space."""


def string_keys(codes: Any) -> Any:
    """Converts the keys of codes to text by `to_code`, so that 1, 1.0 and "1" are one code.

    Raises:
        ValueError: two keys are one value but have different meanings.
    """
    if not isinstance(codes, dict):
        return codes
    meanings: dict[str, Any] = {}
    for key, meaning in codes.items():
        code = key if key == NULL_CODE else to_code(key)
        if code in meanings and meanings[code] != meaning:
            raise ValueError(f"two keys are the same value {code!r}, with the meanings {meanings[code]} and {meaning}")
        meanings[code] = meaning
    return meanings


def to_code(value: Any) -> str:
    """Converts a label to its key in `codes`: `value_key`, and `NULL_CODE` for null."""
    key = value_key(value)
    return NULL_CODE if key is None else key


def label_hint(label: Any, codes: Iterable[Any]) -> str:
    """The end of an error about a label that is nearly one of the codes; empty for others.

    It explains text such as '010', which is a code only in quotes, and true in place of 1 or false in place of 0.
    """
    keys = {to_code(code) for code in codes}
    plain = yaml_files.plain_value(label.strip()) if isinstance(label, str) else ""
    if not isinstance(plain, str) and to_code(plain) in keys:
        return f'; {label.strip()} without quotes is not text in YAML: write "{label.strip()}"'
    alike = {"True": "1", "False": "0", "1": "True", "0": "False"}.get(to_code(label))
    if alike in keys:
        return f"; {to_code(label).lower()} and {alike.lower()} are two values: list both if they mean the same"
    return ""
