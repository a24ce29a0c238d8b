"""Names of the folders of attempts."""

import pytest

from unipref.core.attempts import is_attempt


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("unified.partial-0123456789ab", True),
        ("unified.partial", True),
        (".fit.partial-0123456789ab-job", True),
        ("my.partial-set", False),
        ("unified", False),
    ],
)
def test_which_names_are_those_of_attempts(name: str, expected: bool) -> None:
    assert is_attempt(name) is expected
