"""White-space words are counted on the bytes of the texts as a pattern counts them."""

import random

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from unipref.select.candidates import count_words, join_contents

MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
CHARACTERS = "ab \t\n\f\r\v\u00a0\u2003\x00\x85é漢😀"


@pytest.mark.parametrize("n_rows", [0, 1, 200])
def test_words_are_those_of_a_pattern(n_rows: int) -> None:
    rng = random.Random(n_rows)
    rows = [
        None
        if rng.random() < 0.1
        else [
            {"role": "user", "content": "".join(rng.choices(CHARACTERS, k=rng.choice((0, 1, 2, 30))))}
            for _ in range(rng.randint(0, 3))
        ]
        for _ in range(n_rows)
    ]
    messages = pa.array(rows, MESSAGES)
    for part in (messages, messages[n_rows // 3 :]):
        expected = pc.count_substring_regex(join_contents(part), r"\S+").to_pylist()
        assert count_words(part).tolist() == expected
