"""Verdicts: kept at once, undone, resumed, and never lost."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from support.review_run import make_rows, write_run
from unipref.collect.review import open_review
from unipref.collect.review.session import Session, check_name, choose_order
from unipref.collect.review.votes_file import VotesFile
from unipref.core.errors import ResourceError, UserError


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", make_rows(6))


def judge(session: Session, *answers: Any) -> list[str]:
    """Gives answers to the pairs as they come; returns their keys."""
    pairs = []
    for answer in answers:
        assert session.current is not None
        pairs.append(session.current.pair)
        assert session.record(pairs[-1], answer)
    return pairs


def test_verdicts_say_what_was_shown_where_and_a_new_session_goes_on(run: Path) -> None:
    with open_review(run) as opened:
        session = Session(opened.queue.items, opened.votes, "ann")
        pairs = judge(session, "left", "right", "tie", "both_bad", "skip")
        given = opened.votes.read()
        assert [one.pair for one in given] == pairs
        sides = ("first", "second")
        shown = [one.shown_first for one in given]
        assert shown == [choose_order(item, "ann") for item in opened.queue.items[:5]]
        assert given[0].vote == shown[0]
        assert given[1].vote == sides[1 - sides.index(shown[1])]
        assert [one.vote for one in given[2:]] == ["tie", "both_bad", None]
        assert session.progress == (4, 1, 6)
    with open_review(run) as opened:
        session = Session(opened.queue.items, opened.votes, "ann")
        assert session.progress == (4, 1, 6)
        assert session.current == opened.queue.items[5]
        assert Session(opened.queue.items, opened.votes, "bob").current == opened.queue.items[0]


def test_the_order_of_the_answers_is_random_and_stays() -> None:
    orders = []
    for name in ("ann", "bob"):
        items = [type("Item", (), {"pair": f"{number}"})() for number in range(400)]
        orders.append([choose_order(item, name) for item in items])
        assert orders[-1] == [choose_order(item, name) for item in items]
        assert 160 < orders[-1].count("first") < 240
    assert 120 < sum(one == other for one, other in zip(*orders, strict=True)) < 280


def test_undo_takes_back_verdict_after_verdict_also_of_an_earlier_session(run: Path) -> None:
    with open_review(run) as opened:
        judge(Session(opened.queue.items, opened.votes, "ann"), "left", "tie")
        session = Session(opened.queue.items, opened.votes, "ann")
        (third,) = judge(session, "skip")
        undone = [session.undo() for _ in range(4)]
        assert [one.vote if one else "none" for one in undone][1:] == ["tie", undone[2].vote, "none"]  # type: ignore[union-attr]
        assert undone[0] is not None
        assert undone[0].pair == third
        assert not session.can_undo
        assert opened.votes.path.read_bytes() == b""
        assert session.current == opened.queue.items[0]


def test_nobody_undoes_the_verdict_of_another_person(run: Path) -> None:
    with open_review(run) as opened:
        judge(Session(opened.queue.items, opened.votes, "ann"), "left")
        session = Session(opened.queue.items, opened.votes, "bob")
        assert not session.can_undo
        assert session.undo() is None
        assert len(opened.votes.read()) == 1


def test_skipped_pairs_are_shown_again_on_wish(run: Path) -> None:
    with open_review(run) as opened:
        session = Session(opened.queue.items, opened.votes, "ann")
        pairs = judge(session, "skip", "left", "skip", "left", "left", "left")
        assert session.current is None
        session.show_skipped()
        assert judge(session, "skip", "tie") == [pairs[0], pairs[2]]
        assert session.current is None
        assert session.progress == (5, 1, 6)
        session.undo()
        assert session.current is not None
        assert session.current.pair == pairs[2]
        assert session.progress == (4, 2, 6)


def test_an_old_page_or_a_key_pressed_twice_records_nothing(run: Path) -> None:
    with open_review(run) as opened:
        session = Session(opened.queue.items, opened.votes, "ann")
        (pair,) = judge(session, "left")
        assert not session.record(pair, "right")
        assert not session.record("unknown", "left")
        assert len(opened.votes.read()) == 1


def test_a_verdict_that_a_killed_process_left_unfinished_is_asked_again(run: Path) -> None:
    with open_review(run) as opened:
        judge(Session(opened.queue.items, opened.votes, "ann"), "left", "tie")
        path = opened.votes.path
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    assert len(VotesFile(path).read()) == 1
    with open_review(run) as opened:
        session = Session(opened.queue.items, opened.votes, "ann")
        assert session.progress.judged == 1
        judge(session, "tie")
        assert len(opened.votes.read()) == 2


def test_a_full_disk_records_nothing_and_breaks_no_line(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with open_review(run) as opened:
        session = Session(opened.queue.items, opened.votes, "ann")
        judge(session, "left")
        before, current = opened.votes.path.read_bytes(), session.current
        assert current is not None
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fail)
            with pytest.raises(ResourceError, match="No space left"):
                session.record(current.pair, "tie")
        assert opened.votes.path.read_bytes() == before
        assert session.current == current
        judge(session, "tie")


def test_a_damaged_line_and_a_second_process_are_told(run: Path) -> None:
    with open_review(run) as opened:
        judge(Session(opened.queue.items, opened.votes, "ann"), "left")
        with pytest.raises(UserError, match="another command is using"), open_review(run):
            pass
        path = opened.votes.path
    path.write_bytes(b"{}\n" + path.read_bytes())
    with pytest.raises(UserError, match=r"votes\.jsonl:1: the line is no verdict"), open_review(run):
        pass


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "\x1b[31m", "x" * 81, "\u202eann"])
def test_a_name_that_cannot_be_shown_is_no_name(name: str) -> None:
    with pytest.raises(UserError, match="1 to 80 letters"):
        check_name(name)


def test_a_name_keeps_its_letters() -> None:
    assert check_name("  Jörg Müller (2) ") == "Jörg Müller (2)"
