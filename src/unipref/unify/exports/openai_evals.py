"""OpenAI Evals, output items of a run."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from unipref.core.contracts import Export, Proposal
from unipref.core.records import Row
from unipref.sources import rows_inside
from unipref.unify.detection.export_rows import distinct, have_paths, items_at, values_at

OBJECT = "eval.run.output_item"


def _item(number: int, answer: str, is_passed: bool) -> dict[str, Any]:
    return {
        "id": f"outputitem_{number}",
        "object": OBJECT,
        "run_id": "evalrun_1",
        "eval_id": "eval_1",
        "status": "pass" if is_passed else "fail",
        "datasource_item_id": number,
        "datasource_item": {"question": "Name a moon of Jupiter."},
        "results": [{"name": "grader", "passed": is_passed, "score": float(is_passed)}],
        "sample": {
            "input": [{"role": "user", "content": "Name a moon of Jupiter."}],
            "output": [{"role": "assistant", "content": answer}],
            "finish_reason": "stop",
            "model": "gpt-4o",
        },
    }


class OpenaiEvals(Export):
    """What a run of an eval made of each item: the input, the model's answer and whether its graders passed it."""

    origin: ClassVar[str] = "OpenAI Evals API: output items of a run, as a list or as pages with `data`"
    seen: ClassVar[str] = "OpenAI's API reference, output items, and the types of its clients"
    verified: ClassVar[Literal["data", "schema"]] = "schema"
    settled: ClassVar[tuple[str, ...]] = ("results.*.passed", "results.*.score")
    example: ClassVar[dict[str, Any]] = {
        "settings": {},
        "preferences": [("Io.", "The Sun.")],
        "rows": [_item(1, "The Sun.", False), _item(2, "Io.", True)],
    }
    further_examples: ClassVar[dict[str, Any]] = {
        "A page of output items": {
            "preferences": [("Io.", "The Sun.")],
            "rows": [
                {"object": "list", "data": [_item(1, "The Sun.", False), _item(2, "Io.", True)], "has_more": False}
            ],
        }
    }

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> Proposal | None:
        """Items whose `object` is eval.run.output_item, or a page of them."""
        is_page = have_paths(rows, "data") and all(row.get("object") == "list" for row in rows)
        items = rows_inside(rows, "data") if is_page else list(rows)
        if not items or not all(item.get("object") == OBJECT for item in items):
            return None
        source = {"records": "data"} if is_page else {}
        if not have_paths(items, "sample.input", "sample.output.0.content", "status"):
            why = "these are output items of OpenAI Evals without a sample: the graders judged given texts"
            return Proposal(None, {}, 0.0, [why])
        graders = distinct(values_at(items_at(items, "results"), "name"))
        doubts = ["graders decide what passes; most are models or rules, not people"]
        if len(graders) > 1:
            doubts.append(f"an item passes if all graders pass it: {', '.join(map(str, graders))}")
        mapping = {
            "prompt": "sample.input",
            "response": "sample.output.0.content",
            "label": "status",
            "up": ["pass", "passed"],
            "down": ["fail", "failed"],
        }
        return Proposal(
            "thumbs", mapping, 0.95, ["'status' says whether the graders passed the sample"], doubts, source
        )
