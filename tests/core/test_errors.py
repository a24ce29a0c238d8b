import errno

import pytest

from unipref.core.errors import ResourceError, UserError, first_line, resource_error


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
