"""The quick ways to hash plain texts give what the general ones give."""

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import trials
from unipref.core import text_keys
from unipref.core.records import Feedback, Message, Response

PIECES = ["a", "É", "ß", "ﬁ", " ", "  ", "\t", "\n", "\r\n", "\f", "\v", "\u00a0", "\u2003", "\x1c"]
WORDS = st.lists(st.sampled_from(PIECES))
TEXT = st.one_of(st.text(), WORDS.map("".join))


@settings(max_examples=trials.count(200, 5000), derandomize=True, deadline=None)
@given(content=TEXT)
def test_normalised_texts_are_those_of_the_definition(content: str) -> None:
    spaces = re.compile(r"[ \t\n\r\f\v\u00a0]{2,}|[\t\n\r\f\v\u00a0]")
    expected = spaces.sub(" ", unicodedata.normalize("NFKC", content)).strip().casefold()
    assert text_keys.normalise(content) == expected


@settings(max_examples=trials.count(100, 2000), derandomize=True, deadline=None)
@given(prompt=TEXT, answer=TEXT)
def test_plain_keys_are_those_of_messages(prompt: str, answer: str) -> None:
    turns, reply = [Message(role="user", content=prompt)], [Message(role="assistant", content=answer)]
    feedback = Feedback(turns, [Response(reply)])
    key, root = (found.hex() for found in text_keys.plain_prompt_keys(prompt))
    assert (key, root) == (text_keys.prompt_key(turns), text_keys.root_key(feedback, "s"))
    assert text_keys.plain_answer_key(answer.encode()).hex() == text_keys.answer_key(reply)
    joined = [text_keys.join_turns(messages) for messages in (turns, reply, reply)]
    find_id = text_keys.plain_preference_id("s")
    assert find_id(prompt.encode(), answer.encode(), answer.encode()) == text_keys.digest("s", *joined)


def test_half_a_surrogate_pair_has_no_plain_key() -> None:
    with pytest.raises(UnicodeEncodeError):
        text_keys.plain_prompt_keys("a\ud800")
