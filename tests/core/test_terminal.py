"""Texts from data reach the terminal without control characters, markup and secrets, through one module."""

import ast
import io
import json
import logging
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from rich.console import Group
from rich.table import Table
from rich.text import Text

from unipref.core import terminal
from unipref.core.console_progress import ConsoleProgress

PACKAGE = Path(terminal.__file__).parents[1]
ATTACK = "\x1b]0;PWN\x07\x1b[2J\u202e\x9b31m[bold]x[/bold][link=file:///]y[/link]\r\x85\ud800"
ESCAPED = r"\u001b]0;PWN\u0007\u001b[2J\u202e\u009b31m[bold]x[/bold][link=file:///]y[/link]\u000d\u0085\ud800"

STREAMS = ("sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__")
ECHOES = ("print", "typer.echo", "typer.secho", "click.echo", "click.secho")
LAST = {name.split(".")[-1] for name in (*STREAMS, *ECHOES)}


def test_only_one_module_writes_to_the_terminal() -> None:
    """Checks the syntax of each module, and not its text: a docstring may name `print`."""
    offences = []
    for file in PACKAGE.rglob("*.py"):
        if file == Path(terminal.__file__):
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            last = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
            name = ast.unparse(node) if last in LAST else ""
            is_stream, is_echo = name in STREAMS, name in ECHOES
            is_import = isinstance(node, ast.ImportFrom) and node.module == "rich.console"
            makes_console = is_import and any(one.name == "Console" for one in node.names)
            is_typed_only = (
                makes_console
                and "    from rich.console import Console" in file.read_text()
                and ("Console(" not in file.read_text())
            )
            if is_stream or is_echo or (makes_console and not is_typed_only):
                offences.append(f"{file.relative_to(PACKAGE)}:{getattr(node, 'lineno', 0)}: {name or 'Console'}")
    assert offences == []


def test_every_way_out_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    ways = [
        lambda: terminal.echo(ATTACK),
        lambda: terminal.echo(ATTACK, err=True),
        lambda: terminal.echo_json({ATTACK: [ATTACK]}),
        lambda: terminal.show(ATTACK),
        lambda: terminal.show(Group(ATTACK, Text(ATTACK))),
        lambda: terminal.echo_exception(ValueError(ATTACK)),
        lambda: terminal.LegibleStderr().write(ATTACK),
    ]
    for way in ways:
        way()
        out, err = capsys.readouterr()
        # JSON writes a carriage return in its own way, and rich drops bells and carriage returns from a Text.
        without = ESCAPED.replace(r"\u0007", "").replace(r"\u000d", "")
        joined = (out + err).replace("\n", "")
        assert any(one in joined for one in (ESCAPED, ESCAPED.replace(r"\u000d", r"\r"), without))
        assert terminal.show_text(out + err) == out + err


def test_json_keeps_its_values(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.echo_json({"a": ATTACK})
    assert json.loads(capsys.readouterr().out) == {"a": ATTACK}


def test_progress_escapes_and_reads_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    for options in ({}, {"force_terminal": True, "color_system": None}):
        console = terminal.make_console(err=True, width=300, **options)
        with ConsoleProgress(console) as listener:
            listener.stage(ATTACK, cached=True)
            listener.note(f"{ATTACK}\nReport: elsewhere")
            listener.warn(ATTACK)
            listener.progress(ATTACK, 1, 2)
        err = capsys.readouterr().err
        assert "\x1b]0" not in err
        assert "\u202e" not in err
        assert err.count(ESCAPED) >= 3
        # A line end in a note cannot begin a line of its own.
        assert "\nReport" not in err


def test_a_narrow_table_wraps_the_codes_and_loses_none() -> None:
    file = io.StringIO()
    table = Table(box=None)
    table.add_column(overflow="fold")
    table.add_row(Text(ATTACK))
    terminal.make_console(file=file, width=20).print(table)
    # rich itself drops bells and carriage returns.
    assert "".join(file.getvalue().split()) == ESCAPED.replace(r"\u0007", "").replace(r"\u000d", "")


def test_warnings_and_logs_of_libraries_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    before = logging.getLogRecordFactory()
    try:
        terminal.guard_libraries()
        record = logging.getLogRecordFactory()("x", 30, "f", 1, "%s", (ATTACK,), None)
        assert record.getMessage() == ESCAPED
        assert ESCAPED in warnings.formatwarning(ATTACK, UserWarning, "f", 1)
    finally:
        logging.setLogRecordFactory(before)


def test_logs_are_escaped_where_a_library_makes_the_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    before = logging.getLogRecordFactory()

    def make_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = logging.LogRecord(*args, **kwargs)
        vars(record)["made_by"] = "a library"
        return record

    try:
        logging.setLogRecordFactory(make_record)
        for _ in range(2):
            terminal.guard_libraries()
        record = logging.getLogRecordFactory()("x", 30, "f", 1, "%s", (ATTACK,), None)
        assert (record.getMessage(), vars(record)["made_by"]) == (ESCAPED, "a library")
    finally:
        logging.setLogRecordFactory(before)


def test_a_stream_that_lacks_a_character_gets_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="ascii"))
    terminal.echo("é ★")
    assert raw.getvalue() == b"\\xe9 \\u2605\n"


def test_a_traceback_in_a_log_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    factory = logging.getLogRecordFactory()
    logger, handler = logging.getLogger("unipref.test"), logging.StreamHandler(sys.stderr)
    logger.addHandler(handler)
    try:
        terminal.guard_libraries()
        try:
            raise ValueError(ATTACK)
        except ValueError:
            logger.exception("failed")
        assert "\x1b" not in (err := capsys.readouterr().err)
        assert r"ValueError: \u001b" in err
    finally:
        logger.removeHandler(handler)
        logging.setLogRecordFactory(factory)


@pytest.mark.parametrize(("is_terminal", "shown"), [(True, "reading a.jsonl ...\n"), (False, "")])
def test_the_first_line_is_for_people_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], is_terminal: bool, shown: str
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal)
    terminal.say_first("reading a.jsonl ...")
    assert (capsys.readouterr().err, capsys.readouterr().out) == (shown, "")
