"""Writes docs/reasons.md: each reason why a row is left out, from its enumeration. `make docs` runs it."""

import inspect
import re
from pathlib import Path

from unipref.core.records import Reason

PAGE = Path(__file__).parent / "reasons.md"
HEAD = """# Why rows are left out

unipref leaves out no row, group of answers or preference without a record. `unified/rejects.parquet` has the file, the
row, the reason and what was found; `clean/removed.parquet` has what `clean` removed. `unipref unify` prints the count
of each reason with the first such row, and the report shows them per source. The list is complete.

| reason | meaning | what to do |
|---|---|---|
"""
TAIL = """
`unipref explain RUN ID` says the same of one preference. `docs/errors.md` is about errors that stop a command.
`make docs` writes this page from the code.
"""
MENDS = {
    Reason.UNREADABLE: "fetch or write the file again; the rows before the damage are used",
    Reason.OVER_LIMIT: "raise the limit in `limits` (`docs/study.md`), if the row is meant to be so long",
    Reason.NOT_JSON: "mend the line, or name the right kind of file by its ending",
    Reason.NOT_AN_OBJECT: "give `records`, the path of the list that holds the rows",
    Reason.MISSING_FIELD: "correct the path in `map`; `unipref inspect FILE` lists the fields",
    Reason.WRONG_TYPE: "correct the path in `map`, or parse a text with `literals`",
    Reason.NOT_TEXT: "nothing, if the rows hold sound, video or files; `images` reads images",
    Reason.MISSING_FILE: "give `data_root`, the folder that the paths of images start from",
    Reason.EMPTY_PROMPT: "correct `prompt`, or add `history` or `system` if the question is there",
    Reason.EMPTY_RESPONSE: "correct `response`, or nothing, if the answer is empty",
    Reason.NO_ANSWER: "give `until`, if later messages follow the rated answer",
    Reason.BAD_ROLE: "give `roles`: the source's name of each speaker",
    Reason.BAD_LABEL: "give `codes`, or add the label to `up`, `down` or `neutral`",
    Reason.BAD_SCORE: "correct `low` and `high`, or give `pattern` or `codes` for cells with text",
    Reason.NEUTRAL: "nothing; change `up` and `down` if such rows should count",
    Reason.FUNCTION_FAILED: "correct your function; the detail has its error",
    Reason.NO_ORDER: "choose a format that reads the judgement (`docs/formats.md`)",
    Reason.PROMPTS_DIFFER: "give `prompt`, if the two sides are not whole dialogues",
    Reason.ONE_RESPONSE: "use `thumbs` with bounds, if people rarely rate two answers to one prompt",
    Reason.UNSCORED: "declare the axis of the scores, or use `demonstration`",
    Reason.TIE: "nothing; `tie_within` says how near two scores tie",
    Reason.CONTRADICTION: "give `annotator`, so that all judgements together can decide (`docs/judges.md`)",
    Reason.BELOW_MIN_MARGIN: "lower `min_margin` in `unify`",
    Reason.OVERRULED: "see `overruled` in `docs/judges.md`",
    Reason.DUPLICATE: "nothing, or `duplicates: keep`",
    Reason.NEAR_DUPLICATE: "nothing, or `duplicates: exact`",
    Reason.TOO_LONG: "raise `max_length`, or take a model with a longer context",
    Reason.ONE_SIDED: "export another `--kind`",
    Reason.NOT_HELD: "export to `jsonl` or `parquet`, which hold everything",
}
"""Reason -> what a user can do; no entry: nothing has to be done."""


def read_meanings() -> dict[str, str]:
    """Returns the value of each reason -> the comment beside it, or its name in words."""
    lines = re.findall(r'= "(\w+)"(?:  # (.+))?$', inspect.getsource(Reason), re.MULTILINE)
    return {value: comment or value.replace("_", " ") for value, comment in lines}


def format_page() -> str:
    """Returns the text of the page."""
    meanings = read_meanings()
    rows = [f"| `{reason}` | {meanings[reason]} | {MENDS.get(reason, 'nothing')} |" for reason in Reason]
    return HEAD + "\n".join(rows) + "\n" + TAIL


if __name__ == "__main__":
    PAGE.write_text(format_page(), encoding="utf-8")
