"""The report of a run written by hand: what both pages and the terminal say, and that data cannot become markup."""

import base64
import hashlib
import io
import json
import re
import zlib
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from rich.console import Console

from unipref import report
from unipref.core.errors import UserError
from unipref.report.content import Cell, Figure
from unipref.report.render.html import data_table, escape_text
from unipref.report.render.markdown import escape
from unipref.report.render.terminal import render_results
from unipref.report.tables import make_table

VOID = {"meta"}
RAW = {"script", "style"}


class Page(HTMLParser):
    """Checks that tags nest, and keeps tags, attributes and texts."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.attributes, self.texts, self.rows = [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in RAW:
            return
        self.texts.append(data)
        if any(tag in self.open for tag in ("td", "th")):
            self.rows[-1][-1] += data


@pytest.fixture
def page(run_folder):
    path = report.write(run_folder)
    assert path == run_folder / "report.html"
    parsed = Page(path.read_text(encoding="utf-8"))
    assert parsed.open == []
    return parsed


@pytest.fixture
def text(run_folder):
    report.write(run_folder)
    return (run_folder / "report.md").read_text(encoding="utf-8")


def rows_of(text, title):
    """The cells of the Markdown table under a title."""
    lines = text.split(f"**{title}**\n\n")[1].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines if "---" not in line]


RESULTS = "Scores of the base model and of each trained model"


def test_the_page_loads_nothing_and_runs_only_its_own(page, run_folder):
    assert not {"link", "img", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    addresses = [value for name, value in page.attributes if name in ("src", "href", "xlink:href", "action")]
    assert addresses
    assert all(re.fullmatch(r"#s\d+|#content", address) for address in addresses)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    text = (run_folder / "report.html").read_text(encoding="utf-8")
    style = text.split("<style>")[1].split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style


def test_the_policy_names_the_scripts_and_nothing_else_may_run(run_folder):
    text = report.write(run_folder).read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1].replace("&#39;", "'")
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    script = text.rpartition("<script>")[2].partition("</script>")[0]
    packed = re.search(r'<script type="text/plain" id="plotly">([^<]*)</script>', text)[1]
    library = zlib.decompress(base64.b64decode(packed))
    assert library.startswith(b"/**\n* plotly.js v")
    hashes = [base64.b64encode(hashlib.sha256(one).digest()).decode() for one in (script.encode(), library)]
    assert re.search("script-src ([^;]*)", policy)[1] == " ".join(f"'sha256-{one}'" for one in hashes)


def test_links_lead_to_sections(page):
    ids = {value for name, value in page.attributes if name == "id"}
    links = [value[1:] for name, value in page.attributes if name == "href"]
    assert len(links) == 14
    assert set(links) <= ids


def test_data_stays_text(page, run_folder, nasty):
    assert nasty in "".join(page.texts)
    assert "</pre><script>1</script>" in "".join(page.texts)
    assert "the <b>margins</b> are null" in "".join(page.texts)
    assert "b" not in page.tags
    markdown = (run_folder / "report.md").read_text(encoding="utf-8")
    before_code, code = markdown.split("**study.yaml**")
    assert "<script>" not in before_code
    assert "&lt;script&gt;alert('x')&lt;/script&gt;\\|\\[a\\](b)" in before_code
    # The study holds ```: the fence is longer.
    assert code.strip().startswith("````\n")


def test_what_clean_removed(text, nasty):
    escaped = nasty.replace("<", "&lt;").replace(">", "&gt;")
    assert "11 preferences removed: benchmark 1, duplicate 10" in text
    removed = rows_of(text, "Removed preferences")
    assert removed[0] == ["source", "reason", "preferences", "share"]
    assert [row[1:] for row in removed[1:]] == [["duplicate", "10", "3.4 %"], ["benchmark", "1", "2.0 %"]]
    leaks = rows_of(text, "Prompts that occur in benchmarks")[1:]
    assert leaks == [["winobias", "3,162", "1", "–"], ["ifeval", "598", "0", "–"]]
    (example,) = rows_of(text, "Examples of removed preferences")[1:]
    assert example[0] == "duplicate"
    assert example[1].startswith(escaped[:10])
    assert example[2].endswith(".csv:3")


def test_the_result_table(text):
    head, *rows = rows_of(text, RESULTS)
    assert head == [
        "model",
        "instructions: accuracy ↑",
        "coreference: accuracy ↑",
        "coreference: bias ↓",
    ]
    assert rows[0] == ["base", r"0.080 \[0.050, 0.120\]", r"0.700 \[0.660, 0.740\]", r"0.400 \[0.350, 0.450\]"]
    assert rows[1][:2] == ["sft", r"**0.500** ★ \[0.450, 0.560\]"]
    assert rows_of(text, "Other metrics")[1:] == [["base", "–"], ["sft", "0.300"], ["dpo", "–"]][1:2]
    # dpo guesses and shows no bias, so no model is clearly the least biased.
    assert rows[1][3] == r"0.200 \[0.150, 0.250\]"
    assert rows[2][2] == r"0.500 \[0.460, 0.540\] no better than guessing"
    assert rows[2][3] == r"0.010 \[0.000, 0.050\] no better than guessing, no bias shown"


def test_page_and_markdown_hold_the_same_results(page, text):
    cells = [[cell.replace(" ★", "") for cell in row] for row in page.rows]
    for row in rows_of(text, RESULTS)[1:]:
        plain = [re.sub(r"\*\*| ★|\\", "", cell) for cell in row]
        assert [cell.replace(" ", "") for cell in plain] in [[cell.replace(" ", "") for cell in row] for row in cells]


def test_what_changed_in_words(text):
    assert "**sft: better in 3, worse in 0, neither in 0**" in text
    assert "- instructions: base 0.080 → sft 0.500 (better)" in text
    assert "- coreference, bias: base 0.400 → sft 0.200 (better)" in text
    assert "**dpo: better in 0, worse in 1, neither in 2**" in text
    assert "- coreference, accuracy: base 0.700 → dpo 0.500 (worse)" in text
    assert "- instructions: base 0.080 → dpo 0.100 (no clear difference)" in text
    assert "- coreference, bias: base 0.400 → dpo 0.010 (better, dpo: no better than guessing, no bias shown)" in text


def test_the_page_says_whether_models_were_compared_on_the_same_examples(text, run_folder):
    assert "The run has no comparison example by example" in text
    assert "interval of the paired difference" not in text
    model = {"variant": "main", "seed": 0, "step": "sft"}
    row = model | {"benchmark": "instructions", "mode": "", "split": "test", "slice": "all", "metric": "accuracy"}
    (run_folder / "against_base.json").write_text(json.dumps([row | {"verdict": "better"}]))
    report.write(run_folder)
    text = (run_folder / "report.md").read_text(encoding="utf-8")
    assert "interval of the paired difference includes 0" in text
    assert "The run has no comparison example by example" not in text


def test_the_counts(text, nasty):
    assert "2 sources with 1,060 rows gave 339 preferences. 2 models were trained (sft, dpo)." in text
    source = rows_of(text, "Sources")[1]
    assert source[1:] == ["instruction", "CC0-1.0", "ratings", "–", "default field names", "ratings.csv"]
    source = rows_of(text, "From rows to preferences")[1]
    assert source[1:] == ["1,010", "1,000", "10", "300", "290", "290"]
    assert [row[1:] for row in rows_of(text, "Rejected data, by source and reason")[1:]] == [
        ["row", "empty_prompt", "3", "0.3 %"],
        ["row", "not_json", "7", "0.7 %"],
        ["group", "tie", "10", "3.3 %"],
    ]
    assert "The counts of thumbs do not add up: 50 rows, 49 used, 0 rejected." in text
    assert rows_of(text, "Preferences in each part")[1:] == [["train", "250"], ["dev", "40"], ["test", "38"]]
    assert rows_of(text, "Selected for training")[1] == ["main", "0", "250", "100", "40.0 %", "0.500", "0.800", "1.5"]
    assert [row[3:] for row in rows_of(text, "Selected per source")[1:]] == [
        ["200", "80", "40.0 %"],
        ["50", "20", "40.0 %"],
    ]
    sft, dpo = rows_of(text, "Training steps")[1:]
    assert sft == ["main", "0", "sft", "90", "too_long 10", "30", "12,345", "61.2", "2.500", "1.250"]
    assert dpo == ["main", "0", "dpo", "90", "–", "30", "–", "–", "–", "–"]
    assert rows_of(text, "Stages")[2] == ["train", "train/main/0/sft", "61.2", "–", "–", "yes"]


def test_how_to_reproduce(text, run_folder):
    assert "unipref run study.yaml -o RUN --set data_root=DATA" in text
    assert rows_of(text, "Versions")[1:] == [["unipref", "0.1.0"], ["torch", "2.13.0"]]
    digest = hashlib.sha256((run_folder / "study.yaml").read_bytes()).hexdigest()
    assert ["study.yaml", digest] in rows_of(text, "Hashes")


def test_balanced_books_are_said_to_balance(run_folder, nasty):
    manifest = json.loads((run_folder / "manifest.json").read_text())
    del manifest["sources"]["thumbs"]
    (run_folder / "manifest.json").write_text(json.dumps(manifest))
    report.write(run_folder)
    assert "All counts add up" in (run_folder / "report.md").read_text(encoding="utf-8")


def test_a_measure_is_drawn_with_its_intervals(run_folder):
    figures = {figure.title: figure for figure in figures_of(run_folder, "Scores by metric")}
    assert list(figures) == ["instructions: accuracy ↑", "coreference: accuracy ↑", "coreference: bias ↓"]
    base, sft, dpo = figures["instructions: accuracy ↑"].traces
    assert [trace["x"] for trace in (base, sft, dpo)] == [[0.08], [0.50], [0.10]]
    assert (base["name"], base["meta"], sft["meta"]) == ("base", {}, {"variant": "main"})
    # 0.45 to 0.56 around 0.50
    assert sft["error_x"]["array"] == pytest.approx([0.06])
    assert sft["error_x"]["arrayminus"] == pytest.approx([0.05])
    assert sft["marker"]["symbol"] == "star"
    assert sft["text"] == ["sft: 0.500 [0.450, 0.560]"]
    (chance,) = figures["coreference: accuracy ↑"].layout["shapes"]
    assert (chance["x0"], chance["label"]["text"]) == (0.5, "chance")


def test_seeds_are_drawn_with_their_mean(run_folder, score_row):
    rows = [score_row("base", "b", "m", 0.1), score_row("sft", "b", "m", 0.2), score_row("sft", "b", "m", 0.4, seed=1)]
    (run_folder / "scores.json").write_text(json.dumps(rows))
    (figure,) = figures_of(run_folder, "Scores by metric")
    assert figure.traces[1]["x"] == pytest.approx([0.3, 0.2, 0.4])
    assert figure.traces[1]["text"][0] == "sft, mean of 2 seeds: 0.300"
    assert figure.description == "base 0.100, sft 0.300."


def figures_of(run_folder, title=None):
    sections = report._make_content(run_folder)[0].sections
    return [figure for section in sections if title in (None, section.title) for figure in section.figures]


def test_every_heading_table_and_figure_is_on_both_pages(run_folder, page, text):
    content = report._make_content(run_folder)[0]
    shown = " ".join("".join(page.texts).split())
    for section in content.sections:
        assert f"\n## {escape(section.title)}\n" in text
        for said in [section.title, *section.paragraphs, *(points.head for points in section.points)]:
            assert said in shown
            assert escape(said) in text
        for table in section.tables:
            assert table.caption in shown
            assert f"**{escape(table.caption)}**" in text
            assert len(rows_of(text, escape(table.caption))) == len(table.rows) + 1
        for figure in section.figures:
            for said in (figure.title, figure.description, figure.note):
                assert said in shown
                assert escape(said) in text
    assert re.findall(r"^## (.*)$", text.split("**study.yaml**")[0], re.MULTILINE) == [
        s.title for s in content.sections
    ]


def test_every_section_has_its_place(run_folder):
    content = report._make_content(run_folder)[0]
    titles = [section.title for section in content.sections]
    assert set(titles) <= set(report.ORDER)
    assert titles == sorted(titles, key=report.ORDER.index)


def test_parts_that_are_missing_are_left_out(tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps({"unipref": "0.1.0", "clean": {"train": 3}}))
    parsed = Page(report.write(tmp_path).read_text(encoding="utf-8"))
    assert parsed.tags.count("h2") == 2
    assert f"unipref report: {tmp_path.name}" in parsed.texts
    assert (tmp_path / "report.md").read_text().count("\n## ") == 2
    (tmp_path / "manifest.json").write_text("{}")
    assert "<h2" not in report.write(tmp_path).read_text(encoding="utf-8")


def test_scores_alone_make_a_report(run_folder):
    (run_folder / "manifest.json").unlink()
    (run_folder / "study.yaml").unlink()
    assert "Every score (12)" in report.write(run_folder).read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_broken_manifest_is_named(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(UserError, match=r"manifest\.json"):
        report.write(tmp_path)


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="not a run folder"):
        report.write(tmp_path)
    with pytest.raises(UserError, match="not a run folder"):
        report.console(tmp_path)


def test_many_rows_are_cut_and_counted(run_folder, score_row):
    rows = [score_row("sft", "b", "bias", i / 2000, slice=f"word {i}") for i in range(1500)]
    (run_folder / "scores.json").write_text(json.dumps(rows))
    page = report.write(run_folder).read_text(encoding="utf-8")
    assert len(page) < 5_000_000
    assert "Every score (1,000)" in page
    assert "500 more rows are in scores.json." in page


def test_the_same_run_gives_the_same_bytes(run_folder):
    first = report.write(run_folder).read_bytes(), (run_folder / "report.md").read_bytes()
    assert (report.write(run_folder).read_bytes(), (run_folder / "report.md").read_bytes()) == first
    assert not list(run_folder.glob("*.part"))


def test_half_a_surrogate_pair_is_no_obstacle(run_folder):
    (run_folder / "manifest.json").write_text('{"name": "half \\ud83d of a pair"}')
    assert "half \\ud83d of a pair" in report.write(run_folder).read_text(encoding="utf-8")
    assert "half \\\\ud83d of a pair" in (run_folder / "report.md").read_text(encoding="utf-8")


def test_text_in_a_figure_is_no_markup():
    figure = {
        "name": "<b>a</b> & b\nc",
        "x": [1.0, float("nan")],
        "hovertemplate": "<b>%{x}</b>",
        "meta": {"variant": "<"},
    }
    assert escape_text([figure]) == [
        {
            "name": "&lt;b&gt;a&lt;/b&gt; &amp; b<br>c",
            "x": [1.0, None],
            "hovertemplate": "<b>%{x}</b>",
            "meta": {"variant": "<"},
        }
    ]


def test_small_figures_have_their_data_in_a_table():
    traces = [{"name": "a", "x": [1, 2], "y": [0.5, 0.25]}, {"name": "b", "x": [3], "y": [1.0]}]
    figure = Figure("t", traces, {"xaxis": {"title": {"text": "steps"}}}, "said")
    table = data_table(figure)
    assert [column.head for column in table.columns] == ["series", "steps", "y"]
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["a", "1", "0.500"],
        ["a", "2", "0.250"],
        ["b", "3", "1.000"],
    ]
    assert data_table(replace(figure, traces=[{"x": list(range(61)), "y": list(range(61))}])) is None
    assert data_table(replace(figure, traces=[{"type": "sankey"}])) is None


def in_terminal(content, width=120):
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(content)
    return console.export_text()


def test_the_terminal_shows_the_table_and_the_words(run_folder):
    shown = in_terminal(report.console(run_folder))
    assert re.search(r"^ +base +sft +dpo *\n", shown)
    assert re.search(r"0\.080 +0\.500 ★", shown)
    assert "• instructions: base 0.080 → sft 0.500 (better)" in shown


def test_only_guessing_has_the_mark_of_guessing_in_the_terminal() -> None:
    cells = [Cell("0.9", remark="seeds 0.8 to 1.0"), Cell("0.5", remark="no better than guessing", is_guess=True)]
    table = make_table("Scores", ["model", "accuracy"], [[Cell("sft"), cells[0]], [Cell("base"), cells[1]]])
    shown = in_terminal(render_results(table, []))
    assert re.search(r"accuracy +0\.9 +0\.5 †", shown)


def test_the_terminal_breaks_no_interval_and_shows_as_many_models_at_once_as_fit() -> None:
    cells = [Cell("0.168", interval="[0.106, 0.255]"), Cell("61.578", interval="[51.161, 71.443]")]
    rows = [[Cell(f"variant_{n} · dpo"), *cells] for n in range(4)]
    table = make_table("Scores", ["model", "prompt_level_strict_acc ↑", "lms ↑"], rows)
    for width, heads in ((200, [4]), (90, [2, 2]), (70, [2, 2]), (50, [1, 1, 1, 1])):
        shown = in_terminal(render_results(table, []), width)
        assert [line.count("variant_") for line in shown.splitlines() if "variant_" in line] == heads, width
        assert shown.count("[51.161, 71.443]") == 4
        assert max(map(len, shown.splitlines())) <= width
    shown = in_terminal(render_results(table, []), 90)
    assert shown.count("61.578 [51.161, 71.443]") == 4  # two models leave room beside the value
    based = [[Cell("base"), *cells], *rows[:3]]
    shown = in_terminal(render_results(replace(table, rows=based), []), 85)
    heads = [line.split() for line in shown.splitlines() if line.strip().startswith("base")]
    assert [len(head) for head in heads] == [7, 4]  # base and two models, base and one
    # A long name may be broken: it does not cost a table of its own.
    rows = [[Cell(f"a-variant-with-a-long-name-{n} · dpo"), *row[1:]] for n, row in enumerate(rows)]
    shown = in_terminal(render_results(replace(table, rows=rows), []), 105)
    assert sum("prompt_level" in line for line in shown.splitlines()) == 1
    assert shown.count("[51.161, 71.443]") == 4


def test_a_table_without_models_is_its_note() -> None:
    table = make_table("Scores", ["model", "accuracy"], [[Cell("base"), Cell("0.5")]])
    assert in_terminal(render_results(replace(table, rows=[]), [])).strip().startswith("† no better")


def test_of_many_models_the_terminal_shows_the_verdicts_table_alone(run_folder, score_row):
    def figure(value, at_chance=False):
        return {"value": value, "low": 0.1, "high": 0.9, "seeds": 2, "at_chance": at_chance, "skill": None}

    def gain(value, p_holm):
        return {"value": value, "low": 0.0, "high": 0.5, "verdict": "better", "p_holm": p_holm}

    base = {"variant": "base", "step": "base", "front": False, "gains": {}}
    models = [base | {"figures": {"instruction": figure(0.25), "bias": figure(0.5)}}]
    for n in range(20):
        gains = {"base": {"instruction": gain(0.125, 0.01), "bias": gain(0.375, 0.06)}}
        figures = {"instruction": figure(0.375), "bias": figure(0.125, at_chance=n == 7)}
        models.append({"variant": f"v{n}", "step": "sft", "front": n == 3, "gains": gains, "figures": figures})
    side = {"benchmark": "b", "metric": "m", "slice": "all", "skill_metric": None}
    found = {"version": 2, "summary": ["One.", "Two."], "claims": [], "signatures": [], "front": None, "models": models}
    (run_folder / "verdicts.json").write_text(json.dumps(found | {"sides": {"instruction": side, "bias": side}}))
    rows = [score_row("sft", "b", "m", 0.5, variant=f"v{n}") for n in range(20)]
    (run_folder / "scores.json").write_text(json.dumps([score_row("base", "b", "m", 0.5), *rows]))
    shown = in_terminal(report.console(run_folder), width=80)
    assert re.search(r"v3 · sft ★ +0\.375 +0\.125 +\+0\.125 \* +\+0\.375 *\n", shown)
    assert re.search(r"v7 · sft +0\.375 +0\.125 † +\+0\.125 \* +\+0\.375 *\n", shown)
    assert "21 models: the report has all scores" in shown
    assert "• One." in shown
    assert len(shown.splitlines()) < 40


def test_the_terminal_takes_no_markup_from_data(run_folder, score_row):
    (run_folder / "scores.json").write_text(json.dumps([score_row("sft", "[red]x[/oops]", "m", 0.5)]))
    assert "[red]x[/oops]" in in_terminal(report.console(run_folder))


def test_without_scores_the_terminal_shows_what_became_of_the_sources(run_folder):
    (run_folder / "scores.json").write_text("[]")
    shown = in_terminal(report.console(run_folder))
    manifest = json.loads((run_folder / "manifest.json").read_text())
    for name, source in manifest["sources"].items():
        assert re.search(rf"{re.escape(name)} .*{source['rows']:,} .*{source['used']:,}", shown)


def test_the_terminal_says_when_there_is_nothing_to_show(run_folder):
    (run_folder / "scores.json").write_text("[]")
    (run_folder / "manifest.json").write_text("{}")
    assert report.console(run_folder) == "No scores: the study has no benchmarks."
