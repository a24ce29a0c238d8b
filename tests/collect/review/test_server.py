"""The server of the page: who gets an answer, what the page may do, and that texts stay texts."""

import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.review_run import HOSTILE, make_rows, serve, write_run
from unipref.collect.review import OpenReview, open_review

CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[OpenReview]:
    rows = make_rows(3)
    for row in rows:
        for side in ("prompt", "chosen", "rejected"):
            row[side] = [{**row[side][0], "content": f"{row[side][0]['content']} {HOSTILE}"}]
    run = write_run(tmp_path / "run <b>", rows)
    with open_review(run) as opened:
        yield opened


@pytest.fixture
def address(opened: OpenReview) -> Iterator[str]:
    with serve(opened) as address:
        yield address


def ask(address: str, form: dict[str, str] | None = None, **headers: str) -> str:
    data = None if form is None else urllib.parse.urlencode(form).encode()
    request = urllib.request.Request(address, data, {name.replace("_", "-"): text for name, text in headers.items()})
    with urllib.request.urlopen(request) as answer:
        return str(answer.read().decode())


def pair_on(page: str) -> str:
    match = re.search(r'name="pair" value="(\w+)"', page)
    assert match
    return match[1]


def test_the_name_is_asked_and_texts_of_data_are_texts(address: str, opened: OpenReview) -> None:
    assert "Who reviews?" in ask(address)
    assert "This name cannot be used" in ask(f"{address}name", {"reviewer": "\x1b[31m"})
    page = ask(f"{address}name", {"reviewer": "Ann <script>"})
    assert "Review of run &lt;b&gt; · Ann &lt;script&gt;" in page
    for _ in range(3):
        assert CONTROL.findall(page) == []
        assert page.count("<script>") == 1
        assert "<img" not in page
        assert "{{ 7*7 }}" in page
        assert "&lt;script&gt;window.hacked=1&lt;/script&gt;" in page
        page = ask(f"{address}verdict", {"pair": pair_on(page), "answer": "left"})
    assert "All pairs are done" in page
    assert "dataset: unipref_review" in page
    assert {one.reviewer for one in opened.votes.read()} == {"Ann <script>"}
    # What is kept is the text itself.
    assert HOSTILE.encode("unicode_escape") not in opened.votes.path.read_bytes()
    assert "\u202e".encode() in opened.votes.path.read_bytes()


def test_the_page_may_load_and_send_nothing_elsewhere(address: str) -> None:
    with urllib.request.urlopen(address) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    parts = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert parts["default-src"] == parts["base-uri"] == parts["frame-ancestors"] == "'none'"
    assert parts["form-action"] == "'self'"
    assert "unsafe" not in policy
    assert parts["script-src"].startswith("'sha256-")


def test_a_page_of_another_origin_gets_and_changes_nothing(address: str, opened: OpenReview) -> None:
    ask(f"{address}name", {"reviewer": "ann"})
    pair = pair_on(ask(address))
    verdict = {"pair": pair, "answer": "left"}
    root = address.rsplit("/", 2)[0]
    refused = [
        (404, address, None, {"Host": "evil.example"}),
        (404, f"{root}/", None, {}),
        (404, f"{address}votes.jsonl", None, {}),
        (404, f"{root}/{'0' * 32}/verdict", verdict, {}),
        (404, f"{address}verdict", verdict, {"Host": "evil.example"}),
        (403, f"{address}verdict", verdict, {"Origin": "http://evil.example"}),
        (403, f"{address}verdict", verdict, {"Origin": "null"}),
        (413, f"{address}verdict", {"answer": "x" * 20_000}, {}),
        (400, f"{address}verdict", {f"a{number}": "x" for number in range(20)}, {}),
    ]
    for status, place, form, headers in refused:
        with pytest.raises(urllib.error.HTTPError) as error:
            ask(place, form, **headers)
        assert error.value.code == status, place
    assert opened.votes.read() == []
    own = address.split("/")[2]
    assert "Answer 1 was recorded." in ask(f"{address}verdict", verdict, Origin=f"http://{own}")


def test_forms_that_mean_nothing_record_nothing(address: str, opened: OpenReview) -> None:
    assert "Who reviews?" in ask(f"{address}verdict", {"pair": "x", "answer": "left"})
    page = ask(f"{address}name", {"reviewer": "ann"})
    for form in ({}, {"answer": "left"}, {"pair": pair_on(page)}, {"pair": pair_on(page), "answer": "best"}):
        assert pair_on(ask(f"{address}verdict", form)) == pair_on(page)
    assert "no verdict of yours to undo" in ask(f"{address}verdict", {"pair": "", "answer": "undo"})
    assert opened.votes.read() == []


def test_a_verdict_that_cannot_be_kept_is_told(address: str, opened: OpenReview) -> None:
    page = ask(f"{address}name", {"reviewer": "ann"})
    opened.votes.path.mkdir()
    said = ask(f"{address}verdict", {"pair": pair_on(page), "answer": "left"})
    assert "The verdict was not recorded." in said
    assert pair_on(said) == pair_on(page)
