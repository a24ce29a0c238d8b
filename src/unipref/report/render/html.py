"""A report as one HTML file that loads nothing: words and tables are static, figures are drawn by plotly.js within it.

No text from data can become markup: jinja escapes what stands on the page; in the figures, which are packed as JSON,
what plotly would take for markup is escaped; and the page's policy lets only its own scripts run, by their hash, and
nothing be fetched.
"""

import base64
import functools
import hashlib
import json
import math
import zlib
from pathlib import Path
from typing import Any

from unipref.report.content import Cell, Column, Content, Figure, Table, format_number

HERE = Path(__file__).parent
MARKUP = {"hovertemplate", "texttemplate", "meta"}
"""Attributes of a trace that are the report's own: the templates, and what the page reads itself."""
MOST_POINTS = 60
"""Figures of no more points than this have their data in a table."""
POLICY = "default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def render_html(content: Content) -> str:
    """The whole report as one HTML text; plotly.js is in it where there are figures."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    figures = [figure for section in content.sections for figure in section.figures]
    drawn = [{"traces": escape_text(figure.traces), "layout": escape_text(figure.layout)} for figure in figures]
    variants = list(dict.fromkeys(content.variants.values()))
    library = load_plotly() if figures else None
    script = "\n".join((HERE / name).read_text(encoding="utf-8") for name in ("page.js", "figures.js"))
    hashes = [_hash(script)] + ([library.hash] if library else [])
    return environment.get_template("page.html.j2").render(
        content=content,
        policy=POLICY.format(scripts=" ".join(hashes)),
        style=Markup((HERE / "page.css").read_text(encoding="utf-8")),
        script=Markup(script),
        variants=Markup(_json(variants)),
        figures=_packed(json.dumps(drawn, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")),
        library=library,
        data_table=data_table,
        variant_of=functools.partial(variant_of, content.variants),
    )


class Library:
    """plotly.js, packed.

    Attributes:
        version: of the Python package.
        packed: deflated, in base64.
        hash: of the script, for the page's policy.
    """

    def __init__(self, version: str, script: bytes) -> None:
        self.version = version
        self.packed = _packed(script)
        self.hash = _hash(script)


@functools.lru_cache(maxsize=1)
def load_plotly() -> Library:
    """The plotly.js that comes with the plotly package."""
    from importlib.metadata import distribution

    package = distribution("plotly")
    return Library(package.version, Path(str(package.locate_file("plotly/package_data/plotly.min.js"))).read_bytes())


def _packed(data: bytes) -> str:
    """Deflated, in base64."""
    return base64.b64encode(zlib.compress(data, 9)).decode("ascii")


def _hash(script: str | bytes) -> str:
    """A script's source in a content security policy."""
    data = script.encode("utf-8") if isinstance(script, str) else script
    return f"'sha256-{base64.b64encode(hashlib.sha256(data).digest()).decode('ascii')}'"


def escape_text(value: Any) -> Any:
    """A figure's JSON with all text as text: plotly would read a part of HTML in it. Line breaks become `<br>`."""
    if isinstance(value, dict):
        return {key: item if key in MARKUP else escape_text(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [escape_text(item) for item in value]
    if isinstance(value, str):
        escaped = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return escaped.replace("\n", "<br>")
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _json(value: Any) -> str:
    """JSON that may stand in a script element: nothing in it closes one."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def data_table(figure: Figure) -> Table | None:
    """The points of a figure as a table; None where there are none in x and y, or more than MOST_POINTS."""
    drawn = [trace for trace in figure.traces if isinstance(trace.get("x"), list) and isinstance(trace.get("y"), list)]
    if len(drawn) < len(figure.traces) or not 0 < sum(len(trace["x"]) for trace in drawn) <= MOST_POINTS:
        return None
    named = any(trace.get("name") for trace in drawn)
    rows = [
        [*([Cell(str(trace.get("name", "")))] if named else []), Cell(_told(x)), Cell(_told(y))]
        for trace in drawn
        for x, y in zip(trace["x"], trace["y"], strict=False)
    ]
    numeric = [not any(isinstance(value, str) for trace in drawn for value in trace[axis]) for axis in "xy"]
    heads = [_axis(figure, axis) for axis in "xy"]
    columns = [Column("series", numeric=False)] if named else []
    columns += [Column(head, numeric=is_numeric) for head, is_numeric in zip(heads, numeric, strict=True)]
    return Table(f"Data of the figure: {figure.title}", columns, rows, folded=True)


def _axis(figure: Figure, axis: str) -> str:
    title = (figure.layout.get(f"{axis}axis") or {}).get("title") or {}
    text = title.get("text", "") if isinstance(title, dict) else title
    return str(text).replace("\n", ", ") or axis


def _told(value: Any) -> str:
    return format_number(value) if isinstance(value, float) else str(value)


def variant_of(variants: dict[str, str], table: Table, row: list[Cell]) -> str | None:
    """The variant a row is about, by its column `variant` or `model`; None where it is about none."""
    for column, cell in zip(table.columns, row, strict=True):
        if column.head in ("variant", "model") and not column.group:
            return variants.get(cell.text)
    return None
