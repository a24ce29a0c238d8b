"""A table whose first line is a title is not read as if the title named its columns."""

from pathlib import Path

import pytest

from unipref.unify.inspection import inspect

BODY = "".join(f"Why is it so {n}?,Because of the rain in June {n}.,{('Good', 'Bad')[n % 2]}\n" for n in range(9))


@pytest.mark.parametrize("title", ["Review of the bot - May,,", ",,", '"Export, 3 columns",,'])
def test_a_title_is_named_and_nothing_is_proposed(tmp_path: Path, title: str) -> None:
    file = tmp_path / "export.csv"
    file.write_text(f"{title}\nQuestion,Answer,Verdict\n{BODY}", encoding="utf-8")
    found = inspect([file])[0]
    assert found.format is None
    assert "Question, Answer, Verdict" in found.why[0]


@pytest.mark.parametrize("header", ["Question,Answer,Verdict", "question,,verdict"])
def test_names_in_the_first_line_are_no_title(tmp_path: Path, header: str) -> None:
    file = tmp_path / "export.csv"
    file.write_text(f"{header}\n{BODY}", encoding="utf-8")
    assert inspect([file])[0].format == "thumbs"
