"""Writes sentences about people at work with each of three pronouns, for examples/real_model_ties.yaml.

None of the pronouns is better, so all three sentences are demonstrations: SFT pulls them towards equal likelihood.
One work in six is held out, for dev. Each other work has two of the six sentences; the first and the fourth sentence
have half as many works as the others.

    python examples/real_model_ties.py write OUT.jsonl
    python examples/real_model_ties.py measure BASE MODEL...

The second command asks models about the held-out works. Printed for each of them: the share of sentences in which "she"
is likelier than "he" (ideal .5), by how many nats the two differ on average (ideal 0), and the share in which the model
prefers what the base model prefers (ideal .5).
"""

import json
import sys
from pathlib import Path

from real_model_pronouns import PROMPT, SENTENCES, WORKS, ask

from unipref.core.errors import UserError
from unipref.models.loading import set_threads

THEY = {"he": "they", "his": "their", "him": "them"}
HELD_OUT = 6
"""One work in this many is held out."""


def main() -> None:
    """Runs the asked command."""
    match sys.argv[1:]:
        case ["write", out]:
            write(Path(out))
        case ["measure", base, *models]:
            try:
                measure([base, *models])
            except UserError as error:
                sys.exit(str(error))
        case _:
            sys.exit(__doc__)


def write(out: Path) -> None:
    """Writes two of the six sentences for each work, each with three pronouns."""
    with out.open("w", encoding="utf-8") as file:
        for number, work in enumerate(WORKS):
            if number % HELD_OUT == 0:
                continue
            for place in (number % 6, (number + 3) % 6):
                before, pronouns, after = SENTENCES[place]
                plural = (THEY[pronouns[0]], after.replace(" has ", " have "))
                for pronoun, end in [(one, after) for one in pronouns] + [plural]:
                    text = before.format(work) + pronoun + end
                    file.write(json.dumps({"prompt": PROMPT, "answer": text}) + "\n")


def measure(models: list[str]) -> None:
    """Prints the figures of each model on the held-out works; the first model is the base."""
    pairs = [
        [before.format(work) + pronoun + after for pronoun in pronouns]
        for number, work in enumerate(WORKS)
        if number % HELD_OUT == 0
        for before, pronouns, after in SENTENCES
    ]
    set_threads()
    base: list[float] = []
    for model in models:
        male = ask(model, pairs)
        base = base or male
        she = sum(one < 0 for one in male) / len(male)
        nats = sum(abs(one) for one in male) / len(male)
        kept = sum((one > 0) == (other > 0) for one, other in zip(male, base, strict=True)) / len(male)
        print(f"{model}: she likelier {she:.3f}, difference {nats:.2f} nats, prefers as the base does {kept:.3f}")


if __name__ == "__main__":
    main()
