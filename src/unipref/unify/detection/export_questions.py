"""Proposes a mapping for exports of labelling tools: text fields, and questions that people answered about them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from unipref.core.contracts import Proposal
from unipref.unify.detection.export_fields import find_roles, find_side_codes, find_verdicts, names_better
from unipref.unify.detection.export_rows import list_values
from unipref.unify.detection.guess import PLACEHOLDER, path_setting, quote_names
from unipref.unify.mapping.item_filter import BESIDE

Kind = Literal["choice", "score", "order", "other"]
"""What the answers to a question are: labels, numbers, orders of the texts, or anything else."""
MAX_LABELS = 12
"""Most different answers of a question of choice; more are free texts."""
RIGHT, ASKED = 0.95, 0.85
"""Confidence of an entry without and with questions."""


@dataclass(frozen=True)
class Question:
    """One question of a labelling task.

    Attributes:
        name: as in the tool.
        kind: what its answers are: a label, a number, an order of the texts, or anything else.
        values: the different answers in these rows.
        people: path of the list of what each person said.
        inside: path of the answer inside an item of that list; empty if the item is the answer.
        where: which items of that list to read.
        where_inside: further lists inside an item, and which of their items to read.
        most: most people that answered about one text, in these rows.
        is_about_better: whether the answer is known to name the better text.
        better: which end of its numbers is better, if the tool says so.
    """

    name: str
    kind: Kind
    values: Sequence[Any]
    people: str
    inside: str
    where: dict[str, Any] = field(default_factory=dict)
    where_inside: dict[str, Any] = field(default_factory=dict)
    most: int = 1
    is_about_better: bool = False
    better: str | None = None

    @property
    def path(self) -> str:
        """The path of the answers of all people."""
        return f"{self.people}.*.{self.inside}" if self.inside else self.people

    @property
    def is_read_in_rows(self) -> bool:
        """Whether each person's answer has to be a row of its own, because a label is one value."""
        return self.most > 1 or not self.inside

    @property
    def filters(self) -> dict[str, Any]:
        """The setting `where_items` for the answers of all people."""
        inside = {f"{self.people}.*.{path}": where for path, where in self.where_inside.items()}
        return {**({self.people: self.where} if self.where else {}), **inside}


def classify(values: Sequence[Any]) -> Kind:
    """Says what the answers to a question are."""
    if not values:
        return "other"
    if all(isinstance(v, list) and v and all(isinstance(one, dict) and "rank" in one for one in v) for v in values):
        return "order"
    if all(isinstance(v, dict) and {*v} == {"rank", "value"} for v in values):
        return "order"  # a list of mappings that was stored by column
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        return "score"
    texts = {v for v in values if isinstance(v, str)}
    if len(texts) == len({repr(v) for v in values}) <= MAX_LABELS and max(map(len, texts)) <= 60:
        return "choice"
    return "other"


def propose_for_questions(tool: str, fields: Sequence[str], at: str, questions: Sequence[Question]) -> Proposal:
    """Proposes how to read text fields with answered questions.

    Args:
        tool: its name, for the reasons.
        fields: the names of the text fields.
        at: the path of the fields with a dot at its end, or empty.
        questions: those that people answered.
    """
    roles = find_roles(fields)
    judging = [q for q in questions if q.kind in ("choice", "score", "order")]
    unread = [q for q in questions if q not in judging]
    doubts = [f"the question '{q.name}' is not read" for q in unread]
    if not judging:
        reason = f"this is an export of {tool}, but none of its questions compares or scores a text"
        return Proposal(None, {}, 0.0, [reason], doubts)
    prompt: Any = path_setting([at + name for name in roles.prompt]) if roles.prompt else PLACEHOLDER
    if not roles.prompt:
        doubts.append(f"which of {quote_names(fields)} is the prompt")
    if len(roles.prompt) > 1:
        doubts.append(f"the prompt is made of {quote_names(roles.prompt)}")
    answers = [at + name for name in roles.answers]
    chosen = _choose(judging, len(answers))
    is_ambiguous = len(chosen) > 1 and chosen[0].kind != "score"
    if is_ambiguous:
        doubts.append(f"which of the questions {quote_names(q.name for q in chosen)} says which answer is good")
    doubts += [f"the question '{q.name}' ({list_values(q.values)}) is not read" for q in judging if q not in chosen]
    why = [f"'{q.name}' is a question of {tool} with the answers {list_values(q.values)}" for q in chosen]
    format_name, mapping, more = _judge(chosen, answers, roles.answers, prompt)
    if mapping.get("response") == PLACEHOLDER:
        more.append(f"which of {quote_names(fields)} holds the judged answer")
    doubts += more
    source: dict[str, Any] = {}
    if len(mapping.get("scores", {})) > 1:
        source["axis"] = PLACEHOLDER
        doubts.append(f"which of {quote_names(q.name for q in chosen)} decides")
    if "label" in mapping and not is_ambiguous and chosen[0].is_read_in_rows:
        source["records"] = chosen[0].people
    elif not is_ambiguous and (filters := {path: where for q in chosen for path, where in q.filters.items()}):
        mapping["where_items"] = filters
    is_open = f"'{PLACEHOLDER}'" in str((mapping, source))
    return Proposal(format_name, mapping, ASKED if is_open else RIGHT, why, doubts, source)


def _judge(
    chosen: Sequence[Question], answers: Sequence[str], names: Sequence[str], prompt: Any
) -> tuple[str, dict[str, Any], list[str]]:
    """Returns format, settings and doubts of the questions to read.

    Args:
        chosen: the questions.
        answers: the paths of the answers.
        names: the names of the answers.
        prompt: the setting of the prompt.
    """
    if chosen[0].kind == "order":
        return _judge_all(chosen, answers, names, prompt)
    if len(answers) == 2 or (len(answers) != 1 and all(q.is_about_better for q in chosen)):
        return _judge_two(chosen, answers, names, prompt)
    return _judge_one(chosen, answers[0] if len(answers) == 1 else PLACEHOLDER, prompt)


def _choose(questions: Sequence[Question], n_answers: int) -> list[Question]:
    """Returns the questions to read: orders, those that name the better text, all scores, or all choices."""
    rankings = [q for q in questions if q.kind == "order"]
    better = [q for q in questions if q.kind == "choice" and (q.is_about_better or names_better(q.name))]
    scores = [q for q in questions if q.kind == "score"]
    if n_answers != 1 and rankings:
        return rankings
    if n_answers != 1 and better:
        return better
    if n_answers == 1 and scores:
        return scores
    return [q for q in questions if q.kind == "choice"] or list(questions[:1])


def _judge_one(questions: Sequence[Question], answer: str, prompt: Any) -> tuple[str, dict[str, Any], list[str]]:
    """Returns format, settings and doubts of questions about one answer."""
    base = {"prompt": prompt, "response": answer}
    if questions[0].kind == "score":
        axes, doubts = {}, []
        for q in questions:
            axes[q.name] = {"field": q.path, "better": q.better or PLACEHOLDER}
            doubts.append(f"whether a high '{q.name}' is better, and its range: declare 'low' and 'high'")
        return "ratings", {**base, "scores": axes}, doubts
    question = questions[0]
    if len(questions) > 1:
        return "thumbs", {**base, "label": PLACEHOLDER, "up": [PLACEHOLDER], "down": [PLACEHOLDER]}, []
    verdicts = find_verdicts(question.values, question.name)
    if not question.is_read_in_rows:
        label = f"{question.people}.0.{question.inside}"
        return "thumbs", {**base, "label": label, **verdicts.settings}, verdicts.doubts
    # One row per person: a list of verdicts on one answer is no label of one row.
    base = {"prompt": _in_parent(prompt), "response": _in_parent(answer)}
    inner = {path: condition for path, condition in question.where.items() if not path.startswith(BESIDE)}
    conditions: dict[str, Any] = {"where": inner} if inner else {}
    conditions |= {"where_items": question.where_inside} if question.where_inside else {}
    return "thumbs", {**base, "label": question.inside or "value", **verdicts.settings, **conditions}, verdicts.doubts


def _in_parent(paths: Any) -> Any:
    """Returns paths in the row around the list of people."""
    if isinstance(paths, list):
        return [_in_parent(path) for path in paths]
    return paths if paths == PLACEHOLDER else f"parent.{paths}"


def _judge_two(
    questions: Sequence[Question], answers: Sequence[str], names: Sequence[str], prompt: Any
) -> tuple[str, dict[str, Any], list[str]]:
    """Returns format, settings and doubts of a question about two answers."""
    question = questions[0]
    if len(questions) > 1:
        first, second = answers if len(answers) == 2 else (PLACEHOLDER, PLACEHOLDER)
        values = {value: PLACEHOLDER for q in questions for value in q.values}
        return "votes", {"prompt": prompt, "first": first, "second": second, "votes": PLACEHOLDER, "codes": values}, []
    about_better = question.is_about_better or names_better(question.name)
    codes = find_side_codes(question.values, names, about_better)
    asked = [value for value, side in codes.items() if side == PLACEHOLDER]
    doubts = [f"which answer is better if '{question.name}' is {value!r}" for value in asked]
    first, second = answers if len(answers) == 2 else (PLACEHOLDER, PLACEHOLDER)
    if len(answers) != 2:
        doubts.append("which fields hold the two answers")
    mapping = {"prompt": prompt, "first": first, "second": second, "votes": question.path, "codes": codes}
    return "votes", mapping, doubts


def _judge_all(
    questions: Sequence[Question], answers: Sequence[str], names: Sequence[str], prompt: Any
) -> tuple[str, dict[str, Any], list[str]]:
    """Returns format, settings and doubts of a question that orders all answers by their fields' names."""
    question = questions[0]
    mapping: dict[str, Any] = {"prompt": prompt, "answers": list(answers), "key": [{"text": name} for name in names]}
    doubts = [f"rank 1 in '{question.name}' is taken as the best"]
    if len(questions) > 1 or question.most > 1:
        mapping |= {"ranks": PLACEHOLDER, "ranks_key": PLACEHOLDER, "better": "low"}
        place = f"{question.people}.0.{question.inside}.*"
        doubts.append(f"whose order to read: 'ranks' is for example {place}.rank, 'ranks_key' {place}.value")
        return "ranking", mapping, doubts
    order = f"{question.people}.0.{question.inside}" if question.inside else f"{question.people}.0"
    order += "" if isinstance(question.values[0], dict) else ".*"
    return "ranking", {**mapping, "ranks": f"{order}.rank", "ranks_key": f"{order}.value", "better": "low"}, doubts
