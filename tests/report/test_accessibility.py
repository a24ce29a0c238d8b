"""The pages of report, watch and review by the rules of axe-core, and contrasts that axe-core cannot decide."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.accessibility import list_findings, read_axe, run_axe
from support.browser import PATIENCE, launch
from support.hostile_run import write_run
from support.review_run import make_rows, serve
from support.review_run import write_run as write_run_to_review
from unipref import report
from unipref.collect.review import open_review
from unipref.report.live_server import make_server

STYLE = Path(report.__file__).parent / "render" / "base.css"
UNFOLD = "document.querySelectorAll('main > section > details').forEach(fold => (fold.open = true))"
DRAWN = "() => plots.every(plot => plot.drawn || plot.failed)"
SCREENS = [(width, scheme) for width in (1440, 390) for scheme in ("light", "dark")]

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def axe() -> str:
    return read_axe()


@pytest.fixture(scope="module")
def open_page(axe: str) -> Iterator[Open]:
    """Opens an address in a browser of some width and colours."""
    with launch() as browser:

        def open_it(address: str, width: int = 390, scheme: str = "light") -> Any:
            context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
            context.set_default_timeout(PATIENCE)
            page = context.new_page()
            page.goto(address)
            return page

        yield open_it


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_the_report_has_no_serious_finding(tmp_path: Path, axe: str, open_page: Open, width: int, scheme: str) -> None:
    report.write(write_run(tmp_path))
    page = open_page((tmp_path / "report.html").as_uri(), width, scheme)
    page.wait_for_selector("html[data-figures]", state="attached")
    page.evaluate(UNFOLD)
    page.wait_for_function(DRAWN)
    result = run_axe(page, axe)
    assert list_findings(result) == []
    assert len(result["passes"]) > 40
    # The rules do find what they are for.
    page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    assert [one.split()[0] for one in list_findings(run_axe(page, axe))] == ["button-name"]


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_the_page_of_watch_has_no_serious_finding(
    tmp_path: Path, axe: str, open_page: Open, width: int, scheme: str
) -> None:
    lines = "\n".join(json.dumps({"step": step, "loss": 3.0 / step}) for step in (1, 2, 3))
    for name in ("train/main/0/sft", "train/main/0/dpo.partial-0123456789ab"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "curve.jsonl").write_text(lines)
    (tmp_path / "train/main/0/sft/stage.json").write_text(json.dumps({"seconds": 61.0}))
    with make_server(tmp_path, tmp_path / "report.html", every=3600) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = open_page(f"http://127.0.0.1:{server.server_address[1]}/", width, scheme)
        page.wait_for_selector("html[data-figures]", state="attached")
        assert list_findings(run_axe(page, axe)) == []
        server.shutdown()


@pytest.mark.slow
def test_the_pages_of_a_review_have_no_serious_finding(tmp_path: Path, axe: str, open_page: Open) -> None:
    pair = "document.querySelector('input[name=pair]')?.value"
    with open_review(write_run_to_review(tmp_path / "run", make_rows(2))) as opened, serve(opened) as address:
        page = open_page(address)

        def check() -> None:
            for width, scheme in SCREENS:
                page.set_viewport_size({"width": width, "height": 900})
                page.emulate_media(color_scheme=scheme)
                assert list_findings(run_axe(page, axe)) == []

        check()
        page.fill("input[name=reviewer]", "Ann")
        page.keyboard.press("Enter")
        page.wait_for_selector("form.verdict")
        page.wait_for_load_state()
        check()
        for _ in range(2):
            before = page.evaluate(pair)
            page.keyboard.press("1")
            page.wait_for_function(f"before => document.readyState === 'complete' && {pair} !== before", arg=before)
        assert not page.evaluate(pair)  # the page after the last pair
        check()


def find_luminance(colour: str) -> float:
    """The relative luminance of WCAG 2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def find_contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2, from 1 to 21."""
    low, high = sorted(map(find_luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("start", [":root {", ':root[data-theme="dark"] {'])
def test_colours_contrast_also_where_a_browser_cannot_tell_what_is_behind_a_text(start: str) -> None:
    rule = STYLE.read_text(encoding="utf-8").partition(f"\n{start}")[2].partition("}")[0]
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", rule))
    texts = {
        (text, behind): find_contrast(colours[text], colours[behind])
        for text in ("ink", "soft", "mark")
        for behind in ("page", "panel", "tint")
    }
    lines = {
        name: find_contrast(colours[name], colours["page"]) for name in colours if re.match(r"c\d|kept|left", name)
    }
    assert len(lines) == 10
    assert {name: ratio for name, ratio in texts.items() if ratio < 4.5} == {}
    assert {name: ratio for name, ratio in lines.items() if ratio < 3} == {}
