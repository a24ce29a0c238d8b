"""Decides whether the name of a judgement, or the question that it answers, may not say which answer is better.

A name can blame (`worst_votes`, `toxicity_rank`), judge the prompt (`question_quality`), or compare by something else
than quality (`longer`, `search_rank`). Then a proposal asks what the values mean: an answer that is read the wrong way
round is worse than one that is not read.
"""

import functools
import itertools
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from unipref.unify.detection.foreign_names import to_english
from unipref.unify.detection.name_words import split_words
from unipref.unify.detection.names import (
    AMBIGUOUS_NAMES,
    ANSWER_NAMES,
    ANSWERER_NAMES,
    BAD_NAMES,
    GOOD_NAMES,
    HIGH_IS_BETTER,
    LOW_IS_BETTER,
    NEGATIONS,
    NEUTRAL_NAMES,
    PEOPLE,
    SCORE_NAMES,
    VERDICT_NAMES,
)
from unipref.unify.detection.side_words import WORSE

PLACEHOLDER = "?"
"""Marks what the data do not tell in a proposed mapping; a study file that still contains it is an error."""
Concern = Literal["blame", "prompt", "other"]
BLAME = (
    BAD_NAMES
    | WORSE
    | (LOW_IS_BETTER - {"rank"})
    | NEGATIONS
    | {"down", "thumbsdown", "lowest", "poor", "poorest", "poorer", "weak", "weakest", "hate", "hated", "hateful"}
    | {"spam", "spammy", "rude", "lazy", "sloppy", "evil", "nonsense", "problematic", "difficulty", "difficult", "hard"}
    | {"harder", "hardest", "boring", "evasive", "refusal", "refused", "preachy", "sycophantic", "overconfident"}
    | {"wordy", "discarded", "discard", "avoid", "avoided", "eliminated", "losing", "losers", "bottom"}
)
"""Words that name a fault, the worse side, or the opposite of praise."""
BLAME_STEMS = (
    *("toxi", "hallucinat", "offens", "abus", "danger", "mislead", "annoy", "confus", "fabricat", "insult", "racis"),
    *("sexis", "bigot", "stereotyp", "violen", "complain", "mistak", "flaw", "defect", "violat", "dislik", "disagree"),
    *("dissatisf", "disappoint", "reject", "downvot", "worse", "worst", "harm", "bad", "incorrect", "inaccura"),
    *("irrelevan", "incoheren", "inconsisten", "unsafe", "malicious", "deceptiv", "manipulat", "wrong", "risk"),
)
"""Beginnings of such words."""
NO_BLAME = {"harmless", "harmlessness", "harmony", "badge", "badges"}
NEGATIVE_BEGINNINGS = ("un", "in", "im", "ir", "dis", "mis", "non", "il")
ADJECTIVES = {
    *("clear", "true", "natural", "fair", "kind", "polite", "friendly", "reliable", "trust", "complete", "consistent"),
    *("precise", "pleasant", "readable", "logical", "liked", "trustworthy", "informative", "truthful", "ethical"),
    *("convincing", "interesting", "responsive", "informed", "leading", "desired", "wanted", "professional"),
}
"""Words of praise that turn into blame with a beginning such as 'un'."""
OTHER = {
    *("longer", "longest", "shorter", "shortest", "long", "short", "length", "lengths", "verbose", "verbosity", "len"),
    *("search", "retrieval", "retrieved", "retriever", "bm25", "google", "seo", "popularity", "popular", "random"),
    *(
        "alphabetical",
        "alphabet",
        "lexical",
        "chronological",
        "date",
        "newest",
        "oldest",
        "latest",
        "recent",
        "recency",
    ),
    *("newer", "older", "earlier", "later", "speed", "faster", "fastest", "slower", "slowest", "latency", "cost"),
    *("cheaper", "cheapest", "expensive", "price", "tokens", "token", "size", "bigger", "biggest", "smaller", "larger"),
    *("largest", "smallest", "display", "displayed", "shown", "screen", "position", "layout", "likelihood", "logprob"),
    *("logprobs", "probability", "similarity", "similar", "formal", "formality", "simpler", "simplest", "complexity"),
    *("complex", "priority", "urgency", "frequency", "readability", "funny", "humor", "humour", "creative", "page"),
    *("creativity", "detailed", "detail", "details", "words", "chars", "characters", "duration", "time", "seconds"),
    *("insertion", "index", "machine", "certainty", "diversity", "novelty", "original", "alexa"),
    *("warmer", "colder", "stricter", "louder", "softer", "denser", "brief", "briefer", "brevity", "terse", "concise"),
}
"""Words that compare answers by something that need not be their quality."""
NO_COMPARATIVES = {
    *("tier", "supplier", "carrier", "courier", "identifier", "classifier", "verifier", "modifier", "multiplier"),
    *("frontier", "premier", "cashier", "barrier", "outlier", "qualifier", "specifier", "notifier", "amplifier"),
}
PRAISE = (
    GOOD_NAMES
    | HIGH_IS_BETTER
    | {*VERDICT_NAMES}
    | {"useful", "interesting", "convincing", "complete", "clear", "readable", "natural", "professional", "friendly"}
    | {"voted", "rated", "satisfying", "logical", "polite", "harmless", "informative", "trustworthy", "reliable"}
)
"""Words after which 'more' or 'most' still praises."""
PROMPT_WORDS = {
    *("prompt", "prompts", "question", "questions", "query", "queries", "instruction", "instructions", "request"),
    *("requests", "input", "inputs", "post", "enquiry", "inquiry", "asker"),
}
ANSWER_WORDS = {*ANSWER_NAMES, *ANSWERER_NAMES, "answers", "responses", "completions", "replies", "summaries", "text"}
PLAIN = (
    NEUTRAL_NAMES
    | SCORE_NAMES
    | ANSWER_WORDS
    | PRAISE
    | {*PEOPLE, "users", "people", "crowd", "person", "reader", "readers", "client", "by", "in", "from", "given", "is"}
    | {"number", "num", "count", "app", "chat", "feedback", "review", "reviews", "sum", "left"}
    | {"right", "first", "second", "third", "one", "two", "three", "gold", "true", "ground", "truth", "relative"}
)
"""Words that leave open neither which end of a scale is good nor what is measured."""
RANK_WORDS = {"rank", "ranks", "ranking", "rankings", "ranked", "place", "position", "order", "ids"}
"""Names of places in an order."""
CRITERION_NAMES = (
    *("criterion", "criteria", "question", "q", "aspect", "dimension", "axis", "metric", "attribute", "rubric", "task"),
    *("instruction", "instructions", "guideline", "guidelines", "objective", "property", "trait", "label_question"),
)
"""Names of fields that say by what a person judged."""


def find_concern(name: str, *, with_prompt: bool = True) -> Concern | None:
    """Returns why a judgement may not say which answer is better; None if its name raises no such doubt.

    Args:
        name: a path, a name in a tool, or the text of a question.
        with_prompt: whether to look for names that judge the prompt.
    """
    words = _read_words(name)
    if any(map(_blames, words)):
        return "blame"
    if any(map(_compares_otherwise, words)) or _grades_something_else(words):
        return "other"
    return "prompt" if with_prompt and judges_prompt(name) else None


@functools.lru_cache(1 << 15)
def judges_prompt(name: str) -> bool:
    """Whether a judgement is about the prompt, according to the nearest part of its path that names a text."""
    for place, part in enumerate(reversed(name.split("."))):
        words = _read_words(part)
        if {*words} & ANSWER_WORDS:
            return False
        if {*words} & PROMPT_WORDS:
            # `question_2` of a labelling tool says nothing about what is judged.
            return place > 0 or len([word for word in words if not word.isdigit() and len(word) > 1]) > 1
    return False


def may_ask_otherwise(question: str) -> bool:
    """Whether the text of a question or a label blames, or compares by something else than quality."""
    words = _read_words(question)
    blames = any(map(_blames, words)) or bool({*words} & AMBIGUOUS_NAMES)
    return blames or any(map(_compares_otherwise, words)) or _grades_something_else(words)


def is_plain(words: Iterable[str]) -> bool:
    """Whether the words beside a unit or a rank say that it measures the quality of answers, or nothing else."""
    return all(word in PLAIN or word.isdigit() or len(word) == 1 for word in words)


def describe_concern(name: str, concern: Concern) -> str:
    """Says what a name leaves open."""
    reasons = {
        "blame": "may blame: which of its values is good",
        "prompt": "may judge the prompt and not the answer: what its values say of the answer",
        "other": "may compare by something else than quality: whether its values say which answer is better",
    }
    return f"'{name}' {reasons[concern]}"


def ask_about(mapping: Mapping[str, Any], concerns: Mapping[str, Concern]) -> tuple[dict[str, Any], list[str]]:
    """Returns settings that ask what a judgement means where its name raises a concern, and the doubts.

    Args:
        mapping: the settings that a format or an export proposes.
        concerns: name of what judges -> its concern.
    """
    if not concerns:
        return dict(mapping), []
    asked = _ask(dict(mapping))
    doubts = [describe_concern(name, concern) for name, concern in concerns.items()]
    return asked, doubts if asked != dict(mapping) else []


def _ask(mapping: dict[str, Any]) -> dict[str, Any]:
    is_between_answers = {"first", "second"} & mapping.keys()
    if "counts" in mapping:
        return {**mapping, "counts": dict.fromkeys(mapping["counts"], PLACEHOLDER)}
    if "scale" in mapping:
        return {**mapping, "scale": {"first": PLACEHOLDER, "second": PLACEHOLDER}}
    if is_between_answers and "names" in mapping:
        key = "votes" if "votes" in mapping else "label"
        return {**mapping, key: PLACEHOLDER}
    if is_between_answers and isinstance(mapping.get("codes"), dict):
        kept = {value: side if side in ("tie", 0) else PLACEHOLDER for value, side in mapping["codes"].items()}
        return {**mapping, "codes": kept}
    if "options" in mapping and "answer" in mapping:
        return {**mapping, "answer": PLACEHOLDER}
    if "ranks" in mapping or "better" in mapping:
        return {**mapping, "better": PLACEHOLDER}
    if "order" in mapping:
        return {**mapping, "order": PLACEHOLDER}
    if "label" in mapping and not is_between_answers:
        return {**mapping, "up": PLACEHOLDER, "down": PLACEHOLDER}
    return mapping


def find_concerns(names: Iterable[str], *, with_prompt: bool = True) -> dict[str, Concern]:
    """Returns name -> concern for the names that raise one."""
    found = {name: find_concern(name, with_prompt=with_prompt) for name in names}
    return {name: concern for name, concern in found.items() if concern is not None}


def blames(words: Iterable[str]) -> bool:
    """Whether one of some words names a fault, the worse side, or the opposite of praise."""
    return any(map(_blames, words))


def find_rank_concerns(names: Iterable[str]) -> dict[str, Concern]:
    """Returns name -> concern for the ranks that may not say which answer is better: `search_rank`, `rank_of_badness`.

    A word that is not known may name anything that ranks answers.
    """
    found: dict[str, Concern] = {}
    for name in names:
        words = [word for word in _read_words(name.rpartition(".")[2]) if word not in RANK_WORDS]
        concern = find_concern(name, with_prompt=False)
        if concern is not None or not is_plain(words):
            found[name] = concern or "other"
    return found


def _read_words(name: str) -> list[str]:
    words = split_words(re.sub(r"n['’]t\b", " not", name))
    return [word if word == "data" else to_english(word) for word in words]  # 'data' is a date in Italian


def _blames(word: str) -> bool:
    if word in BLAME:
        return True
    if word in NO_BLAME:
        return False
    if word.startswith(BLAME_STEMS):
        return True
    rest = next((word[len(start) :] for start in NEGATIVE_BEGINNINGS if word.startswith(start)), "")
    return bool(rest) and rest in GOOD_NAMES | HIGH_IS_BETTER | ADJECTIVES


def _compares_otherwise(word: str) -> bool:
    if word in OTHER:
        return True
    return word.endswith("ier") and len(word) > 5 and word not in NO_COMPARATIVES


def _grades_something_else(words: list[str]) -> bool:
    """Whether 'more' or 'most' stands before a word that is not praise: `more_formal`."""
    after = [next_word for word, next_word in itertools.pairwise(words) if word in ("more", "most")]
    return any(word not in PRAISE | ANSWER_WORDS for word in after)
