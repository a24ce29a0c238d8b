"""The page of a review in a real browser, with the keyboard alone: from the name to the last pair."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.browser import PATIENCE, launch
from support.review_run import HOSTILE, make_rows, serve, write_run
from unipref.collect.review import OpenReview, open_review
from unipref.collect.review.session import choose_order

pytestmark = pytest.mark.slow

PAIR = "document.querySelector('input[name=pair]')?.value"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launch() as browser:
        yield browser


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[OpenReview]:
    rows = make_rows(7)
    for row in rows:
        row["rejected"] = [{**row["rejected"][0], "content": f"{row['rejected'][0]['content']}\n{HOSTILE} {'x' * 300}"}]
    with open_review(write_run(tmp_path / "run", rows)) as opened:
        yield opened


@pytest.fixture
def address(opened: OpenReview) -> Iterator[str]:
    with serve(opened) as address:
        yield address


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """The first page, on a small screen; whatever it logs, breaks with or asks for elsewhere fails the test."""
    context = browser.new_context(viewport={"width": 390, "height": 800})
    context.set_default_timeout(PATIENCE)
    page, troubles = context.new_page(), []
    page.on("console", lambda message: troubles.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
    page.on("dialog", lambda dialog: troubles.append(f"dialog: {dialog.message}"))
    page.on("request", lambda request: troubles.append(request.url) if not request.url.startswith(address) else None)
    page.goto(address)
    yield page
    assert page.evaluate("window.hacked") is None
    assert troubles == []
    context.close()


def press(page: Any, *keys: str) -> None:
    """Presses keys, each on a new page."""
    for key in keys:
        before = page.evaluate(PAIR)
        page.keyboard.press(key)
        page.wait_for_function(f"before => document.readyState === 'complete' && {PAIR} !== before", arg=before)


def begin(page: Any, has_scripts: bool = True) -> None:
    """The field has the focus as soon as the page is drawn."""
    if has_scripts:
        page.wait_for_function("() => document.activeElement?.name === 'reviewer'")
    else:
        page.locator(":focus").wait_for()
    page.keyboard.type("Ann")
    page.keyboard.press("Enter")
    page.wait_for_selector("form.verdict")
    page.wait_for_load_state()


def test_a_whole_review_by_keyboard(page: Any, opened: OpenReview) -> None:
    begin(page)
    assert page.title() == "1 of 7: which answer is better? · run"
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    press(page, "ArrowLeft", "2", "t", "B", "s")
    assert page.get_by_role("status").inner_text() == "Skipped."
    assert "4 of 7 judged, 1 skipped" in page.locator("header").inner_text()
    press(page, "u", "u")
    press(page, "t", "s", "1")
    # Without a shortcut: Tab goes to the buttons, and what has the focus is seen.
    reached = []
    for _ in range(2):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.value"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        assert page.evaluate("parseFloat(getComputedStyle(document.activeElement).outlineWidth)") >= 2
    assert reached == ["left", "tie"]
    press(page, "Enter")
    assert page.locator("h1").inner_text() == "All pairs are done"
    press(page, "a")
    press(page, "ArrowRight")
    assert "7 of 7 judged" in page.locator("header").inner_text()
    assert "dataset: unipref_review" in page.locator("pre").inner_text()
    assert page.locator("tbody tr th").first.inner_text() == "all"
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    given = opened.votes.read()
    assert [one.vote if one.vote in ("tie", None) else "a side" for one in given] == [
        *("a side", "a side", "tie", "tie", None),
        *("a side", "tie", "a side"),
    ]
    assert {one.reviewer for one in given} == {"Ann"}
    orders = {item.pair: choose_order(item, "Ann") for item in opened.queue.items}
    assert all(one.shown_first == orders[one.pair] for one in given)
    assert (given[0].vote, given[-1].vote == given[-1].shown_first) == (given[0].shown_first, False)


def test_the_answers_are_side_by_side_in_the_recorded_order_where_there_is_room(page: Any, opened: OpenReview) -> None:
    begin(page)
    page.set_viewport_size({"width": 1200, "height": 700})
    boxes = [page.locator(f"section[aria-labelledby={side}]").bounding_box() for side in ("left", "right")]
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
    assert page.evaluate("document.documentElement.scrollWidth") == 1200
    for item in opened.queue.items[:4]:
        sides = [item.first, item.second] if choose_order(item, "Ann") == "first" else [item.second, item.first]
        texts = [page.locator(f"section[aria-labelledby={side}] .text").inner_text() for side in ("left", "right")]
        assert [text.split("\n")[0] for text in texts] == [side[0]["content"].split("\n")[0] for side in sides]
        press(page, "0")


def test_keys_can_be_switched_off_and_a_key_that_is_held_gives_one_verdict(page: Any, opened: OpenReview) -> None:
    begin(page)
    held = "key => document.dispatchEvent(new KeyboardEvent('keydown', { key, repeat: true }))"
    page.evaluate(held, "t")
    page.keyboard.press("Control+b")
    box = page.locator("#keys")
    box.focus()
    page.keyboard.press("Space")
    page.keyboard.press("t")
    page.reload()
    assert not box.is_checked()
    page.keyboard.press("t")
    assert opened.votes.read() == []
    box.focus()
    page.keyboard.press("Space")
    press(page, "t")
    page.evaluate("for (const key of ['1', '2', 't']) document.dispatchEvent(new KeyboardEvent('keydown', { key }))")
    page.wait_for_function("() => document.querySelector('header').innerText.includes('2 of 7')")
    assert len(opened.votes.read()) == 2


def test_everything_works_without_scripts(browser: Any, address: str, opened: OpenReview) -> None:
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(address)
    begin(page, has_scripts=False)
    page.get_by_role("button", name="Both bad").press("Enter")
    page.get_by_text("1 of 7 judged").wait_for()
    context.close()
    assert [one.vote for one in opened.votes.read()] == ["both_bad"]
