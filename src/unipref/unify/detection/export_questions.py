"""Proposes a mapping for exports of labelling tools: text fields, and questions that people answered about them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from unipref.core.contracts import Proposal
from unipref.core.records import Row
from unipref.unify.detection.columns import make_column
from unipref.unify.detection.concerns import (
    Concern,
    ask_about,
    find_concerns,
    find_rank_concerns,
    judges_prompt,
)
from unipref.unify.detection.export_fields import (
    Roles,
    find_option_labels,
    find_roles,
    find_side_codes,
    find_strengths,
    find_verdicts,
    may_judge,
    names_better,
)
from unipref.unify.detection.export_rows import find_dialogues, have_several_answers, list_values, values_at
from unipref.unify.detection.guess import PLACEHOLDER, path_setting, quote_names
from unipref.unify.detection.name_words import split_words
from unipref.unify.detection.questions import Question
from unipref.unify.detection.score_bounds import guess_bounds

RIGHT, ASKED = 0.95, 0.85
"""Confidence of an entry without and with questions."""
NO_RIVALS = "no prompt has two answers in these rows, so their scores cannot be compared"


def propose_for_questions(
    tool: str, rows: Sequence[Row], fields: Sequence[str], at: str, questions: Sequence[Question]
) -> Proposal:
    """Proposes how to read text fields with answered questions.

    Args:
        tool: its name, for the reasons.
        rows: the first rows.
        fields: the names of the text fields.
        at: the path of the mapping that holds the fields; empty for the row.
        questions: those that people answered.
    """
    roles = find_roles(values_at(rows, at) if at else rows, fields)
    questions = [_name_order(question, fields) for question in questions]
    before = f"{at}." if at else ""
    judging = [q for q in questions if q.kind in ("choice", "score", "order", "names")]
    judging = judging or [q for q in questions if q.kind == "labels" and len(roles.answers) == 1]
    unread = [q for q in questions if q not in judging]
    doubts = [f"the question '{q.name}' is not read" for q in unread]
    if not judging:
        reason = (
            f"this is an export of {tool}, but unipref knows no way to read answers to any of its questions: export a "
            "table with one column per question, or write the entry yourself (docs/formats.md)"
        )
        return Proposal(None, {}, 0.0, [reason], doubts)
    base: dict[str, Any] = {"prompt": PLACEHOLDER}
    dialogues = [] if roles.prompt else find_dialogues(values_at(rows, at) if at else rows)
    if prompt := roles.prompt or (dialogues if len(dialogues) == 1 else []):
        base["prompt"] = path_setting([before + name for name in prompt])
    else:
        doubts.append(f"which of {quote_names([*fields, *dialogues])} is the prompt")
    if len(roles.prompt) > 1:
        doubts.append(f"the prompt is made of {quote_names(roles.prompt)}")
    chosen = _choose(judging, roles.answers)
    roles = _take_ordered_fields(roles, fields, chosen)
    answers = [before + name for name in roles.answers]
    is_ambiguous = len(chosen) > 1 and chosen[0].kind != "score"
    if is_ambiguous:
        doubts.append(f"which of the questions {quote_names(q.name for q in chosen)} says which answer is good")
    doubts += [f"the question '{q.name}' ({q.shown}) in '{q.people}' is not read" for q in judging if q not in chosen]
    doubts += [doubt for q in chosen for doubt in q.doubts]
    why = [f"'{q.name}' is a question of {tool} with the answers {q.shown}" for q in chosen]
    is_in_one_list = len({q.path for q in chosen}) < len(chosen)
    if is_in_one_list and chosen[0].kind == "score" and len(answers) > 1:
        names = quote_names(q.name for q in chosen)
        doubts.append(f"the results of {names} stand in one list: export a table with a column for each")
        return Proposal(None, {}, 0.0, why, doubts)
    format_name, mapping, more = _judge(chosen, answers, roles, base, rows)
    mapping, concerns = ask_about(mapping, _find_concerns(format_name, chosen))
    more = [*more, *concerns]
    mapping |= {"system": before + roles.system} if roles.system else {}
    if mapping.get("response") == PLACEHOLDER:
        more.append(f"which of {quote_names(fields)} holds the judged answer")
    doubts += more
    source: dict[str, Any] = {}
    filters = {path: where for q in chosen for path, where in q.filters.items()}
    if is_in_one_list:
        mapping, filters = _ask_for_name(mapping, filters, chosen)
        doubts.append(f"which of {quote_names(q.name for q in chosen)} to read: their results stand in one list")
    elif len(mapping.get("scores", {})) > 1:
        source["axis"] = PLACEHOLDER
        doubts.append(f"which of {quote_names(q.name for q in chosen)} decides")
    # Also of a question that the user has to choose: drafts and discarded answers count in none.
    mapping |= {"where_items": filters} if filters else {}
    is_open = f"'{PLACEHOLDER}'" in str((mapping, source))
    return Proposal(format_name, mapping, ASKED if is_open else RIGHT, why, doubts, source)


def _find_concerns(format_name: str, questions: Sequence[Question]) -> dict[str, Concern]:
    """Returns the questions that may not say which answer is better, by their names or because of what they are about.

    A fault with two values, such as `toxic`, is no concern: `find_verdicts` reads it or asks.
    """
    if format_name == "ranking":
        return find_rank_concerns(q.name for q in questions)
    if format_name in ("thumbs", "ratings"):
        return {q.name: "prompt" for q in questions if q.is_about_prompt or judges_prompt(q.name)}
    # The direction of a score of each answer is a question of its own.
    is_scored = any(q.kind == "score" for q in questions)
    return {} if is_scored else find_concerns((q.name for q in questions), with_prompt=False)


def _ask_for_name(
    mapping: dict[str, Any], filters: dict[str, Any], chosen: Sequence[Question]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the settings and filters of questions whose answers stand in one list: the user chooses one by name."""
    path = chosen[0].path
    settings = {key: path if key in ("label", "votes") else value for key, value in mapping.items()}
    if "scores" in settings:
        settings["scores"] = {"score": {"field": path, "better": PLACEHOLDER}}
    by_name = {
        at: {name: PLACEHOLDER if name == "from_name" else values for name, values in where.items()}
        for at, where in filters.items()
    }
    return settings, by_name


def _judge(
    chosen: Sequence[Question], answers: Sequence[str], roles: Roles, base: dict[str, Any], rows: Sequence[Row]
) -> tuple[str, dict[str, Any], list[str]]:
    """Returns format, settings and doubts of the questions to read.

    Args:
        chosen: the questions.
        answers: the paths of the answers.
        roles: which fields hold prompt and answers.
        base: the setting of the prompt.
        rows: the first rows.
    """
    if chosen[0].kind == "order":
        return _judge_all(chosen, answers, roles.answers, base)
    if chosen[0].kind == "names":
        return _judge_lists(chosen, answers, roles.answers, base)
    if chosen[0].kind == "score" and len(answers) > 1:
        return _judge_by_scores(chosen, answers, roles.answers, base)
    if len(answers) > 2 and len(chosen) == 1 and names_better(chosen[0].name):
        return _judge_options(chosen[0], answers, roles.answers, base)
    if len(answers) == 2 or (len(answers) != 1 and all(q.is_about_better for q in chosen)):
        return _judge_two(chosen, answers, roles, base)
    return _judge_one(chosen, {**base, "response": answers[0] if len(answers) == 1 else PLACEHOLDER}, rows)


def _choose(questions: Sequence[Question], answers: Sequence[str]) -> list[Question]:
    """Returns the questions to read: orders, those that name the better text, all scores, or all choices.

    Args:
        questions: those that judge.
        answers: the names of the answers.
    """
    n_answers = len(answers)
    about_answers = [q for q in questions if not (q.is_about_prompt or judges_prompt(q.name))]
    questions = about_answers if n_answers == 1 and about_answers else questions
    rankings = [q for q in questions if q.kind == "order"] or [q for q in questions if q.kind == "names"]
    better = [q for q in questions if q.kind == "choice" and (q.is_about_better or names_better(q.name))]
    scores = [q for q in questions if q.kind == "score"]
    if n_answers != 1 and rankings:
        return rankings
    if n_answers != 1 and better:
        return better
    if n_answers == 1 and scores:
        return scores
    if n_answers > 1 and (rated := [q for axis in _find_axes(scores, answers).values() for q in axis]):
        return rated
    choices = [q for q in questions if q.kind == "choice"]
    return [q for q in choices if may_judge(q.name, q.values)] or choices or list(questions[:1])


def _find_axes(questions: Sequence[Question], names: Sequence[str]) -> dict[str, list[Question]]:
    """Returns what is left of the names of questions without the mark of an answer -> the questions, one per answer.

    So `quality_a` and `quality_b` belong to `answer_a` and `answer_b`.
    """
    words = [{*split_words(name)} for name in names]
    marks = [own - set.union(set(), *(other for other in words if other is not own)) for own in words]
    axes: dict[str, dict[int, Question]] = {}
    for question in questions:
        of_question = split_words(question.name)
        owners = [place for place, own in enumerate(marks) if own & {*of_question}]
        if len(owners) == 1:
            axis = "_".join(word for word in of_question if word not in marks[owners[0]]) or "score"
            axes.setdefault(axis, {})[owners[0]] = question
    return {
        axis: [by_answer[place] for place in range(len(names))]
        for axis, by_answer in axes.items()
        if len(by_answer) == len(names)
    }


def _judge_by_scores(
    questions: Sequence[Question], answers: Sequence[str], names: Sequence[str], base: dict[str, Any]
) -> tuple[str, dict[str, Any], list[str]]:
    """Returns format, settings and doubts of scores beside several answers: one per answer, or a grade between two."""
    if axes := _find_axes(questions, names):
        scores = {
            axis: {"field": [q.path for q in several], "better": several[0].better or PLACEHOLDER}
            for axis, several in axes.items()
        }
        doubts = [f"whether a high '{axis}' is better, and its range: declare 'low' and 'high'" for axis in axes]
        return "rated_list", {**base, "answers": list(answers), "scores": scores}, doubts
    question = questions[0]
    if len(answers) > 2 or len(questions) > 1:
        scores = {"score": {"field": PLACEHOLDER, "better": PLACEHOLDER}}
        doubts = [f"which of the answers each of {quote_names(q.name for q in questions)} scores"]
        return "rated_list", {**base, "answers": list(answers), "scores": scores}, doubts
    scale = {"first": PLACEHOLDER, "second": PLACEHOLDER}
    doubts = [f"which end of '{question.name}' ({list_values(question.values)}) means that the first answer is better"]
    mapping = {**base, "first": answers[0], "second": answers[1], "grade": question.path, "scale": scale}
    return "graded_pair", mapping, doubts


def _judge_one(
    questions: Sequence[Question], base: dict[str, Any], rows: Sequence[Row]
) -> tuple[str, dict[str, Any], list[str]]:
    """Returns format, settings and doubts of questions about one answer."""
    if questions[0].kind == "score":
        are_rivals = have_several_answers(rows, base["prompt"], base["response"])
        if len(questions) > 1 and not are_rivals:
            doubts = [f"which of {quote_names(q.name for q in questions)} to read, and which of its numbers are good"]
            return "thumbs", {**base, "label": PLACEHOLDER, "up": PLACEHOLDER, "down": PLACEHOLDER}, doubts
        if not are_rivals:
            q = questions[0]
            settings, doubts = ask_for_bounds(q.name, [v for v in q.values if isinstance(v, int | float)], q.better)
            return "thumbs", {**base, "label": q.path, **settings}, doubts
        axes, doubts = {}, []
        for q in questions:
            is_about_prompt = q.is_about_prompt or judges_prompt(q.name)
            better = PLACEHOLDER if is_about_prompt else q.better
            axes[q.name] = {"field": q.path, "better": better or PLACEHOLDER}
            doubts.append(f"whether a high '{q.name}' is better, and its range: declare 'low' and 'high'")
        return "ratings", {**base, "scores": axes}, doubts
    question = questions[0]
    if len(questions) > 1:
        return "thumbs", {**base, "label": PLACEHOLDER, "up": PLACEHOLDER, "down": PLACEHOLDER}, []
    if question.kind == "labels":
        doubts = [f"which of {list_values(question.labels)} in '{question.name}' are praise: a person can tick several"]
        path = f"{question.path}.*" if question.inside else f"{question.people}.*.*"
        return "thumbs", {**base, "label": path, "up": PLACEHOLDER, "down": PLACEHOLDER}, doubts
    verdicts = find_verdicts(question.values, question.name)
    return "thumbs", {**base, "label": question.path, **verdicts.settings}, verdicts.doubts


def ask_for_bounds(name: str, numbers: Sequence[float], better: str | None) -> tuple[dict[str, Any], list[str]]:
    """Returns `up` and `down` as questions, and the doubt, for scores of answers that have no rival to compare with.

    Args:
        name: of the score.
        numbers: its different values.
        better: high or low, if that is certain.
    """
    score = make_column(name, list(enumerate(numbers)), max(len(numbers), 1))
    if better == "high" and score.numbers and guess_bounds(score)[0]["up"] == PLACEHOLDER:
        span = f"here {min(score.numbers):g} to {max(score.numbers):g}"
        settings = {"up": {"at_least": PLACEHOLDER}, "down": {"at_most": PLACEHOLDER}}
        return settings, [f"from which '{name}' on an answer is good, and up to which it is bad ({span}): {NO_RIVALS}"]
    if not score.numbers:
        return {"up": PLACEHOLDER, "down": PLACEHOLDER}, [f"which values of '{name}' are good: {NO_RIVALS}"]
    settings, doubts = guess_bounds(score)
    return settings, [*doubts, NO_RIVALS]


def _judge_two(
    questions: Sequence[Question], answers: Sequence[str], roles: Roles, base: dict[str, Any]
) -> tuple[str, dict[str, Any], list[str]]:
    """Returns format, settings and doubts of a question about two answers."""
    question = questions[0]
    first, second = answers if len(answers) == 2 else (PLACEHOLDER, PLACEHOLDER)
    if len(questions) > 1:
        open_codes = {value: PLACEHOLDER for q in questions for value in q.values}
        return "votes", {**base, "first": first, "second": second, "votes": PLACEHOLDER, "codes": open_codes}, []
    about_better = question.is_about_better or names_better(question.name)
    values = [value for value in question.values if value not in question.sides]
    codes, doubts = find_side_codes(values, question.name, roles.answers, roles.marks, about_better)
    codes = {**question.sides, **codes}
    if len(answers) != 2:
        doubts.append("which fields hold the two answers")
    elif about_better and (strengths := find_strengths(values, roles.answers, roles.marks)):
        return "graded_pair", {**base, "first": first, "second": second, "grade": question.path, "codes": strengths}, []
    return "votes", {**base, "first": first, "second": second, "votes": question.path, "codes": codes}, doubts


def _judge_options(
    question: Question, answers: Sequence[str], names: Sequence[str], base: dict[str, Any]
) -> tuple[str, dict[str, Any], list[str]]:
    """Returns format, settings and doubts of a question that names the best of three or more answers."""
    labels = find_option_labels(question.values, names)
    doubts = [f"which label of '{question.name}' ({list_values(question.values)}) stands for which answer"]
    mapping = {**base, "options": list(answers), "labels": labels or PLACEHOLDER, "answer": question.path}
    return "multiple_choice", mapping, [] if labels else doubts


def _judge_all(
    questions: Sequence[Question], answers: Sequence[str], names: Sequence[str], base: dict[str, Any]
) -> tuple[str, dict[str, Any], list[str]]:
    """Returns format, settings and doubts of a question that orders all answers by their fields' names."""
    question = questions[0]
    mapping: dict[str, Any] = {**base, "answers": list(answers), "key": [{"text": name} for name in names]}
    better = "low"
    doubts = [] if find_rank_concerns([question.name]) else [f"that rank 1 in '{question.name}' is the best"]
    if len(questions) > 1:
        mapping |= {"ranks": PLACEHOLDER, "ranks_key": PLACEHOLDER, "better": better}
        doubts.append(
            f"which order to read: 'ranks' is for example {question.path}.*.rank, 'ranks_key' the same with value"
        )
        return "ranking", mapping, doubts
    # An order is a list of mappings, or a mapping of two lists.
    order = question.path if question.inside else f"{question.people}.*"
    order += "" if isinstance(question.values[0], dict) else ".*"
    return "ranking", {**mapping, "ranks": f"{order}.rank", "ranks_key": f"{order}.value", "better": better}, doubts


def _name_order(question: Question, fields: Sequence[str]) -> Question:
    """Returns a question whose lists hold names of the text fields as an order of them, even if it leaves some out."""
    if question.kind not in ("names", "labels") or not {*question.labels} <= {*fields}:
        return question
    return replace(question, kind="names" if len(question.labels) > 1 else "other")


def _take_ordered_fields(roles: Roles, fields: Sequence[str], chosen: Sequence[Question]) -> Roles:
    """Returns the roles with the fields that a question orders by their names as the answers."""
    names = {name for q in chosen if q.kind == "names" for name in q.labels}
    if not names or not names <= {*fields}:
        return roles
    return replace(roles, prompt=[n for n in roles.prompt if n not in names], answers=[f for f in fields if f in names])


def _judge_lists(
    questions: Sequence[Question], answers: Sequence[str], names: Sequence[str], base: dict[str, Any]
) -> tuple[str, dict[str, Any], list[str]]:
    """Returns format, settings and doubts of a question whose answers are lists of the answers' names in order.

    A tool that lists the best first can still list equal ones, so the order is a question.
    """
    question = questions[0]
    labels = find_option_labels(question.labels, names)
    key: Any = [{"text": label} for label in labels] if labels else PLACEHOLDER
    doubts = [] if labels else [f"which of {list_values(question.labels)} names which answer"]
    doubts.append(f"whether the best answer comes first in '{question.name}': set best_first or worst_first")
    doubts.append("equal answers in a list stand one after the other, as if they were not equal")
    path = question.path if len(questions) == 1 else PLACEHOLDER
    mapping = {**base, "answers": list(answers) or PLACEHOLDER, "key": key, "sequences": path, "order": PLACEHOLDER}
    return "ranking", mapping, doubts
