"""Rendering as one self-contained HTML file: text and tables are static, and plotly.js in the file draws the figures.

Text from data cannot become markup. Jinja escapes the text on the page; `escape_text` escapes the text of the figures,
which are packed as JSON. The content security policy allows only the page's own scripts, by hash, and no requests.
"""

import base64
import functools
import hashlib
import json
import math
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unipref.report.content import Cell, Column, Content, Figure, Table, format_number

if TYPE_CHECKING:
    from jinja2 import Template

HERE = Path(__file__).parent
MARKUP = {"hovertemplate", "texttemplate", "meta"}
"""Attributes of a trace that are not escaped: plotly templates, and the data that the page itself reads."""
MOST_POINTS = 60
"""Figures with more points have no data table."""
POLICY = "default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def render_html(content: Content) -> str:
    """Renders the whole report as one HTML text, with plotly.js if there are figures."""
    from markupsafe import Markup

    figures = [figure for section in content.sections for figure in section.figures]
    figure_data = [{"traces": escape_text(figure.traces), "layout": escape_text(figure.layout)} for figure in figures]
    variants = list(dict.fromkeys(content.variants.values()))
    library = load_plotly() if figures else None
    script = "\n".join((HERE / name).read_text(encoding="utf-8") for name in ("page.js", "figures.js"))
    hashes = [source_hash(script)] + ([library.hash] if library else [])
    return _load_page().render(
        content=content,
        policy=POLICY.format(scripts=" ".join(hashes)),
        style=Markup(load_base_style() + (HERE / "page.css").read_text(encoding="utf-8")),
        script=Markup(script),
        variants=Markup(_script_json(variants)),
        sources=Markup(_script_json(content.sources)),
        figures=_pack(json.dumps(figure_data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")),
        library=library,
        data_table=data_table,
        variant_of=functools.partial(variant_of, content.variants),
        variant_named=content.variants.get,
    )


def load_base_style() -> str:
    """Reads the style that all pages share: colours, text, focus."""
    return (HERE / "base.css").read_text(encoding="utf-8")


@functools.cache
def _load_page() -> "Template":
    """Compiles the template of the page, once: it takes longer than to render a small report."""
    return compile_page(HERE)


def compile_page(folder: Path) -> "Template":
    """Compiles the template `page.html.j2` of a folder; it escapes all values, and a missing one is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    return environment.get_template("page.html.j2")


class Library:
    """The plotly.js library, compressed.

    Attributes:
        version: the version of the Python package.
        packed: the script, deflated, in base64.
        hash: the hash of the script, for the content security policy.
    """

    def __init__(self, version: str, script: bytes) -> None:
        self.version = version
        self.packed = _pack(script)
        self.hash = source_hash(script)


@functools.lru_cache(maxsize=1)
def load_plotly() -> Library:
    """Reads plotly.js from the plotly package."""
    from importlib.metadata import distribution

    package = distribution("plotly")
    return Library(package.version, Path(str(package.locate_file("plotly/package_data/plotly.min.js"))).read_bytes())


def _pack(data: bytes) -> str:
    """Deflates data and encodes it in base64."""
    return base64.b64encode(zlib.compress(data, 9)).decode("ascii")


def source_hash(script: str | bytes) -> str:
    """The source expression of a script in a content security policy."""
    data = script.encode("utf-8") if isinstance(script, str) else script
    return f"'sha256-{base64.b64encode(hashlib.sha256(data).digest()).decode('ascii')}'"


def escape_text(value: Any) -> Any:
    """Escapes all text in a figure's JSON, because plotly reads some HTML. Line breaks become `<br>`."""
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


def _script_json(value: Any) -> str:
    """Encodes JSON that cannot close a script element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def data_table(figure: Figure) -> Table | None:
    """The points of a figure as a table; None without x and y, or with more than MOST_POINTS points."""
    traces = [trace for trace in figure.traces if isinstance(trace.get("x"), list) and isinstance(trace.get("y"), list)]
    if len(traces) < len(figure.traces) or not 0 < sum(len(trace["x"]) for trace in traces) <= MOST_POINTS:
        return None
    has_names = any(trace.get("name") for trace in traces)
    rows = [
        [*([Cell(str(trace.get("name", "")))] if has_names else []), Cell(_format_value(x)), Cell(_format_value(y))]
        for trace in traces
        for x, y in zip(trace["x"], trace["y"], strict=False)
    ]
    numeric = [not any(isinstance(value, str) for trace in traces for value in trace[axis]) for axis in "xy"]
    heads = [_axis_title(figure, axis) for axis in "xy"]
    columns = [Column("series", numeric=False)] if has_names else []
    columns += [Column(head, numeric=is_numeric) for head, is_numeric in zip(heads, numeric, strict=True)]
    return Table(f"Data of the figure: {figure.title}", columns, rows, folded=True)


def _axis_title(figure: Figure, axis: str) -> str:
    title = (figure.layout.get(f"{axis}axis") or {}).get("title") or {}
    text = title.get("text", "") if isinstance(title, dict) else title
    return str(text).replace("\n", ", ") or axis


def _format_value(value: Any) -> str:
    return format_number(value) if isinstance(value, float) else str(value)


def variant_of(variants: dict[str, str], table: Table, row: list[Cell]) -> str | None:
    """The variant of a row, from its column `variant` or `model`; None if it has none."""
    for column, cell in zip(table.columns, row, strict=True):
        if column.head in ("variant", "model") and not column.group:
            return variants.get(cell.text)
    return None
