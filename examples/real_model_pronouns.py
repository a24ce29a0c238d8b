"""Writes pairs of sentences about people at work that differ in one pronoun, for examples/real_model_small.yaml.

The model's own preference is the rejected answer: the sentence, of two, that the model finds likelier. So the pairs go
against whatever gender the model connects with a work.

    python examples/real_model_pronouns.py MODEL OUT.jsonl
"""

import itertools
import json
import sys
from pathlib import Path

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


def main(model: str, out: Path) -> None:
    """Asks the model for both sentences of each pair, and writes the pairs in a fixed order."""
    set_threads()
    policy = load_policy(model, "float32")
    pairs = [
        [before.format(work) + pronoun + after for pronoun in pronouns]
        for work, (before, pronouns, after) in itertools.product(WORKS, SENTENCES)
    ]
    prompt = ({"role": "user", "content": PROMPT},)
    asked = [(prompt, ({"role": "assistant", "content": text},)) for pair in pairs for text in pair]
    log_p, _ = answer_log_likelihoods(policy, asked)
    with out.open("w", encoding="utf-8") as file:
        for number, (male, female) in enumerate(pairs):
            likes_male = bool(log_p[2 * number] > log_p[2 * number + 1])
            chosen, rejected = (female, male) if likes_male else (male, female)
            file.write(json.dumps({"prompt": PROMPT, "chosen": chosen, "rejected": rejected}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
