"""What the names of fields and the words of labels in an export say: prompt, answers, sides and verdicts.

The names and words are those of the detection of unknown files. An export only tells where the fields and the labels
are. What they do not say is a question to the user: a label that is read the wrong way round is worse than one that is
not read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from unipref.core.records import Row
from unipref.unify.detection.column import Column
from unipref.unify.detection.columns import Columns, make_column, split_words
from unipref.unify.detection.concerns import describe_concern, find_concern, judges_prompt
from unipref.unify.detection.export_rows import list_values
from unipref.unify.detection.guess import PLACEHOLDER, quote_names
from unipref.unify.detection.kinds import classify_values
from unipref.unify.detection.names import (
    AMBIGUOUS_NAMES,
    ANSWER_NAMES,
    ANSWERER_NAMES,
    CODE_NAMES,
    GOOD_NAMES,
    HIGH_IS_BETTER,
    JUDGEMENT_NAMES,
    METADATA_NAMES,
    NEUTRAL_NAMES,
    OTHER_TEXT_NAMES,
    PROMPT_NAMES,
    SPEECH_NAMES,
)
from unipref.unify.detection.roles import find_role, is_judgement_name
from unipref.unify.detection.side_codes import guess_side_codes, guess_word_grades, is_winner_name
from unipref.unify.detection.side_words import NOUNS, read_side
from unipref.unify.detection.twins import find_twin_columns
from unipref.unify.detection.two_answers import Sides
from unipref.unify.detection.verdict_codes import TWO_NUMBERS, guess_thumbs, tells_polarity
from unipref.unify.detection.verdict_words import have_verdicts, normalise, read_verdict

DIALOGUE_NAMES = {"conversation", "dialogue", "dialog", "chat", "thread", "transcript"}
"""Words in the names of texts that hold all that was said before an answer."""
REFERENCE_NAMES = {
    *("reference", "ref", "gold", "golden", "expected", "target", "ideal", "ground", "truth", "correct", "true"),
    *("canonical", "official"),
}
"""Words in the names of answers that nobody judged: `correct_answer`."""
CANDIDATE_NAMES = {"candidate", "option"}
"""Words in the names of answers that are compared."""
CLICK_NAMES = {"feedback", "thumb", "thumbs", "vote", "votes", "reaction", "like", "likes", "liked"}
"""Words in the names of what a user clicks on: 1 is thumbs up, if no other word says something else."""
PLAIN_NAMES = NEUTRAL_NAMES | {"end", "client", "score", "value", "is", "was", "up", "app", "chat", "message"}
"""Words beside `CLICK_NAMES` that change nothing."""
COMPARISON_NAMES = {
    *("comparison", "compare", "compared", "pairwise", "pair", "pairs", "pw", "cmp", "ab", "rlhf", "which", "two"),
    *("answers", "responses", "outputs", "models", "task", "question", "q", "is", "by", "eval", "rank", "select"),
}
"""Words in the names of comparisons that say nothing about what is compared."""
SENTIMENTS = {"positive", "negative"}
"""Labels that are as often the sentiment of a text as a verdict on an answer."""


@dataclass(frozen=True)
class Roles:
    """Which fields hold the prompt and the answers.

    Attributes:
        prompt: names, in their order; empty if no name says so.
        answers: names; of two that differ in one mark, the one with the first mark comes first.
        marks: the words in which the names of two answers differ, such as ('a', 'b'); None if there are none.
        system: the name of the system text; None if there is none.
    """

    prompt: list[str]
    answers: list[str]
    marks: tuple[str, str] | None = None
    system: str | None = None


@dataclass(frozen=True)
class Verdicts:
    """The values of a verdict by what they mean, as settings of thumbs, and the doubts about them."""

    settings: dict[str, Any]
    doubts: list[str] = field(default_factory=list)


def find_roles(rows: Iterable[Any], names: Sequence[str]) -> Roles:
    """Sorts text fields into prompt and answers. Names and values say it; fields that say neither are in none of them.

    Args:
        rows: mappings that hold the fields; anything else is passed over.
        names: of the text fields.
    """
    mappings = [row for row in rows if isinstance(row, dict)]
    texts = [_make_text_column(mappings, name) for name in names]
    role_of = {column.path: _find_role(column) for column in texts}
    answers = [column for column in texts if role_of[column.path] == "answer"]
    others = [column for column in texts if role_of[column.path] == "text"]
    columns = Columns([{name: row[name] for name in names if name in row} for row in mappings])
    couple = _find_couple(answers, others, columns) if len(answers) <= 2 else None
    if couple is None and not answers:
        answers = [column for column in others if CANDIDATE_NAMES & {*column.words}]
    first_two, marks = ([c.path for c in couple[:2]], couple[2]) if couple else ([c.path for c in answers], None)
    prompt = [name for name in names if role_of[name] == "prompt" and name not in first_two]
    systems = [name for name in names if role_of[name] == "system" and all(row.get(name) for row in mappings)]
    return Roles(prompt, first_two, marks, systems[0] if systems else None)


def _make_text_column(rows: Sequence[Row], name: str) -> Column:
    """Makes a column of a field that holds text, even if its values look like codes or numbers."""
    held = [(number, row[name]) for number, row in enumerate(rows) if isinstance(row.get(name), str) and row[name]]
    return Column(name, "text", [value for _, value in held], [i for i, _ in held], len(held) / max(len(rows), 1))


def _find_role(column: Column) -> str:
    """Returns the role of a text. `response_model` is a model, `model_response` a response: the last word counts."""
    words = [word for word in column.words if not word.isdigit() and len(word) > 1]
    is_about_text = bool({*words[:-1]} & {*PROMPT_NAMES, *ANSWER_NAMES, *ANSWERER_NAMES})
    if is_about_text and words[-1] in (METADATA_NAMES | {*OTHER_TEXT_NAMES}) - SPEECH_NAMES:
        return "metadata"
    role = find_role(column)
    if role == "answer" and REFERENCE_NAMES & {*words}:
        return "reference"
    is_name = column.is_identifier or column.holds_dates_or_addresses or bool(REFERENCE_NAMES & {*words})
    if role not in ("prompt", "answer", "critique") and words and words[-1] in ANSWER_NAMES and not is_name:
        return "answer"  # in a few words
    return "prompt" if role == "text" and DIALOGUE_NAMES & {*words} else role


def _find_couple(
    answers: Sequence[Column], others: Sequence[Column], columns: Columns
) -> tuple[Column, Column, tuple[str, str]] | None:
    """Returns two texts whose names differ in one word only, in the order of the words, and the words.

    Args:
        answers: the texts whose names say that they answer.
        others: texts whose names do not say what they are. Of `a` and `b`, only one is the short name of an answer.
        columns: of all texts.
    """
    texts = answers if len(answers) == 2 else [*answers, *others]
    twins = find_twin_columns(texts, columns)
    if (couple := next((one for one in twins if not answers or {*answers} & {*one[:2]}), None)) is not None:
        return couple
    if len(answers) != 2:
        return None  # 'german_text' and 'english_text' need not answer one prompt
    one, other = (split_words(column.path) for column in texts)
    differing = [(a, b) for a, b in zip(one, other, strict=False) if a != b]
    # A letter or a number that is not one of the usual marks may count from anywhere.
    if len(one) == len(other) and len(differing) == 1 and all(len(w) > 1 and w.isalpha() for w in differing[0]):
        return texts[0], texts[1], differing[0]
    return None


def names_better(question: str) -> bool:
    """Whether the name of a question says that its answer is the better side: `preferred`, not `least_preferred`."""
    return find_concern(question, with_prompt=False) is None and is_winner_name(
        Column(question.replace(".", "_"), "code", [], [], 0)
    )


def names_comparison(question: str) -> bool:
    """Whether the name of a comparison says which answer is better, or nothing: `preference`, `comparison`, `quality`.

    A comparison called `longer` or `more_toxic` is about something else.
    """
    words = {word for word in split_words(question) if not word.isdigit()}
    if find_concern(question, with_prompt=False) is not None:
        return False
    plain = COMPARISON_NAMES | JUDGEMENT_NAMES | HIGH_IS_BETTER | GOOD_NAMES | NEUTRAL_NAMES | NOUNS
    return not may_blame(question) and (names_better(question) or words <= plain)


def may_judge(question: str, values: Iterable[Any]) -> bool:
    """Whether a question judges a text, according to its name or its labels, rather than sorting the texts."""
    return have_verdicts(values) or is_judgement_name(Column(question.replace(".", "_"), "code", [], [], 0))


def find_side_codes(
    values: Iterable[Any], name: str, answers: Sequence[str], marks: tuple[str, str] | None, is_about_better: bool
) -> tuple[dict[Any, str], list[str]]:
    """Returns value -> first, second, tie or `PLACEHOLDER`, and the doubts.

    Args:
        values: the different labels.
        name: of the label, for doubts.
        answers: the names of the two answers' fields.
        marks: the words in which these names differ; None if there are none.
        is_about_better: whether the label is known to name the better answer. If not, only values that say it
            themselves are certain.
    """
    listed = [value for value in values if isinstance(value, bool | int | float | str)]
    first, second = answers if len(answers) == 2 else (PLACEHOLDER, PLACEHOLDER)
    column = Column(name, classify_values(listed), listed, [*range(len(listed))], 1.0)
    doubts: list[str] = []
    sides = Sides(first, second, [PLACEHOLDER], marks if len(answers) == 2 else None, "")
    codes, _ = guess_side_codes(column, sides, is_about_better, doubts)
    return codes, doubts


def find_strengths(values: Iterable[Any], answers: Sequence[str], marks: tuple[str, str] | None) -> dict[Any, Any]:
    """Returns value -> how much better the first of two answers is, if all labels say it themselves; else nothing.

    Args:
        values: the different labels, such as 'A is much better'.
        answers: the names of the two answers' fields.
        marks: the words in which these names differ; None if there are none.
    """
    words = {value: read_side(value, marks, answers) for value in values if isinstance(value, str)}
    sided = [word for word in words.values() if word.side in ("first", "second")]
    if None in [word.side for word in words.values()] or not all(word.speaks and word.strength for word in sided):
        return {}
    return guess_word_grades(words) if len({word.strength for word in sided}) > 1 else {}


def find_option_labels(values: Iterable[Any], answers: Sequence[str]) -> list[str] | None:
    """Returns the label of each of several answers; None unless the labels repeat their names, or their marks.

    Args:
        values: the different labels.
        answers: the names of the answers' fields.
    """
    labels = {str(value).strip() for value in values}
    if labels <= {*answers}:
        return list(answers)
    words = [split_words(name) for name in answers]
    marks = [[word for word in own if not all(word in other for other in words)] for own in words]
    if any(len(mark) != 1 for mark in marks):
        return None
    options = [mark[0] for mark in marks]
    if len({*options}) < len(options):
        return None
    for spelled in (options, [option.upper() for option in options]):
        if labels <= {*spelled}:
            return spelled
    return None


def find_verdicts(values: Sequence[Any], name: str) -> Verdicts:
    """Sorts the values of a verdict into the settings `up`, `down` and `neutral` of thumbs.

    Args:
        values: the different values.
        name: the verdict's name, for doubts and for values that say nothing without it, such as yes and 1.
    """
    if judges_prompt(name):
        return Verdicts({"up": PLACEHOLDER, "down": PLACEHOLDER}, [describe_concern(name, "prompt")])
    if _may_be_a_class(values, name):
        doubts = [f"whether {list_values(values)} in '{name}' judge the answer, or say what the text is like"]
        return Verdicts({"up": PLACEHOLDER, "down": PLACEHOLDER}, doubts)
    others = [value for value in values if isinstance(value, str) and read_verdict(value) is None]
    judging = [value for value in values if value not in others]
    doubts = []
    if others and have_verdicts(judging):
        doubts = [f"rows with {quote_names(others)} in '{name}' are rejected: they hold no verdict"]
        values = judging
    # A name with dots is whole: in 'negative.feedback', both words count.
    label = make_column(name.replace(".", "_"), list(enumerate(values)), len(values))
    settings, more = _sort_verdicts(label)
    missing = [side for side in ("up", "down") if settings.get(side) == PLACEHOLDER]
    if len(missing) == 1:
        more = [*more, f"only {', '.join(map(str, values))} occur in '{name}' in these rows: fill in the other side"]
    return Verdicts(settings, [*doubts, *(doubt.replace(f"'{label.path}'", f"'{name}'") for doubt in more)])


def _may_be_a_class(values: Iterable[Any], name: str) -> bool:
    """Whether labels such as positive may be the sentiment of a text, because their name says nothing."""
    words = {normalise(value) for value in values if isinstance(value, str)}
    return bool(words & SENTIMENTS) and {*split_words(name)} <= {*CODE_NAMES, "options", "choice", "category"}


def _sort_verdicts(label: Column) -> tuple[dict[str, Any], list[str]]:
    """Returns the settings of a verdict and the doubts. Of numbers, only a name that praises tells which is good."""
    if (label.numbers or label.kind == "flag") and may_blame(label.name):
        # Some tools score an answer with 1 if it has the fault, others if it is free of it.
        values = ", ".join(label.distinct_values)
        return {"up": PLACEHOLDER, "down": PLACEHOLDER}, [f"which of {values} in '{label.path}' is thumbs up"]
    if (
        {*label.numbers} in TWO_NUMBERS
        and not tells_polarity(label)
        and names_praise(label.name, -1.0 in label.numbers)
    ):
        other = -1 if min(label.numbers) < 0 else 0
        neutral = {"neutral": [0]} if {*label.numbers} == {-1.0, 0.0, 1.0} else {}
        doubt = f"1 in '{label.path}' counts as thumbs up, {other} as thumbs down"
        return {"up": [1], "down": [other], **neutral}, [doubt]
    return guess_thumbs(label)


def names_praise(name: str, is_signed: bool = False) -> bool:
    """Whether the name of a number says that a high one is praise: `user-feedback`, `correctness`, not `complaint`.

    Args:
        name: of the number.
        is_signed: whether it can be negative: then a rating is a click too.
    """
    words = {*split_words(name)}
    praise = CLICK_NAMES | HIGH_IS_BETTER | ({"rating"} if is_signed else set())
    return not may_blame(name) and not judges_prompt(name) and bool(words & praise) and words <= praise | PLAIN_NAMES


def may_blame(name: str) -> bool:
    """Whether a name may be that of a fault, or of the worse side: `hallucination`, `not_helpful`, `worse_answer`."""
    return find_concern(name, with_prompt=False) == "blame" or bool({*split_words(name)} & AMBIGUOUS_NAMES)
