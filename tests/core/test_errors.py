import errno

import pytest

from unipref.core.errors import ResourceError, UserError, describe, first_line, near_name, resource_error


@pytest.mark.parametrize(
    "error", [MemoryError(), OSError(errno.ENOMEM, "no memory"), OSError(errno.ENOSPC, "full", "f")]
)
def test_a_missing_resource_is_told_from_other_errors(error: BaseException) -> None:
    found = resource_error(error, where="f")
    assert isinstance(found, ResourceError)
    assert isinstance(found, UserError)
    assert found.where == "f"
    assert found.mend


@pytest.mark.parametrize(
    "error", [ValueError("x"), FileNotFoundError(errno.ENOENT, "missing", "f"), OSError("no number")]
)
def test_an_error_of_data_or_code_is_not_a_missing_resource(error: BaseException) -> None:
    assert resource_error(error) is None


def test_arrow_out_of_memory_is_a_missing_resource() -> None:
    import pyarrow as pa

    assert isinstance(resource_error(pa.ArrowMemoryError("malloc failed")), ResourceError)


def test_the_first_line_of_an_error_has_no_full_stop() -> None:
    assert first_line(ValueError("\nOne fault.\nIts trace")) == "One fault"


def test_an_error_without_a_message_is_named_by_its_class() -> None:
    assert first_line(KeyError()) == "KeyError"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UserError("it is wrong.", where="a.json", mend="Mend it."), "a.json: it is wrong. Mend it"),
        (KeyError(), "KeyError"),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
        (ValueError("two words."), "two words"),
        (ValueError("one"), "ValueError: one"),
        (ValueError("these fields are wrong:\n  a\n  b"), "these fields are wrong: a"),
        (RuntimeError("a\x1b[2J text"), "RuntimeError: a\\u001b[2J text"),
    ],
)
def test_any_error_is_described_in_one_line(error: Exception, line: str) -> None:
    assert describe(error) == line


def test_the_line_of_unipref_that_raised_a_bug_is_named() -> None:
    with pytest.raises(TypeError) as raised:
        near_name("a", [1])  # type: ignore[list-item]
    text = describe(raised.value, with_place=True)
    assert (text.startswith("TypeError: "), text.count("(errors.py, line ")) == (True, 1)


def test_memory_of_an_accelerator_is_a_resource_whatever_the_text() -> None:
    import torch

    assert isinstance(resource_error(torch.OutOfMemoryError()), ResourceError)
