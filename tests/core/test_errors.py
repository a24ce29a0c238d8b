from unipref.core.errors import first_line


def test_the_first_line_of_an_error_has_no_full_stop() -> None:
    assert first_line(ValueError("\nOne fault.\nIts trace")) == "One fault"


def test_an_error_without_a_message_is_named_by_its_class() -> None:
    assert first_line(KeyError()) == "KeyError"
