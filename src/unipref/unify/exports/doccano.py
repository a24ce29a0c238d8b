"""Doccano."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from unipref.core.contracts import Export, Proposal
from unipref.core.records import Row
from unipref.unify.detection.export_fields import find_roles, find_verdicts
from unipref.unify.detection.export_questions import ASKED, RIGHT
from unipref.unify.detection.export_rows import distinct, have_paths, list_values, text_fields
from unipref.unify.detection.guess import PLACEHOLDER, quote_names
from unipref.unify.detection.one_text import find_cut
from unipref.unify.detection.questions import MAX_LABELS

SIDES = ("prompt", "response")
LONG = 25
"""Mean number of characters above which many different labels are texts that people wrote."""


class Doccano(Export):
    """Texts with a list of labels. Doccano has one text for each row; further columns, such as the prompt, keep their
    names.
    """

    origin: ClassVar[str] = "Doccano 1.x: text classification, export as JSON, JSONL or CSV"
    seen: ClassVar[str] = "doccano/doccano, backend/data_export/pipeline/factories.py"
    verified: ClassVar[Literal["data", "schema"]] = "schema"
    people: ClassVar[tuple[str, ...]] = ("annotator", "user", "username")
    example: ClassVar[dict[str, Any]] = {
        "settings": {},
        "preferences": [("Io.", "The Sun.")],
        "rows": [
            {
                "id": 1,
                "text": "The Sun.",
                "question": "Name a moon of Jupiter.",
                "label": ["not helpful"],
                "Comments": [],
            },
            {"id": 2, "text": "Io.", "question": "Name a moon of Jupiter.", "label": ["helpful"], "Comments": []},
        ],
    }
    further_examples: ClassVar[dict[str, Any]] = {
        "Prompt and answer in one text": {
            "preferences": [("Yes.", "No.")],
            "rows": [
                {"id": 1, "text": "Q: Is ice cold? A: Yes.", "label": ["ok"], "Comments": []},
                {"id": 2, "text": "Q: Is ice cold? A: No.", "label": ["nonsense"], "Comments": []},
            ],
            "answers": {"map": {"up": ["ok"], "down": ["nonsense"]}},
        },
        "A table in CSV": {
            "preferences": [("Io.", "The Sun.")],
            "rows": [
                {"id": "1", "text": "The Sun.", "question": "Name a moon.", "label": "not helpful", "Comments": ""},
                {"id": "2", "text": "Io.", "question": "Name a moon.", "label": "helpful", "Comments": ""},
            ],
        },
    }

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> Proposal | None:
        """`text` and a list `label`, beside `id` and `Comments`; in CSV, the labels are one text with `#` between."""
        if not have_paths(rows, "id", "label", "Comments") or not ("text" in rows[0] or "data" in rows[0]):
            return None
        lists = [row["label"] for row in rows if isinstance(row["label"], list)]
        is_table = all(isinstance(row["label"], str | int | None) for row in rows)
        lists = [_split_label(row["label"]) for row in rows] if is_table else lists
        if len(lists) < len(rows) or any(isinstance(label, list | dict) for one in lists for label in one):
            return Proposal(None, {}, 0.0, ["this is an export of Doccano, but its labels are parts of texts"])
        labels = distinct(label for one in lists for label in one)
        if len(labels) > MAX_LABELS and sum(map(len, map(str, labels))) > LONG * len(labels):
            return _propose_texts("label" if is_table else "label.0")
        text = "text" if "text" in rows[0] else "data"
        others = [name for name in text_fields(rows) if name not in ("id", text, "label", "Comments")]
        roles = find_roles(rows, others)
        verdicts = find_verdicts(labels, "label")
        mapping: dict[str, Any] = {
            "prompt": roles.prompt[0] if len(roles.prompt) == 1 else PLACEHOLDER,
            "response": text if len(roles.prompt) == 1 and not roles.answers else PLACEHOLDER,
            "label": "label" if is_table else "label.*",
            **verdicts.settings,
        }
        doubts = list(verdicts.doubts)
        if is_table and any(len(one) > 1 for one in lists):
            joined = distinct(row["label"] for row in rows)
            mapping |= {"up": PLACEHOLDER, "down": PLACEHOLDER}
            doubts = [f"which of {list_values(joined)} in 'label' are praise: list each as it is written, with its '#'"]
        if others == [] and (cut := find_cut([row[text] for row in rows])) is not None:
            mapping = {"messages": text, "cut": cut.pattern, **{k: mapping[k] for k in mapping if k not in SIDES}}
        elif PLACEHOLDER in (mapping["prompt"], mapping["response"]):
            names = quote_names([text, *others])
            doubts.append(f"where prompt and answer are in {names}: a part has 'field' and 'pattern'")
        why = ["'label' is the list of labels of a text in an export of Doccano"]
        is_open = f"'{PLACEHOLDER}'" in str(mapping)
        return Proposal("thumbs", mapping, ASKED if is_open else RIGHT, why, doubts)


def _split_label(label: str | int | None) -> list[Any]:
    """Returns the labels of a row of a CSV file, in which `#` joins several."""
    return [one for one in label.split("#") if one] if isinstance(label, str) else [] if label is None else [label]


def _propose_texts(response: str) -> Proposal:
    """The labels are texts that people wrote: the answers to the text."""
    mapping = {"prompt": "text", "response": response}
    doubts = ["whether 'label' holds texts that people wrote, as in a project of sequence to sequence"]
    return Proposal("demonstration", mapping, ASKED, ["'label' holds a different, long text in each row"], doubts)
