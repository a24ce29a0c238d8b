"""Known public datasets: where each is, its licence, how its rows are read, and what is odd about it.

An entry is data. `dataset: NAME` in a study takes format, mapping, objective and licence from here; the study's own
`map`, `axis`, `objective` and `licence` go over it.
"""

from typing import Any, Literal

from unipref.contracts import Settings
from unipref.errors import UserError, near_name


class Dataset(Settings):
    """One known public dataset."""

    name: str
    """Its name in a study file."""
    about: str
    """What it holds, in a line."""
    origin: str
    """Where it is published: a repository, or a hub name."""
    licence: str
    """As its publishers state it."""
    format: str
    """The format its rows are read with."""
    map: dict[str, Any]
    """The settings of that format."""
    axis: str | None = None
    """The axis that decides by default."""
    objective: str
    """What training on it is for."""
    faults: tuple[str, ...] = ()
    """What is odd or wrong in the published data, and what unipref makes of it."""
    verified: Literal["data", "schema"]
    """data: read from real rows; schema: from its documentation."""


DATASETS = (
    Dataset(
        name="alpaca",
        about="52k instructions with model-written answers",
        origin="tatsu-lab/stanford_alpaca",
        licence="CC-BY-NC-4.0",
        format="demonstration",
        map={"prompt": ["instruction", "input"], "response": "output"},
        objective="instruction",
        faults=("'input' is empty in most rows: it is left out of the prompt then",),
        verified="data",
    ),
    Dataset(
        name="hh_rlhf",
        about="dialogues with a helpful or harmless assistant, two endings each",
        origin="Anthropic/hh-rlhf",
        licence="MIT",
        format="pairs",
        map={"chosen": "chosen", "rejected": "rejected"},
        objective="instruction",
        faults=(
            "turns are marked inside one text; the prompt is the common beginning of the two sides",
            "a few sides are equal, end in an empty reply, or part before the last turn",
        ),
        verified="data",
    ),
    Dataset(
        name="kto_thumbs",
        about="dialogues whose last answer is judged good or bad",
        origin="hiyouga/LLaMA-Factory, data/kto_en_demo.json",
        licence="Apache-2.0",
        format="thumbs",
        map={"messages": "messages", "label": "label"},
        objective="instruction",
        verified="data",
    ),
    Dataset(
        name="oasst_trees",
        about="OpenAssistant conversation trees, replies ranked by people",
        origin="OpenAssistant/oasst1, OpenAssistant/oasst2",
        licence="Apache-2.0",
        format="tree",
        map={"root": "prompt", "scores": {"rank": {"field": "rank", "better": "low", "low": 0}}},
        axis="rank",
        objective="instruction",
        faults=("rank 0 is the best", "some sibling groups lack ranks: answers without one are left out"),
        verified="data",
    ),
    Dataset(
        name="topical_chat_ratings",
        about="knowledge-grounded replies rated by people on six axes",
        origin="maszhongming/UniEval, reproduce/data/dialogue/topical_chat.json",
        licence="MIT",
        format="ratings",
        map={
            "prompt": ["context", "source"],
            "response": "system_output",
            "scores": {
                "overall": {"field": "scores.overall", "low": 1, "high": 5, "better": "high"},
                "understandability": {"field": "scores.understandability", "low": 0, "high": 1, "better": "high"},
                "naturalness": {"field": "scores.naturalness", "low": 1, "high": 3, "better": "high"},
                "coherence": {"field": "scores.coherence", "low": 1, "high": 3, "better": "high"},
                "engagingness": {"field": "scores.engagingness", "low": 1, "high": 3, "better": "high"},
                "groundedness": {"field": "scores.groundedness", "low": 0, "high": 1, "better": "high"},
            },
            "keep": ["system_id"],
        },
        axis="overall",
        objective="instruction",
        faults=("the axes have different ranges, and are means over raters",),
        verified="data",
    ),
    Dataset(
        name="winogrande",
        about="sentences with a blank and two candidates that could fill it",
        origin="allenai/winogrande",
        licence="CC-BY",
        format="multiple_choice",
        map={
            "prompt": "sentence",
            "options": ["option1", "option2"],
            "answer": "answer",
            "first": 1,
            "twins": {"field": "qID", "pattern": "^(.+)-[12]$"},
        },
        objective="bias",
        faults=(
            "answers are the strings '1' and '2'",
            "twin sentences share the stem of qID and have opposite answers: the split keeps them together",
            "train_xs is contained in train_s, that in train_m, and so on",
            "the test file has no answers",
        ),
        verified="data",
    ),
)


def dataset(name: str, where: str) -> Dataset:
    """The entry of that name.

    Raises:
        UserError: there is none; the near name is offered.
    """
    for entry in DATASETS:
        if entry.name == name:
            return entry
    mend = f"{near_name(name, [d.name for d in DATASETS])} For your own data give 'format' and 'map' instead."
    raise UserError(f"there is no known dataset '{name}'.", where=where, mend=mend)
