"""The page in a real browser, without a network: figures, filters, keyboard, small screens, paper, and hostile data."""

import re
from itertools import pairwise

import pytest

from support.browser import PATIENCE, launch
from support.hostile_run import LABEL, write_run
from unipref import report

pytestmark = pytest.mark.slow

ALL_SETTLED = "() => plots.every(plot => plot.drawn || plot.failed)"
UNFOLD = "document.querySelectorAll('main > section > details').forEach(fold => (fold.open = true))"
MOST_BYTES = 5_000_000
"""A page that can be sent to someone."""


@pytest.fixture(scope="module")
def browser():
    with launch() as browser:
        yield browser


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = write_run(tmp_path_factory.mktemp("run"))
    report.write(folder)
    return folder


@pytest.fixture(scope="module")
def troubles():
    """What pages log, break with and ask for; there must be nothing."""
    return []


@pytest.fixture(scope="module")
def opened(browser, run, troubles):
    """Opens the page, all of it drawn."""
    contexts = []

    def open_page(width=1440, script=None, unfold=True, **settings):
        context = browser.new_context(viewport={"width": width, "height": 900}, **settings)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page, address = context.new_page(), (run / "report.html").as_uri()
        page.on("console", lambda message: troubles.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
        page.on("dialog", lambda dialog: troubles.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: troubles.append(request.url) if request.url != address else None)
        if script:
            page.add_init_script(script)
        page.goto(address)
        if settings.get("java_script_enabled", True):
            page.wait_for_selector("html[data-figures]", state="attached")
            if unfold:
                page.evaluate(UNFOLD)
                page.wait_for_function(ALL_SETTLED)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def page(opened):
    """A page that several tests look at; they leave it as it was."""
    return opened()


@pytest.fixture(autouse=True)
def no_trouble(troubles):
    yield
    assert troubles == []


def visible(page, selector):
    return [text for text in page.locator(selector).all() if text.is_visible()]


def test_every_figure_is_drawn(page, run):
    drawn = page.evaluate("plots.map(plot => plot.place.querySelectorAll('.main-svg .trace, .main-svg .point').length)")
    content = report._make_content(run)[0]
    figures = [figure for section in content.sections for figure in section.figures]
    titles = ["Instruction following against bias", "coreference: accuracy ↑", f"Prompts of {LABEL}", "sft: loss"]
    assert {figure.title for figure in figures} >= set(titles)
    assert len(drawn) == len(figures) == page.locator("figure").count()
    assert min(drawn) > 0
    # One place in the legend for the two seeds of a variant.
    legend = page.locator("figure", has_text="sft: loss").locator(".legend button").all_inner_texts()
    assert legend == ["━main", f"━{LABEL}"]


def test_no_button_sends_a_figure_anywhere(page):
    titles = page.evaluate("[...document.querySelectorAll('.modebar-btn')].map(button => button.dataset.title)")
    assert set(titles) == {"Zoom", "Pan", "Zoom in", "Zoom out", "Reset axes"}


def test_hostile_data_is_text_and_nothing_else(page):
    assert page.evaluate("window.hacked") is None
    assert page.locator("main img, main b[onclick], .plot img").count() == 0
    # The page's own, four of data, and plotly.js as it is unpacked.
    assert page.locator("script").count() == 6
    assert "<script>window.hacked=1</script>" in page.locator("h1").inner_text()
    # Nor in what plotly draws: it would take <b> for bold.
    names = page.locator(".ytick text").all_text_contents()
    assert f"{LABEL} · sft" in names
    assert page.locator(".plot [onclick], .plot [onerror]").count() == 0


def test_the_policy_stops_a_script_that_gets_in(browser, run):
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto((run / "report.html").as_uri())
    page.wait_for_selector("html[data-figures]", state="attached")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', `<img src=x onerror='window.hacked=1'>`)")
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {textContent: 'hacked=1'}))")
    page.wait_for_timeout(100)
    assert page.evaluate("window.hacked") is None
    page.close()


def test_a_point_says_what_it_is(page):
    plot = page.locator("figure", has_text=f"Prompts of {LABEL}").locator(".plot")
    plot.scroll_into_view_if_needed()
    plot.locator(".trace").last.locator(".point").nth(3).hover(force=True)
    label = plot.locator(".hoverlayer .hovertext")
    label.wait_for()
    text = label.text_content()
    assert text.startswith("kept")
    assert re.search(r"<script>window\.hacked=1</script>.*prompt \d+", text)
    assert "%{x}" in text


def test_arrow_keys_go_from_point_to_point_and_are_heard(page):
    plot = page.locator("figure", has_text="Instruction following against bias").locator(".plot")
    plot.focus()
    heard = page.locator("#announcement")
    for key, said in (("Right", "base; accuracy 0.500 [0.480, 0.520]"), ("Right", "main · sft; "), ("Left", "base; ")):
        page.keyboard.press(f"Arrow{key}")
        page.wait_for_function("said => document.getElementById('announcement').textContent.startsWith(said)", arg=said)
    assert heard.text_content().startswith("base; accuracy 0.500 [0.480, 0.520]; accuracy 0.750; <script>")


def test_a_variant_can_be_hidden(page):
    rows, scores = page.locator(f'tr[data-variant="{LABEL}"]'), page.locator("tr[data-variant='main']")
    shown = "plots[0].place._fullData.filter(trace => trace.visible).map(trace => trace.name).length"
    before = page.evaluate(shown)
    assert rows.first.is_visible()
    page.get_by_role("checkbox", name=LABEL).uncheck()
    assert not visible(page, f'tr[data-variant="{LABEL}"]')
    assert scores.first.is_visible()
    assert page.evaluate(shown) == before - 2  # its sft and its dpo
    height = page.locator("figure", has_text="coreference: accuracy").locator(".plot").first.bounding_box()["height"]
    page.get_by_role("button", name="All").click()
    assert rows.first.is_visible()
    assert page.evaluate(shown) == before
    taller = page.locator("figure", has_text="coreference: accuracy").locator(".plot").first.bounding_box()["height"]
    assert taller > height


def test_the_legend_hides_a_line(page):
    figure = page.locator("figure", has_text="sft: loss").first
    button = figure.locator(".legend button").first
    lines = figure.locator(".scatterlayer .trace")
    assert lines.count() == 4
    button.click()
    assert figure.locator(".legend button").first.get_attribute("aria-pressed") == "false"
    assert lines.count() == 2
    figure.locator(".legend button").first.click()
    assert lines.count() == 4


def test_long_tables_can_be_searched_and_sorted(page):
    table = page.locator(".table", has=page.locator("caption", has_text="From rows to preferences"))
    rows = table.locator("tbody tr")
    table.get_by_role("searchbox").fill("63 63 53")
    assert table.get_by_role("status").inner_text() == "1 of 15 rows"
    assert len([row for row in rows.all() if row.is_visible()]) == 1
    table.get_by_role("searchbox").fill("")
    head = table.get_by_role("columnheader", name="rows")
    counts = rows.locator("td:nth-child(2)")
    head.get_by_role("button").click()
    assert counts.all_inner_texts() == [str(n) for n in range(50, 65)]
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert counts.all_inner_texts() == [str(n) for n in range(64, 49, -1)]


def test_a_starred_model_is_sorted_by_its_name(page):
    table = page.get_by_role("region", name="Table: Instruction following against bias", exact=True)
    table.get_by_role("columnheader", name="model").get_by_role("button").click()
    models = [text.removesuffix(" ★") for text in table.locator("tbody th").all_inner_texts()]
    assert models == ["base", "main · dpo", "main · sft", f"{LABEL} · dpo", f"{LABEL} · sft"]
    assert table.locator("tbody th .star").count() == 2


def test_the_lines_of_an_example_are_kept(page):
    sample = page.get_by_role("article", name="Example 1: pairs (pairs, bias)", exact=True)
    sample.locator("summary").click()
    # As it is shown, not as it stands in the file.
    assert "one\n  two" in [text.inner_text() for text in sample.locator(".text").all()]
    sample.locator("summary").click()


def test_a_folded_figure_is_drawn_when_its_section_is_opened(opened):
    page = opened(unfold=False)
    states = page.evaluate("plots.map(plot => [Boolean(plot.drawn), isFolded(plot.place)])")
    assert [drawn for drawn, _ in states] == [not folded for _, folded in states]
    assert any(folded for _, folded in states)
    page.get_by_role("link", name="Training", exact=True).click()
    page.wait_for_function("() => plots.every(plot => plot.drawn || isFolded(plot.place))")
    assert page.locator("figure", has_text="sft: loss").locator(".main-svg").first.is_visible()


def test_samples_can_be_filtered_and_searched(page):
    samples = page.locator(".samples")
    counts = samples.get_by_role("status")
    total = page.locator(".sample").count()
    assert counts.inner_text() == f"{total} of {total} examples"
    samples.get_by_role("searchbox").fill("nothing has these words")
    assert counts.inner_text() == f"0 of {total} examples"
    assert not visible(page, ".sample")
    samples.get_by_role("searchbox").fill("")
    assert len(visible(page, ".sample")) == total


def test_no_row_is_hidden_behind_an_inner_scroll_bar(page):
    hidden = "[...document.querySelectorAll('main *')].filter(part => part.scrollHeight > part.clientHeight + 2 && "
    hidden += (
        "['auto', 'scroll'].includes(getComputedStyle(part).overflowY) && part.clientHeight).map(p => p.className)"
    )
    assert page.evaluate(hidden) == []


def test_the_theme_can_be_chosen_and_figures_follow(opened):
    page = opened(color_scheme="dark")
    colours = "[getComputedStyle(document.body).backgroundColor, plots[0].place._fullLayout.paper_bgcolor]"
    assert page.evaluate(colours) == ["rgb(20, 24, 28)", "#14181c"]
    page.get_by_role("button", name="Switch to light colours").click()
    assert page.evaluate(colours) == ["rgb(255, 255, 255)", "#ffffff"]
    page.get_by_role("button", name="Switch to dark colours").click()
    assert page.evaluate(colours) == ["rgb(20, 24, 28)", "#14181c"]


def test_everything_can_be_reached_with_the_keyboard(opened):
    page = opened()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.locator(".skip").focus()
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.tagName + '.' + document.activeElement.className"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert {"DIV.box", "SUMMARY.", "BUTTON.", "INPUT."} <= reached
    assert any(name.startswith("DIV.plot") for name in reached)


def test_a_screen_reader_finds_its_way(page):
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(head => +head.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.locator("html[lang=en]").count() == 1
    for selector in (
        "table:not(:has(caption))",
        "th:not([scope])",
        ".plot:not([aria-label])",
        ".box:not([aria-label])",
    ):
        assert page.locator(selector).count() == 0, selector
    assert page.get_by_role("navigation", name="Contents").count() == 1
    assert page.get_by_role("main").count() == 1
    described = page.locator(".plot").first.get_attribute("aria-describedby")
    assert page.locator(f"#{described}").inner_text().startswith("Pareto-optimal")


@pytest.mark.parametrize("width", [390, 768, 1440])
def test_the_page_fits_the_screen(opened, width):
    page = opened(width=width, has_touch=width == 390)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    right = "[...document.querySelectorAll('.plot, .box, pre')].map(part => part.getBoundingClientRect().right)"
    assert max(page.evaluate(right)) <= width
    # No label or title of an axis is cut off by its figure.
    cut = """plots.flatMap(({ place }) => {
        const within = place.getBoundingClientRect();
        return [...place.querySelectorAll('.ytick text, .xtick text, .xtitle, .ytitle')].filter(text => {
            const own = text.getBoundingClientRect();
            const over = [within.left - own.left, own.right - within.right, within.top - own.top];
            return Math.max(...over, own.bottom - within.bottom) > 1;
        }).map(text => text.textContent);
    })"""
    assert page.evaluate(cut) == []
    # Nor is a label within a figure cut off at its frame.
    texts, beyond = page.evaluate("""() => {
        const texts = plots.filter(({ place }) => place._fullLayout.xaxis).flatMap(({ place }) => {
            const { xaxis, yaxis } = place._fullLayout;
            const own = place.getBoundingClientRect();
            const [left, top] = [own.left + xaxis._offset, own.top + yaxis._offset];
            return [...place.querySelectorAll('.textpoint text, .shapelayer text')].map(text => {
                const box = text.getBoundingClientRect();
                const over = [left - box.left, box.right - left - xaxis._length, top - box.top];
                return [text.textContent, Math.max(...over, box.bottom - top - yaxis._length)];
            });
        });
        return [texts.map(([text]) => text), texts.filter(([, over]) => over > 1)];
    }""")
    assert {"base", "1", "chance"} <= set(texts)
    assert beyond == []


def test_contents_lie_over_a_small_page_until_a_section_is_chosen(opened):
    page = opened(width=390)
    link = page.get_by_role("link", name="Training", exact=True)
    assert not link.is_visible()
    page.locator("summary", has_text="Contents").click()
    link.click()
    assert not link.is_visible()
    assert page.get_by_role("heading", name="Training", exact=True).bounding_box()["y"] < 120


def test_on_paper_all_is_unfolded_and_light(opened, tmp_path):
    page = opened(color_scheme="dark")
    folded = page.locator("main details:not([open])").count()
    assert folded > 0
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.locator("main details:not([open])").count() == 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert set(page.evaluate("plots.map(plot => plot.place._fullLayout.paper_bgcolor)")) == {"#ffffff"}
    # A4 on its side, less its margins, at 96 pixels an inch.
    page.set_viewport_size({"width": 1032, "height": 730})
    cut = (
        "[...document.querySelectorAll('table, .plot, pre')].filter(part => part.getBoundingClientRect().right > 1033)"
    )
    assert page.evaluate(f"{cut}.map(part => part.id || part.caption?.textContent)") == []
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("main details:not([open])").count() == folded
    pdf = page.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True)
    assert pdf.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) > 2


def test_a_browser_that_cannot_unpack_says_so(opened):
    page = opened(script="delete window.DecompressionStream")
    texts = page.locator(".plot .failed").all_inner_texts()
    assert len(texts) == page.locator("figure").count()
    assert "cannot draw the figure: DecompressionStream is missing" in texts[0]


def test_one_figure_that_fails_leaves_the_others(opened):
    # The second figure breaks as it is drawn.
    broken = """let plotly, calls = 0;
        Object.defineProperty(window, "Plotly", {
            get: () => plotly,
            set: (value) => {
                const react = value.react;
                value.react = (...given) => (++calls === 2 ? Promise.reject(new Error("it broke")) : react(...given));
                plotly = value;
            },
        });"""
    page = opened(script=broken)
    assert page.locator("html").get_attribute("data-figures") == "failed"
    (text,) = page.locator(".plot .failed").all_inner_texts()
    assert "cannot draw the figure: it broke." in text
    assert page.locator(".plot:has(.main-svg)").count() == page.locator("figure").count() - 1


def test_without_plotly_that_is_said(opened):
    page = opened(script="Object.defineProperty(window, 'Plotly', { get: () => undefined, set: () => {} })")
    texts = page.locator(".plot .failed").all_inner_texts()
    assert len(texts) == page.locator("figure").count()
    assert "plotly.js did not start" in texts[0]


def test_without_scripts_words_and_tables_are_there(opened):
    page = opened(java_script_enabled=False)
    assert page.locator("noscript").count() == 1
    assert page.get_by_text("Pareto-optimal").first.is_visible()
    assert len(visible(page, "table")) == 1  # the results; the other sections are folded
    page.locator("summary", has_text="Data flow").click()
    assert len(visible(page, "table")) >= 3
    page.locator("summary", has_text="All scores").click()
    assert page.locator("summary", has_text="Every score").is_visible()


def test_a_page_of_many_preferences_is_small_enough(tmp_path):
    page = report.write(write_run(tmp_path, map_points=600, steps=5000))
    assert page.stat().st_size < MOST_BYTES
    assert "600 of 100,000 prompts, drawn at random" in page.read_text(encoding="utf-8")
