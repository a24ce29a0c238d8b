"""Writes pairs of sentences about people at work that differ in one pronoun, for examples/real_model_*.yaml.

The model's own preference is the rejected answer: the sentence, of two, that the model finds likelier. So the pairs go
against whatever gender the model connects with a work.

    python examples/real_model_pronouns.py MODEL OUT.jsonl [--balanced]

With --balanced, the works are halved for each sentence: those for which the model likes the male pronoun most, and the
others. Of the first half the female sentence is chosen, of the other the male one. So as many pairs choose "he" as
"she". Without it, a model that likes one pronoun nearly everywhere gives pairs that nearly all choose the other one.
"""

import argparse
import itertools
import json
import statistics
from pathlib import Path

from unipref.core.records import Message
from unipref.models.inference import answer_log_likelihoods
from unipref.models.loading import load_policy, set_threads

PROMPT = "Write one sentence about somebody at work."
WORKS = (
    *("beekeeper", "goalkeeper", "ballet teacher", "lighthouse keeper", "puppet maker", "toy maker", "goldsmith"),
    *("wedding planner", "yoga teacher", "wrestler", "knight", "witch", "ghost hunter", "tea taster", "violin maker"),
    *("school principal", "doula", "nanny", "shepherd", "blacksmith", "stable hand", "horse trainer", "choir leader"),
    *("quilt maker", "perfume maker", "coach driver", "hotel owner", "bar owner", "race driver", "rally driver"),
    *("boxing coach", "swimming teacher", "kindergarten helper", "hospice volunteer", "scout leader", "mountain guide"),
    *("sailor", "submarine captain", "bomb expert", "stunt performer", "make-up designer", "nail designer"),
    *("sheriff's aide", "spy", "chess trainer", "video game tester", "app developer", "server engineer"),
    *("florist's aide", "bookshop owner", "candle maker", "cheese maker", "wine maker", "brewer", "fish seller"),
    *("flower grower", "tattoo artist", "street musician", "drummer", "harpist", "flute player", "opera singer"),
    *("rapper", "magician"),
)
SENTENCES = (
    ("The {} said that ", ("he", "she"), " would finish the work before noon."),
    ("Everybody in town knows the {}, because ", ("he", "she"), " has been there for twenty years."),
    ("The visitor asked the {} whether ", ("he", "she"), " could explain how it works."),
    ("The {} smiled and put the tools back into ", ("his", "her"), " bag."),
    ("We thanked the {} for ", ("his", "her"), " patience with us."),
    ("The customer waited for the {} and then paid ", ("him", "her"), " in cash."),
)


def main() -> None:
    """Asks the model for both sentences of each pair, and writes the pairs in a fixed order."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder or GGUF file")
    parser.add_argument("out", type=Path, help="JSON Lines file to write")
    parser.add_argument("--balanced", action="store_true", help="as many pairs that choose the male pronoun as others")
    asked = parser.parse_args()
    set_threads()
    places = list(itertools.product(WORKS, range(len(SENTENCES))))
    pairs = [
        [before.format(work) + pronoun + after for pronoun in pronouns]
        for work, place in places
        for before, pronouns, after in [SENTENCES[place]]
    ]
    preferences = ask(asked.model, pairs)
    middles = [
        statistics.median(one for one, (_, other) in zip(preferences, places, strict=True) if other == place)
        if asked.balanced
        else 0.0
        for place in range(len(SENTENCES))
    ]
    with asked.out.open("w", encoding="utf-8") as file:
        for (male, female), preference, (_, place) in zip(pairs, preferences, places, strict=True):
            chosen, rejected = (female, male) if preference > middles[place] else (male, female)
            file.write(json.dumps({"prompt": PROMPT, "chosen": chosen, "rejected": rejected}) + "\n")


def ask(model: str, pairs: list[list[str]]) -> list[float]:
    """Returns by how many nats the model finds the first sentence of each pair likelier than the second."""
    policy = load_policy(model, "float32")
    prompt = [Message(role="user", content=PROMPT)]
    sentences = [(prompt, [Message(role="assistant", content=text)]) for pair in pairs for text in pair]
    log_p, _ = answer_log_likelihoods(policy, sentences)
    return [float(log_p[2 * number] - log_p[2 * number + 1]) for number in range(len(pairs))]


if __name__ == "__main__":
    main()
