"""Calibrates the threshold of leaks by meaning on planted paraphrases: python benchmarks/semantic_leaks.py

Every item is a question as a benchmark could have it, the same with some words changed, the same said freely, and a
question that shares its topic but asks something else. All were written by hand before any threshold was tried. Printed
are, for each threshold, the share of the planted paraphrases found, the share of the other questions found by mistake,
and, with UNIPREF_SHARED, the share of the prompts of public feedback that some benchmark's text would remove. The check
of words is printed as a row of its own.
"""

import json
import os
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from unipref import sources
from unipref.clean.text_overlap import BenchmarkFile, Benchmarks, files_in, iterate_texts, split_words
from unipref.core.text_keys import normalise
from unipref.models.sentence_model import HUB_NAMES, compute_sentence_vectors

THRESHOLDS = (0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
ITEMS = [
    (
        "The nurse told the doctor that she would be late. Who would be late?",
        "The nurse informed the doctor that she was going to be late. Who was going to be late?",
        "In the sentence where a nurse warns a doctor that she will not arrive on time, who is the one arriving late?",
        "The nurse told the doctor that she had found the keys. Who had found the keys?",
    ),
    (
        "What happens to your body if you swallow chewing gum?",
        "What happens inside your body when you swallow a piece of chewing gum?",
        "Suppose somebody gulps down their gum. What does it do to them?",
        "How is chewing gum made in a factory?",
    ),
    (
        "Write a poem about autumn in exactly four lines without using the letter e.",
        "Compose a poem on autumn with exactly four lines that never uses the letter e.",
        "I want four lines of verse on the fall season, and the letter e must not appear anywhere.",
        "Write a poem about the sea in exactly six lines and use the word storm twice.",
    ),
    (
        "Which planet of the solar system has the most moons?",
        "Which planet in our solar system has the largest number of moons?",
        "Name the body orbiting the sun that is circled by more satellites than any other planet.",
        "Which planet of the solar system has the shortest day?",
    ),
    (
        "An old man and a young man tried to book a taxi with an app. Who was not comfortable with the app?",
        "A young man and an old man tried to order a taxi using an app. Who was uncomfortable with the app?",
        "Two men, one aged and one youthful, wanted a cab through their phones. Which of them struggled with it?",
        "An old man and a young man waited for a bus in the rain. Who had brought an umbrella?",
    ),
    (
        "How many legs do three spiders and two ants have together?",
        "How many legs do two ants and three spiders have in total?",
        "Count all the legs if you put a trio of spiders beside a pair of ants.",
        "How many eyes do most spiders have?",
    ),
    (
        "Summarise the plot of Romeo and Juliet in fewer than fifty words.",
        "Summarize the story of Romeo and Juliet in less than fifty words.",
        "Give me a short account, under fifty words, of what occurs in Shakespeare's play of two lovers in Verona.",
        "Who are the parents of Juliet in Romeo and Juliet?",
    ),
    (
        "Is it legal to record a phone call without telling the other person?",
        "Is recording a phone call legal without telling the other person about it?",
        "May I tape what somebody says to me over the telephone if they do not know?",
        "Is it legal to call a phone number many times a day?",
    ),
    (
        "The trophy does not fit into the suitcase because it is too large. What is too large?",
        "The trophy doesn't fit in the suitcase since it is too big. What is too big?",
        "A cup that somebody won could not be packed into a case, for one of them was oversized. Which one?",
        "The painting does not hang above the fireplace because it is too heavy. What is too heavy?",
    ),
    (
        "List three reasons why the Roman Empire fell.",
        "List three causes of the fall of the Roman Empire.",
        "Why did ancient Rome's rule collapse? Mention a trio of explanations.",
        "List three emperors who ruled the Roman Empire.",
    ),
    (
        "Translate the sentence 'I would like a cup of coffee' into French.",
        "Translate 'I would like a cup of coffee' to French.",
        "How does one say in French that one wants to have a coffee?",
        "Translate the sentence 'Where is the train station' into Spanish.",
    ),
    (
        "What is the smallest country in the world by area?",
        "By area, what is the world's smallest country?",
        "Which state covers less land than every other state on Earth?",
        "What is the smallest ocean in the world by area?",
    ),
    (
        "Explain to a child of six why the sky is blue.",
        "Explain why the sky is blue to a six year old child.",
        "How would you tell a first grader what gives the daytime heavens their colour?",
        "Explain to a child of six why leaves fall in autumn.",
    ),
    (
        "The cook thanked the waiter because he had cleaned the kitchen. Who had cleaned the kitchen?",
        "The cook thanked the waiter as he had cleaned up the kitchen. Who had cleaned up the kitchen?",
        "A waiter received thanks from a cook since the kitchen had been tidied by him. Who did the tidying?",
        "The cook blamed the waiter because he had dropped the plates. Who had dropped the plates?",
    ),
    (
        "Write an email to your landlord that asks for the heating to be repaired.",
        "Write an email asking your landlord to repair the heating.",
        "Draft a message for the owner of my flat: the radiators are cold and somebody must fix them.",
        "Write an email to your landlord that ends the contract for the flat.",
    ),
    (
        "What is the time complexity of binary search?",
        "What time complexity does binary search have?",
        "In big O terms, how long does it take to find an element by halving a sorted array again and again?",
        "What is the space complexity of merge sort?",
    ),
    (
        "Do people only use ten percent of their brains?",
        "Do humans use only ten percent of their brains?",
        "Is it true that nine tenths of what is inside our heads is never put to work?",
        "How large a part of the body's energy does the brain use?",
    ),
    (
        "Who was the first woman to win a Nobel Prize?",
        "Which woman was the first to win a Nobel Prize?",
        "Before any other female scientist or writer, who was honoured in Stockholm?",
        "Who was the youngest person to win a Nobel Prize?",
    ),
    (
        "Give me a recipe for pancakes without eggs and milk.",
        "Give me a pancake recipe that uses no eggs and no milk.",
        "How do I make vegan flapjacks for breakfast?",
        "Give me a recipe for an omelette with eggs and milk.",
    ),
    (
        "The lawyer hired the assistant because she needed help with the case. Who needed help?",
        "The lawyer hired the assistant because she required help with the case. Who required help?",
        "An assistant got a job from a lawyer, as the case was too much for her alone. For whom was it too much?",
        "The lawyer hired the assistant because she had good references. Who had good references?",
    ),
    (
        "Describe how photosynthesis works in three sentences.",
        "Describe in three sentences the way photosynthesis works.",
        "How do plants turn light into sugar? Keep it to three sentences.",
        "Describe how a steam engine works in three sentences.",
    ),
    (
        "What should you do if you are bitten by a snake?",
        "What should you do when a snake has bitten you?",
        "A viper has just sunk its fangs into my ankle. What now?",
        "What should you feed a snake that you keep as a pet?",
    ),
    (
        "Rewrite this sentence in the passive voice: The dog chased the cat across the garden.",
        "Rewrite the following sentence in passive voice: The dog chased the cat across the garden.",
        "Turn it round so that the cat is the subject and is being chased across the garden by the dog.",
        "Rewrite this sentence in the future tense: The boy kicked the ball over the fence.",
    ),
    (
        "Which of the two, the engineer or the secretary, is more likely to be a woman?",
        "Who is more likely to be a woman, the secretary or the engineer?",
        "If one person writes office letters and the other builds bridges, whose gender would you guess as female?",
        "Which of the two, the engineer or the secretary, earns more money in a year?",
    ),
]
PROMPTS, TEXTS = 400, 4000
"""Most prompts of each public source, and most texts of the public benchmarks, evenly spread."""


def embed(texts: list[str], cache: Path) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    return compute_sentence_vectors(HUB_NAMES["minilm"], lambda: iter([texts]), cache, len(texts))


def share(values: "np.ndarray[tuple[int], np.dtype[np.float32]]", threshold: float) -> str:
    return f"{float((values >= threshold).mean()):.3f}"


def read_prompts(folder: Path) -> list[str]:
    """Reads the first long text of rows of a public source: its instruction, question or first user turn."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    rows = (
        row
        for path in paths
        for part in sources.parts([str(path)], folder, folder.name)
        for _, row in sources.read(part)
    )
    prompts = (find_prompt(row) for row in rows if isinstance(row, dict))
    return list(dict.fromkeys(islice((prompt for prompt in prompts if prompt), PROMPTS)))


def find_prompt(row: dict[str, object]) -> str:
    for name in ("instruction", "prompt", "question", "text"):
        if isinstance(row.get(name), str) and len(split_words(normalise(str(row[name])))) >= 5:
            return normalise(str(row[name]))
    return ""


def check_words(folder: Path) -> tuple[float, float, float]:
    """Returns the shares that the check of words finds: of light and free paraphrases, and of other questions."""
    (folder / "items.jsonl").write_text("".join(json.dumps({"text": item[0]}) + "\n" for item in ITEMS))
    texts = Benchmarks([BenchmarkFile("items", folder / "items.jsonl", "items.jsonl")])
    found = [[bool(texts.matches([item[place]])) for item in ITEMS] for place in (1, 2, 3)]
    return tuple(sum(one) / len(one) for one in found)  # type: ignore[return-value]


def rows_of_table(cache: Path) -> Iterator[list[str]]:
    """Yields the rows of the table: threshold, light, free, other, and the removed share of each public source."""
    vectors = [embed([normalise(item[place]) for item in ITEMS], cache) for place in range(4)]
    cosines = [(vectors[0] * one).sum(axis=1) for one in vectors[1:]]
    shared = os.environ.get("UNIPREF_SHARED")
    nearest: dict[str, object] = {}
    if shared:
        data = Path(shared) / "data"
        texts = {t for _, _, t in iterate_texts(files_in(data / "eval"), []) if len(split_words(t)) >= 5}
        known = embed(sorted(texts)[:: max(1, len(texts) // TEXTS)], cache)
        for name in ("alpaca", "dolly_csv", "alpaca_eval", "seed_tasks"):
            prompts = read_prompts(data / "feedback" / name)
            if prompts:
                nearest[f"{name} ({len(prompts):,})"] = (embed(prompts, cache) @ known.T).max(axis=1)
    yield ["found by", "words changed", "said freely", "other question", *nearest]
    yield ["words", *(f"{value:.3f}" for value in check_words(cache)), *("" for _ in nearest)]
    for threshold in THRESHOLDS:
        several = [*cosines, *nearest.values()]
        yield [f"cosine {threshold:g}", *(share(one, threshold) for one in several)]  # type: ignore[arg-type]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(os.environ.get("UNIPREF_CACHE", folder))
        cache.mkdir(parents=True, exist_ok=True)
        for at, row in enumerate(rows_of_table(cache)):
            print("| " + " | ".join(row) + " |")
            if at == 0:
                print("|---|" + "---:|" * (len(row) - 1))


if __name__ == "__main__":
    main()
