"""The file of what a judge has judged: nothing is lost, and nothing is taken from a half line."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from unipref.collect.judged_file import JudgedFile
from unipref.core.contracts import Judge, JudgeJob, Opinion, PairToJudge
from unipref.core.errors import UserError
from unipref.core.records import Message

PAIRS = [PairToJudge(f"p{number}", [Message(role="user", content="?")], "a", "b") for number in range(5)]


class OneByOne(Judge):
    chunk: ClassVar[int] = 1

    def judge(self, pairs: Sequence[PairToJudge], job: JudgeJob) -> Iterator[list[Opinion]]:
        yield from ([Opinion("first")] for _ in pairs)


class InTwos(OneByOne):
    chunk: ClassVar[int] = 2


def open_file(folder: Path, judge: Judge, pairs: Sequence[PairToJudge] = PAIRS) -> JudgedFile:
    return JudgedFile(folder, judge, JudgeJob(folder, folder), pairs)


def fill(folder: Path, judge: Judge, count: int) -> Path:
    file = open_file(folder, judge)
    with file.append() as appender:
        for pair in PAIRS[:count]:
            appender.add(pair.key, [Opinion("first", details={"n": 1}), Opinion("tie")])
    return file.path


def test_what_was_added_is_read_again(tmp_path: Path) -> None:
    fill(tmp_path, OneByOne(), 3)
    again = open_file(tmp_path, OneByOne())
    assert list(again.opinions) == ["p0", "p1", "p2"]
    assert again.opinions["p0"] == [Opinion("first", details={"n": 1}), Opinion("tie")]
    assert again.details() == [{"n": 1}] * 3


def test_a_half_line_is_removed(tmp_path: Path) -> None:
    path = fill(tmp_path, OneByOne(), 3)
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    assert list(open_file(tmp_path, OneByOne()).opinions) == ["p0", "p1"]
    assert path.read_bytes() == b"".join(whole.splitlines(keepends=True)[:2])


def test_an_unfinished_chunk_is_judged_again_but_a_short_last_one_is_not(tmp_path: Path) -> None:
    fill(tmp_path, InTwos(), 3)
    assert list(open_file(tmp_path, InTwos()).opinions) == ["p0", "p1"]
    fill(tmp_path / "other", InTwos(), 5)
    assert len(open_file(tmp_path / "other", InTwos()).opinions) == 5


def test_a_damaged_line_inside_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = fill(tmp_path, OneByOne(), 3)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"garbage\n" + lines[2])
    with pytest.raises(UserError, match="no judgement that unipref wrote") as error:
        open_file(tmp_path, OneByOne())
    assert str(error.value.where).endswith(":2")


def test_other_settings_have_another_file(tmp_path: Path) -> None:
    one: list[Any] = [open_file(tmp_path, OneByOne(label=label)).path for label in ("a", "b", "a")]
    assert one[0] == one[2] != one[1]
    assert open_file(tmp_path, OneByOne(), PAIRS[:2]).path == open_file(tmp_path, OneByOne()).path
    assert open_file(tmp_path, InTwos(), PAIRS[:2]).path != open_file(tmp_path, InTwos()).path
