"""CSV files with stray quotes, other delimiters, backslashes, byte order marks and other encodings."""

import csv
import io
import random
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError
from tests.support.study_files import manifest_of

import unipref
from unipref.core.records import Reason, Reject
from unipref.pipeline import api
from unipref.sources import CsvSettings, csv_rows, parts, read
from unipref.sources.csv_rows import OTHER_HEADER, SAME_HEADER, column_names, read_table
from unipref.sources.reading_notes import collect_notes
from unipref.unify.inspection import inspect


def read_text(text: str | bytes, usual: str = ",", **given: str) -> tuple[list[tuple[int | str, Any]], list[Any]]:
    """Returns the rows with their numbers, and the numbers and texts of the rejects."""
    content = text.encode() if isinstance(text, str) else text
    entries = list(read_table(iter([content] if content else []), usual, given=given))
    rows = [(number, row) for number, row in entries if isinstance(row, dict)]
    return rows, [(number, str(row)) for number, row in entries if isinstance(row, Reject)]


def table(*rows: str, header: str = "prompt,chosen,rejected") -> str:
    return "".join(f"{row}\n" for row in (header, *rows))


PLAIN = [f"question {i},good {i},bad {i}" for i in range(40)]


@pytest.mark.parametrize("opening", [0, 1, 2])
@pytest.mark.parametrize("closing", [None, 0, 1, 2])
@pytest.mark.parametrize("distance", [1, 2, 30])
def test_a_stray_quote_costs_its_row_alone(opening: int, closing: int | None, distance: int) -> None:
    rows = [row.split(",") for row in PLAIN]
    rows[3][opening] = '"' + rows[3][opening]
    if closing is not None:
        rows[3 + distance][closing] += '"'
    read_rows, rejects = read_text(table(*map(",".join, rows)))
    assert [number for number, _ in rejects] == [5]
    assert "quote" in rejects[0][1]
    assert [number for number, _ in read_rows] == [n for n in range(2, 42) if n != 5]
    expected = [dict(zip(["prompt", "chosen", "rejected"], row, strict=True)) for row in rows]
    assert [row for _, row in read_rows] == expected[:3] + expected[4:]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_swallowed_rows_in_a_table_with_quoted_cells(delimiter: str) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow(["prompt", "chosen", "rejected"])
    for i in range(300):
        quoted = i < 40 or i > 250
        prose = f"Well, number {i};\nit is | good,\n\nand\tso on, and on." if quoted else f"good {i}"
        writer.writerow([f"question {i}", prose, f'it is "bad" {i}' if quoted else f"bad {i}"])
    lines = (
        out.getvalue().replace("good 100", '"good 100').replace("bad 200", 'bad 200"').replace("good 120", 'good" 120')
    )
    rows, rejects = read_text(lines)
    # The quote inside row 121 shows that the record is not one; otherwise its 101 lines, which look like rows, do.
    # It begins after the header, 40 records of 4 lines and 60 of one.
    assert [number for number, _ in rejects] == [1 + 40 * 4 + 60 + 1]
    assert len(rows) == 299
    assert rows[0][1]["chosen"] == "Well, number 0;\nit is | good,\n\nand\tso on, and on."


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_row_has_the_number_of_its_first_line(end: str) -> None:
    lines = ["prompt,answer", 'q1,"two', 'lines"', "", "q2,one", "", 'q3,"an open quote', "q4,one", 'q5,"t"x', "q6,one"]
    content = end.join(lines).encode()
    numbers = {row["prompt"]: number for number, row in read_table(iter([content]), ",") if isinstance(row, dict)}
    assert numbers == {"q1": 2, "q2": 5, "q4": 8, "q6": 10}
    assert [number for number, _ in read_text(content)[1]] == [7, 9]
    assert list(read_table(iter([b"sep=,\r\n\r\na\r\n\r\n1"]), ",")) == [(5, {"a": "1"})]


def test_texts_of_several_lines_with_delimiters_stay_one_cell() -> None:
    """Whatever csv.writer writes comes back: 400 tables of random prose, code, lists and tables."""
    pieces = [
        *(
            "Sure!",
            "red, white, and blue",
            "1,000",
            "f(a,b)",
            "print(x, y)",
            "",
            "a;b",
            "- one\n- two",
            "one, two\nthree",
        ),
        *('He said "yes, no"', "It costs 1,000 dollars.", "x = [1, 2, 3]", "def f(a, b):\n    return a, b", "a\tb"),
        *(
            "ja | nein",
            "\\alpha, \\beta",
            'C:\\dir\\"x"',
            "Dear Sir,\nThank you, and goodbye,\nBob",
            "\n",
            "trailing,\n",
        ),
        "第一,好\n第二,不好",
    ]
    choose = random.Random(0)
    for number in range(400):
        columns = choose.choice([1, 2, 3, 4])
        header = [f"column {i}" for i in range(columns)]
        quoting = choose.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
        out = io.StringIO(newline="")
        writer = csv.writer(out, quoting=quoting, lineterminator=choose.choice(["\n", "\r\n"]))
        cells = [[" ".join(choose.choices(pieces, k=choose.randint(1, 6))) or "x" for _ in header] for _ in range(50)]
        writer.writerows([header, *cells])
        rows, rejects = read_text(out.getvalue())
        assert not rejects, (number, rejects[0])
        assert [list(row.values()) for _, row in rows] == cells


def test_a_table_inside_an_answer_stays_one_cell() -> None:
    answer = "Here is the table:\nname,age,city\nBob,3,Rome\nEve,4,Oslo"
    rows = [[f"How do I write table number {i} as a CSV?", f"No way {i}, sorry.", answer] for i in range(20)]
    out = io.StringIO(newline="")
    csv.writer(out).writerows([["prompt", "rejected", "chosen"], *rows])
    read_rows, rejects = read_text(out.getvalue())
    assert not rejects
    assert [row["chosen"] for _, row in read_rows] == [answer] * 20


def test_a_quote_that_the_study_sets_is_trusted() -> None:
    text = table(*PLAIN[:5], 'question 7,"good 7,bad 7\nquestion 7,good 7,bad 7\nquestion 7,good 7",bad 7')
    assert [number for number, _ in read_text(text)[1]] == [7]
    rows, rejects = read_text(text, quote='"')
    assert not rejects
    assert rows[-1][1]["chosen"] == "good 7,bad 7\nquestion 7,good 7,bad 7\nquestion 7,good 7"


def test_the_rest_of_a_damaged_row_does_not_become_a_row() -> None:
    text = table(*PLAIN[:3], 'q,"He said "hi" to me\nWell, then, bye\nand so on",bad', *PLAIN[3:])
    rows, rejects = read_text(text)
    assert [row["prompt"] for _, row in rows] == [f"question {i}" for i in range(40)]
    assert [number for number, _ in rejects] == [5, 6, 7]


def test_spaces_after_a_closing_quote_do_no_harm() -> None:
    rows, rejects = read_text(table('"q, 1" ,"good\nline"\t,bad'))
    assert not rejects
    assert rows == [(2, {"prompt": "q, 1 ", "chosen": "good\nline\t", "rejected": "bad"})]


@pytest.mark.parametrize("delimiter", [";", "\t", "|", ","])
@pytest.mark.parametrize("usual", [",", "\t"])
def test_the_delimiter_is_found(delimiter: str, usual: str) -> None:
    lines = ["prompt,chosen,rejected", *(f"q{i}?,it costs {i}.5,no way" for i in range(5))]
    text = "\n".join(line.replace(",", delimiter) for line in lines)
    rows, rejects = read_text(text, usual)
    assert not rejects
    assert rows[0][1] == {"prompt": "q0?", "chosen": "it costs 0.5", "rejected": "no way"}


def test_the_usual_delimiter_is_kept_where_it_works() -> None:
    rows, _ = read_text("a;b,c;d\n1;2,3;4\n")
    assert rows == [(2, {"a;b": "1;2", "c;d": "3;4"})]
    rows, _ = read_text("text\none; two\nthree\n")
    assert rows == [(2, {"text": "one; two"}), (3, {"text": "three"})]
    rows, _ = read_text("what; why\none\ntwo\n")
    assert [row for _, row in rows] == [{"what; why": "one"}, {"what; why": "two"}]


def test_a_line_that_names_the_separator() -> None:
    assert read_text("sep=;\r\na;b\r\n1,5;2\r\n")[0] == [(3, {"a": "1,5", "b": "2"})]


def test_backslashes_before_quotes() -> None:
    latex = "\\nu is $\\\\frac$, C:\\dir"
    text = table('q1?,"say \\"hi\\" now",bad', f'q2?,"{latex}",bad')
    rows, rejects = read_text(text)
    assert not rejects
    assert rows[0][1]["chosen"] == 'say "hi" now'
    assert rows[1][1]["chosen"] == "\\nu is $\\frac$, C:\\dir"
    rows, rejects = read_text(text, escape="")
    assert [number for number, _ in rejects] == [2]
    assert "csv: {escape: '\\'}" in rejects[0][1]
    assert rows[0][1]["chosen"] == latex


def test_backslashes_that_are_text_stay() -> None:
    rows, rejects = read_text(table('q1?,"ends with \\",bad', 'q2?,"a ""b"" \\",bad'))
    assert not rejects
    assert [row["chosen"] for _, row in rows] == ["ends with \\", 'a "b" \\']


def test_backslashes_far_below_are_a_reject() -> None:
    rows, rejects = read_text(table(*PLAIN * 200, 'q,"say \\"hi\\"",bad', "last,x,y"))
    assert [number for number, _ in rejects] == [8002]
    assert rows[-1] == (8003, {"prompt": "last", "chosen": "x", "rejected": "y"})


def test_other_quotes_and_none() -> None:
    assert read_text("a,b\n'x, y',it''s\n", quote="'")[0] == [(2, {"a": "x, y", "b": "it''s"})]
    assert read_text('a,b\n"x,y"\n', quote="")[0] == [(2, {"a": '"x', "b": 'y"'})]
    assert read_text("a,b\nx\\,y,z\n", quote="", escape="\\")[0] == [(2, {"a": "x,y", "b": "z"})]


def test_settings_of_a_source_and_of_a_join(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("q^good^bad^id\n'1^ 2?'^yes^no^7\n")
    (tmp_path / "b.csv").write_text("id%word\n7%seven\n")
    source = {
        "name": "s", "path": "a.csv", "format": "pairs", "csv": {"delimiter": "^", "quote": "'"},
        "join": [{"path": "b.csv", "left": "id", "right": "id", "csv": {"delimiter": "%"}}],
        "map": {"prompt": ["q", "b.word"], "chosen": "good", "rejected": "bad"},
    }  # fmt: skip
    out = unipref.run({"sources": [source], "data_root": str(tmp_path)}, out=tmp_path / "run")
    [row] = pq.read_table(out / "unified" / "preferences.parquet").to_pylist()
    assert row["prompt"][0]["content"] == "1^ 2?\n\nseven"


def test_what_the_settings_accept() -> None:
    assert CsvSettings(delimiter="\\t").pairs() == (("delimiter", "\t"),)
    assert CsvSettings(quote="", escape="\\").pairs() == (("quote", ""), ("escape", "\\"))
    for wrong in ({"delimiter": ",,"}, {"delimiter": ";", "quote": ";"}, {"delimiter": "\n"}):
        with pytest.raises(ValidationError):
            CsvSettings.model_validate(wrong)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
@pytest.mark.parametrize("header", ["prompt,réponse", "prompt,chosen,né"])
def test_a_header_in_another_encoding_is_named(tmp_path: Path, encoding: str, header: str) -> None:
    (tmp_path / "h.csv").write_bytes(f"{header}\nq1,a,b\n".encode(encoding))
    [(number, reject)] = [entry for part in parts(["h.csv"], tmp_path, "s") for entry in read(part)]
    assert isinstance(reject, Reject)
    assert (number, reject.reason) == (1, Reason.UNREADABLE)
    assert "'h.csv' cannot be read from the beginning: the header is not UTF-8" in reject.detail
    assert header.split(",")[-1] in reject.detail
    [inspection] = inspect([tmp_path / "h.csv"])
    assert "the header is not UTF-8" in inspection.as_text()


def test_byte_order_marks_between_files_cost_no_row(tmp_path: Path) -> None:
    one = "\ufeffprompt,chosen\nq1,a\n"
    for text in (one + one.replace("1", "2"), one + "\ufeffq2,a\n", one + "\ufeffchosen,prompt\na,q2\n"):
        rows, rejects = read_text(text.removeprefix("\ufeff"))
        assert not rejects
        assert [row for _, row in rows] == [{"prompt": "q1", "chosen": "a"}, {"prompt": "q2", "chosen": "a"}]
    (tmp_path / "a.jsonl").write_text('\ufeff{"a": 1}\n\ufeff{"a": 2}\n\ufeff\n', encoding="utf-8")
    (tmp_path / "a.json").write_text('\ufeff{"a":\n 1}\n\ufeff{"a": 2}\ufeff', encoding="utf-8")
    (tmp_path / "a.lst").write_text("\ufeff1\n\ufeff2\n", encoding="utf-8")
    for name, rows in (("a.jsonl", [1, 2]), ("a.json", [1, 2]), ("a.lst", ["1", "2"])):
        entries = [row for part in parts([name], tmp_path, "s") for _, row in read(part)]
        assert [next(iter(row.values())) if isinstance(row, dict) else row for row in entries] == rows
    # Inside a cell it is a character of the text.
    assert read_text('a\n"x\n\ufeffy"\n')[0] == [(2, {"a": "x\n\ufeffy"})]


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.lst"])
@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"a": 1}'.encode("utf-32"), "the text is UTF-32."),
        ('{"a": 1}'.encode("utf-16"), "the text is UTF-16."),
        ("\ufeffab".encode("utf-32-be"), "the text is UTF-32."),
        ('{"a": 1}'.encode("utf-32-le"), "the text may be UTF-32"),
        ('{"a": 1}'.encode("utf-16-be"), "the text may be UTF-16"),
        (bytes(5000), "its first 5000 bytes are NUL"),
    ],
)
def test_bytes_that_are_not_utf8(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    [(_, reject)] = [entry for part in parts([name], tmp_path, "s") for entry in read(part)]
    assert isinstance(reject, Reject)
    assert says in reject.detail


@pytest.mark.parametrize(("name", "good"), [("a.jsonl", b'{"a": "1"}\n'), ("a.csv", b"a,b\n1,2\n"), ("a.lst", b"1\n")])
def test_nul_bytes_at_the_end_are_named(tmp_path: Path, name: str, good: bytes) -> None:
    (tmp_path / name).write_bytes(good + bytes(100) + b"\n")
    first, last = [row for part in parts([name], tmp_path, "s") for _, row in read(part)]
    assert isinstance(first, dict)
    assert isinstance(last, Reject)
    assert "NUL bytes" in last.detail


def test_a_header_of_many_equal_names_is_quick() -> None:
    names = column_names(["x"] * 200_000)
    assert names[-1] == "x_200000"
    assert column_names(["a", "a", "a_2", "", "a"]) == ["a", "a_2", "a_2_2", "column_4", "a_3"]


@pytest.mark.parametrize("row", ['"a" x,"b', ' "a,"', 'x","b', '"a" ,"b'])
def test_an_open_quote_in_every_row_does_not_cost_the_square_of_the_rows(
    row: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_rows, "FREE_WORK", 1 << 16)
    tables: list[Any] = []

    class CountedLines(csv_rows._Lines):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            tables.append(self)

    monkeypatch.setattr(csv_rows, "_Lines", CountedLines)
    for count in (1000, 4000):
        rows, rejects = read_text(table(*[row] * count, "q,a", header="prompt,chosen"))
        assert [number for number, _ in rejects] == list(range(2, count + 2))
        assert rows == [(count + 2, {"prompt": "q", "chosen": "a"})]
    small, large = tables
    assert large.repeated < 6 * small.repeated + (1 << 16)
    assert large.repeated < 250 * large.work


def test_a_long_text_after_many_open_quotes_is_named_or_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "FREE_WORK", 1 << 12)
    long = "\n".join(["one line of a text"] * 300)
    rows, rejects = read_text(table(*['x","b'] * 300, *['q,"short\ntext"'] * 5, header="prompt,chosen"))
    assert len(rejects) == 300
    assert any("within 100 lines" in text for _, text in rejects)
    assert [row["chosen"] for _, row in rows] == ["short\ntext"] * 5
    rows, rejects = read_text(table(*[f'q{i},"{long}"' for i in range(5)], header="prompt,chosen"))
    assert not rejects
    assert [row["chosen"] for _, row in rows] == [long] * 5


def test_spaces_after_a_closing_quote_before_a_text_of_many_lines() -> None:
    long = "\n".join(["one line of a text"] * 300)
    rows, rejects = read_text(table(*[f'"q" ,"{long}" ,"bad"'] * 5))
    assert not rejects
    assert rows[4][1] == {"prompt": "q ", "chosen": f"{long} ", "rejected": "bad"}


@pytest.mark.parametrize("separator", [b"\xff", b'"', b"\r", b"\0"])
def test_a_separator_line_with_no_character_that_can_separate_is_ignored(separator: bytes) -> None:
    rows, rejects = read_text(b"sep=" + separator + b"\r\nprompt;chosen\r\nq;a\r\nr;b\r\n")
    assert not rejects
    assert [row for _, row in rows] == [{"prompt": "q", "chosen": "a"}, {"prompt": "r", "chosen": "b"}]


OTHER_ORDER = "prompt,chosen,rejected\nq1,good,bad\nrejected,prompt,chosen\nbad,q2,good\n"


def test_a_header_in_another_order_is_read_and_noted() -> None:
    with collect_notes() as notes:
        rows, rejects = read_text(OTHER_ORDER)
    assert not rejects
    assert rows == [(2 * n, {"prompt": f"q{n}", "chosen": "good", "rejected": "bad"}) for n in (1, 2)]
    assert notes == [OTHER_HEADER]
    with collect_notes() as notes:
        assert len(read_text("prompt,chosen\nq1,a\nprompt,chosen\nq2,b\n")[0]) == 2
    assert notes == [SAME_HEADER]


@pytest.mark.parametrize("second", ["prompt,rejected,source,chosen", "chosen,prompt,answer", "chosen,prompt"])
def test_a_header_with_other_columns(second: str) -> None:
    cells = dict.fromkeys(second.split(","), "x")
    row = ",".join(cells.values())
    rows, rejects = read_text(f'prompt,chosen,rejected\nq,a,b\n{second}\n{row}\n"x\ny"{row[1:]}\n')
    assert not rejects
    assert [fields for _, fields in rows[1:]] == [cells, {**cells, second.split(",")[0]: "x\ny"}]


@pytest.mark.parametrize(
    "text",
    [
        "1,2,3\n2,1,3\n3,2,1\n",
        "A,B,C\nB,A,C\nC,B,A\n",
        "answer_a,answer_b,label\nyes,no,answer_a\nyes,no,answer_b\n",
        "prompt,chosen,rejected\nprompt,x,y\nchosen,chosen,prompt\n",
    ],
)
def test_rows_that_hold_names_of_columns_stay_rows(text: str) -> None:
    rows, rejects = read_text(text)
    assert not rejects
    assert len(rows) == 2


def test_a_study_names_the_second_header(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(OTHER_ORDER, encoding="utf-8")
    source = {"name": "s", "path": "a.csv", "format": "pairs", "map": {"prompt": "prompt"}}
    out = api.unify_feedback({"data_root": str(tmp_path), "sources": [source]}, tmp_path / "run")
    assert {row["chosen"][0]["content"] for row in pq.read_table(out).to_pylist()} == {"good"}
    assert manifest_of(tmp_path / "run")["sources"]["s"]["notes"] == [f"1 row: {OTHER_HEADER}; the first: a.csv:4"]


def test_errors_of_spreadsheet_programs_are_noted() -> None:
    text = "prompt,answer\nq1,#NAME?\nq2,#1 is Err:508\nq3,#NAME? again\nErr:508,#NAME?\n"
    with collect_notes() as notes:
        rows, rejects = read_text(text)
    assert len(rows) == 4
    assert not rejects
    assert [note.partition(",")[0] for note in notes] == [
        "'answer' is '#NAME?'",
        "'prompt' is 'Err:508'",
        "'answer' is '#NAME?'",
    ]


def test_a_row_that_holds_names_of_columns_is_no_header(tmp_path: Path) -> None:
    lines = [
        "question,left,right",
        "Is ice cold?,Yes,No",
        "Which hand do you write with?,left,right",
        "Is it late?,a,b",
    ]
    (tmp_path / "d.csv").write_text("\n".join(lines) + "\n")
    (part,) = parts(["d.csv"], tmp_path, "s")
    rows = [row for _, row in read(part)]
    assert [row["question"] for row in rows if not isinstance(row, Reject)] == [
        "Is ice cold?",
        "Which hand do you write with?",
        "Is it late?",
    ]
