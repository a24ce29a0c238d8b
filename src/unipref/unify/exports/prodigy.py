"""Prodigy."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Literal

from unipref.core.contracts import Export, Proposal
from unipref.core.records import Row
from unipref.unify.detection.concerns import may_ask_otherwise
from unipref.unify.detection.export_fields import find_roles, find_verdicts
from unipref.unify.detection.export_questions import ASKED, RIGHT
from unipref.unify.detection.export_rows import distinct, have_paths, items_at, list_values, text_fields, values_at
from unipref.unify.detection.guess import PLACEHOLDER, path_setting, quote_names
from unipref.unify.detection.one_text import find_cut
from unipref.unify.detection.verdict_words import read_verdict

MIN_TASKS = 3
"""Least number of tasks to say that a text is the same in all of them."""
ABOUT_TASKS = {"source", "section", "pattern", "score", "id", "url", "title"}
"""Names of fields in `meta` that say where a task comes from."""
ANSWERS = {"accept", "reject", "ignore"}


def _task(text: str, options: tuple[str, str], accept: list[str], answer: str = "accept") -> dict[str, Any]:
    return {
        "text": text,
        "options": [{"id": name, "text": option} for name, option in zip("AB", options, strict=True)],
        "_input_hash": 1115139890,
        "_task_hash": -61481503,
        "_view_id": "choice",
        "accept": accept,
        "answer": answer,
    }


class Prodigy(Export):
    """Tasks with `answer`. In the interface `choice`, the option in `accept` is the better one of `options`. Tasks that
    were rejected or ignored are left out.
    """

    origin: ClassVar[str] = "Prodigy 1.x: prodigy db-out"
    seen: ClassVar[str] = "public code that writes tasks for the interface choice"
    verified: ClassVar[Literal["data", "schema"]] = "schema"
    people: ClassVar[tuple[str, ...]] = ("_annotator_id", "_session_id")
    settled: ClassVar[tuple[str, ...]] = ("options.*.text",)
    example: ClassVar[dict[str, Any]] = {
        "settings": {},
        "preferences": [("Yes.", "No."), ("Io.", "The Sun.")],
        "rows": [
            _task("Is ice cold?", ("Yes.", "No."), ["A"]),
            _task("Name a moon of Jupiter.", ("The Sun.", "Io."), ["B"]),
            _task("What is rain?", ("Water.", "Water"), [], "ignore"),
        ],
    }
    further_examples: ClassVar[dict[str, Any]] = {
        "Labels for one answer": {
            "preferences": [("Io.", "The Sun.")],
            "rows": [
                {
                    "prompt": "Name a moon of Jupiter.",
                    "text": answer,
                    "options": [{"id": "GOOD", "text": "good"}, {"id": "BAD", "text": "bad"}],
                    "accept": [label],
                    "answer": "accept",
                    "_input_hash": 1,
                    "_task_hash": 2,
                }
                for answer, label in (("The Sun.", "BAD"), ("Io.", "GOOD"))
            ],
        }
    }

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> Proposal | None:
        """`answer` is accept, reject or ignore, beside `_input_hash` or `_task_hash`."""
        if not have_paths(rows, "answer") or not all("_input_hash" in row or "_task_hash" in row for row in rows):
            return None
        if not all(isinstance(answer, str) and answer in ANSWERS for answer in values_at(rows, "answer")):
            return None
        names = [name for name in text_fields(rows) if not name.startswith("_") and name not in ("answer", "label")]
        names += [f"meta.{name}" for name in text_fields(rows, "meta") if name not in ABOUT_TASKS]
        rows = [{**row, **_flatten_meta(row)} for row in rows]
        if not have_paths(rows, "options.*.id", "accept") or not all(isinstance(row["options"], list) for row in rows):
            if (judged := _propose_verdict(rows, names)) is not None:
                return judged
            why = "this is an export of Prodigy, but its tasks have no options to choose from"
            return Proposal(
                None, {}, 0.0, [why], ["'answer' says whether a label fits a text, not which text is better"]
            )
        chosen = [row["accept"] for row in rows if row["answer"] == "accept" and isinstance(row["accept"], list)]
        several = any(len(one) > 1 for one in chosen)
        texts = {tuple(str(value) for value in values_at(items_at([row], "options"), "text")) for row in rows}
        if len(texts) > 1 or len(rows) == 1:
            return _propose_options(rows, names, several)
        return _propose_labels(rows, names, [one for labels in chosen for one in labels])


def _flatten_meta(row: Row) -> dict[str, Any]:
    """Returns the fields of `meta`, in which many tasks keep their prompt, under their paths."""
    meta = row.get("meta")
    return {f"meta.{name}": value for name, value in meta.items()} if isinstance(meta, dict) else {}


def _propose_verdict(rows: Sequence[Row], names: list[str]) -> Proposal | None:
    """The task is a prompt and an answer, which the annotator accepted or rejected; None for other tasks."""
    roles = find_roles(rows, names)
    # In Prodigy, the judged text is called `text`.
    answers = roles.answers or [name for name in names if name == "text" and roles.prompt and name not in roles.prompt]
    labels = distinct(value for row in rows for value in (row.get("label"), row.get("spans") and "spans") if value)
    mapping: dict[str, Any] = {"label": "answer"}
    doubts: list[str] = []
    if roles.prompt and len(answers) == 1:
        mapping = {"prompt": path_setting(roles.prompt), "response": answers[0], **mapping}
    elif not any(map(_can_judge, labels)):
        return None
    elif "text" in names and (cut := find_cut([row.get("text") for row in rows])) is not None:
        mapping = {"messages": "text", "cut": cut.pattern, **mapping}
    else:
        mapping = {"prompt": PLACEHOLDER, "response": "text" if "text" in names else PLACEHOLDER, **mapping}
        doubts.append(f"where the prompt is, and whether 'text' is the answer: the tasks hold {quote_names(names)}")
    if labels:
        # The annotator accepted the label: of a label such as UNSAFE, accept is not praise of the answer.
        mapping |= {"up": PLACEHOLDER, "down": PLACEHOLDER}
        shown = list_values(labels)
        doubts.append(
            f"which of accept and reject is praise: 'answer' says whether the label ({shown}) fits the answer"
        )
        doubts += ["the labels differ: set 'where' to read the tasks of one of them"] if len(labels) > 1 else []
    else:
        mapping |= {"up": ["accept"], "down": ["reject"]}
        doubts.append(f"'answer' is taken to judge '{answers[0]}': accept counts as thumbs up, reject as thumbs down")
    asked, more = _ask_about_common_texts(rows, names, roles.prompt)
    mapping, doubts = {**mapping, **asked}, [*doubts, *more]
    if labels and have_paths(rows, "label"):
        # In later rows, accept may mean that another label fits.
        mapping |= {"where": {"label": PLACEHOLDER if len(labels) > 1 else labels}}
    doubts += ["tasks with the answer 'ignore' are rejected: they hold no verdict"]
    why = ["this is an export of Prodigy, and 'answer' says whether a prompt with an answer was accepted"]
    is_clear = len(roles.prompt) == 1 and f"'{PLACEHOLDER}'" not in str(mapping)
    return Proposal("thumbs", mapping, RIGHT if is_clear else ASKED, why, doubts)


def _can_judge(label: Any) -> bool:
    """Whether a label praises or blames a text: UNHELPFUL, not PERSON."""
    return isinstance(label, str) and (read_verdict(label) is not None or may_ask_otherwise(label))


def _ask_about_common_texts(
    rows: Sequence[Row], names: Sequence[str], prompt: Sequence[str]
) -> tuple[dict[str, Any], list[str]]:
    """Returns questions and doubts if a text that all tasks have may ask the annotator for a fault of the answer.

    Such a text need not be a field of its own: what seems the prompt may be the question, such as 'Is it toxic?'.
    """
    asked: dict[str, Any] = {}
    doubts: list[str] = []
    if len(rows) >= MIN_TASKS and prompt and len({str([row.get(name) for name in prompt]) for row in rows}) == 1:
        asked = {"prompt": PLACEHOLDER, "up": PLACEHOLDER, "down": PLACEHOLDER}
        doubts.append(f"what {quote_names(prompt)}, the same in all tasks, asks: the annotator or the model")
    for text in _common_texts(rows, names):
        if may_ask_otherwise(text):
            asked |= {"up": PLACEHOLDER, "down": PLACEHOLDER}
            doubts.append(f"what is good: the tasks say '{text}'")
    return asked, doubts


def _common_texts(rows: Sequence[Row], names: Iterable[str]) -> list[str]:
    """Returns the texts that are the same in all tasks: what the annotator was asked to do."""
    several = [{str(row.get(name)) for row in rows} for name in dict.fromkeys(("label", *names))]
    return [text for texts in several if len(texts) == 1 for text in texts if text != "None"]


def _propose_options(rows: Sequence[Row], names: list[str], several: bool) -> Proposal:
    """The options are answers to the task's text."""
    prompt: Any = "text" if "text" in names else next(iter(find_roles(rows, names).prompt), PLACEHOLDER)
    labels = distinct(row.get("label") for row in rows)
    texts = [*_common_texts(rows, [name for name in names if name != prompt or len(rows) > 1]), *map(str, labels)]
    blames = [text for text in texts if may_ask_otherwise(text)]
    mapping = {
        "prompt": prompt,
        "options": "options.*.text",
        "labels": "options.*.id",
        "answer": PLACEHOLDER if several or blames else "accept.*",
        "where": {"answer": ["accept"]},
    }
    doubts = [f"whether the chosen option is the better one: the tasks say '{blames[0]}'"] if blames else []
    doubts += ["some tasks have several chosen options: set 'answer' to the path of one"] if several else []
    doubts += [] if blames else ["whether the chosen option is the better one, and not the worse: it is taken for it"]
    doubts += ["which field is the prompt"] if prompt == PLACEHOLDER else []
    why = ["'accept' holds the id of one of the 'options', whose texts differ between tasks"]
    return Proposal("multiple_choice", mapping, ASKED if PLACEHOLDER in mapping.values() else RIGHT, why, doubts)


def _propose_labels(rows: Sequence[Row], names: list[str], chosen: list[Any]) -> Proposal:
    """The options are the same in all tasks: labels of one text."""
    roles = find_roles(rows, names)
    answers = roles.answers or (["text"] if "text" in names and roles.prompt else [])
    asked, more = _ask_about_common_texts(rows, names, roles.prompt)
    verdicts = find_verdicts(distinct(chosen), "options")
    mapping = {
        "prompt": path_setting(roles.prompt) if roles.prompt else PLACEHOLDER,
        "response": answers[0] if len(answers) == 1 else PLACEHOLDER,
        "label": "accept.*",
        **verdicts.settings,
        **asked,
        "where": {"answer": ["accept"]},
    }
    why = [f"'accept' holds one of the labels {list_values(distinct(chosen))} of each task"]
    doubts = [*verdicts.doubts, *more]
    if PLACEHOLDER in (mapping["prompt"], mapping["response"]):
        doubts.append(f"which of {quote_names(names)} holds the prompt and which the answer")
    return Proposal("thumbs", mapping, ASKED if f"'{PLACEHOLDER}'" in str(mapping) else RIGHT, why, doubts)
