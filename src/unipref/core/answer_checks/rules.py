"""Strict rules for short instructions, which check the form of an answer only.

Each rule is a function of the stripped answer and of the rule's own arguments. An empty answer follows no instruction.
"""

import re
from collections.abc import Callable, Sequence

from unipref.core.errors import UserError, near_name

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


def words(text: str) -> list[str]:
    """Returns the words of a text in lower case, without punctuation."""
    return [match.lower() for match in _WORD.findall(text)]


def one_word(answer: str) -> bool:
    """Exactly one word, with at most one mark after it."""
    return re.fullmatch(_WORD.pattern + r"[.!]?", answer) is not None


def capitals(answer: str) -> bool:
    """At least one letter, and all letters are capitals."""
    return answer.isupper()


def quotes(answer: str) -> bool:
    """The whole answer stands between two straight or two curly double quotes, and no other is inside."""
    return re.fullmatch(r'"[^"“”]+"|“[^"“”]+”', answer) is not None


def avoid(answer: str, word: str) -> bool:
    """Two words or more, and none of them is the forbidden one."""
    answer_words = words(answer)
    return len(answer_words) >= 2 and word.lower() not in answer_words


def question(answer: str, about: str) -> bool:
    """One question: it begins with a question word, contains `about` and ends in the only question mark."""
    begins = {"what", "where", "who", "when", "why", "how", "which", "is", "are", "does", "do", "can"}
    answer_words = words(answer)
    return (
        answer.endswith("?") and answer.count("?") == 1 and about.lower() in answer_words and answer_words[0] in begins
    )


def begins_with(answer: str, word: str) -> bool:
    """The first word is the given one, and at least two more follow."""
    answer_words = words(answer)
    return len(answer_words) >= 3 and answer_words[0] == word.lower()


def ends_with(answer: str, word: str) -> bool:
    """The last word is the given one, and at least two more come before it."""
    answer_words = words(answer)
    return len(answer_words) >= 3 and answer_words[-1] == word.lower()


def includes(answer: str, words: Sequence[str]) -> bool:
    """All given words are used, in an answer of three words or more."""
    answer_words = [match.lower() for match in _WORD.findall(answer)]
    return len(answer_words) >= 3 and all(word.lower() in answer_words for word in words)


def one_of(answer: str, options: Sequence[str]) -> bool:
    """Nothing but one of the options, in any case, with at most one mark after it."""
    return re.sub(r"[.!]$", "", answer).lower() in [option.lower() for option in options]


def repeats(answer: str, word: str, times: int) -> bool:
    """Nothing but the word, `times` times."""
    return words(answer) == [word.lower()] * times


def sequence(answer: str, words: Sequence[str]) -> bool:
    """Nothing but the given words, in the given order."""
    return [match.lower() for match in _WORD.findall(answer)] == [word.lower() for word in words]


def lists(answer: str, count: int, among: Sequence[str]) -> bool:
    """Exactly `count` different names from `among`, separated by commas, with at most a full stop at the end."""
    names = [name.strip().lower() for name in answer.removesuffix(".").split(",")]
    allowed = {name.lower() for name in among}
    return len(names) == count == len(set(names)) and allowed.issuperset(names)


def mentions(answer: str, words: Sequence[str]) -> bool:
    """All given words occur."""
    answer_words = [match.lower() for match in _WORD.findall(answer)]
    return all(word.lower() in answer_words for word in words)


def all_of(answer: str, rules: Sequence[tuple[str, dict[str, object]]]) -> bool:
    """The answer follows every rule, each given as [name, arguments].

    If one of them asks for quotes, the others are about the text inside.
    """
    inner = answer[1:-1] if quotes(answer) and any(name == quotes.__name__ for name, _ in rules) else answer
    return all(follows(answer if name == quotes.__name__ else inner, name, arguments) for name, arguments in rules)


RULES: dict[str, Callable[..., bool]] = {
    rule.__name__: rule
    for rule in (
        one_word, capitals, quotes, avoid, question, begins_with, ends_with, includes, one_of, repeats, sequence, lists,
        mentions, all_of,
    )
}  # fmt: skip
"""Rule by name."""


def follows(answer: str, rule: str, arguments: dict[str, object]) -> bool:
    """Returns whether an answer follows an instruction.

    Raises:
        UserError: the rule is unknown, or does not accept these arguments.
    """
    if rule not in RULES:
        raise UserError(f"unknown rule '{rule}'.", mend=near_name(rule, RULES))
    stripped = answer.strip()
    try:
        return bool(stripped) and RULES[rule](stripped, **arguments)
    except TypeError as error:
        raise UserError(f"the rule '{rule}' does not accept the arguments {arguments}: {error}.") from error
