"""Known datasets of scored or ranked answers."""

from unipref.sources.catalog.entry import Dataset
from unipref.sources.hub import Hub

OASST_SCORES = {
    "rank": {"field": "rank", "better": "low", "low": 0},
    "toxicity": {"field": "labels.toxicity.value", "better": "low", "low": 0, "high": 1},
    "quality": {"field": "labels.quality.value", "better": "high", "low": 0, "high": 1},
}
OASST_FAULTS = (
    "rank 0 is the best; many sibling groups have no ranks: try 'axis: toxicity' (as in the paper) or 'axis: quality'",
    "messages are in 35 languages; 'keep' keeps the language",
)

ENTRIES = (
    Dataset(
        name="helpsteer2",
        about="two answers to each prompt, rated by people on five attributes",
        origin="nvidia/HelpSteer2",
        hub=Hub(name="nvidia/HelpSteer2", files=("train.jsonl.gz",)),
        licence="CC-BY-4.0",
        format="ratings",
        map={
            "prompt": "prompt",
            "response": "response",
            "scores": {
                axis: {"field": axis, "better": "high", "low": 0, "high": 4}
                for axis in ("helpfulness", "correctness", "coherence")
            },
            "keep": ["complexity", "verbosity"],
        },
        axis="helpfulness",
        objective="instruction",
        faults=(
            "neither end of complexity and verbosity is better: unipref keeps but does not compare them",
            "prompts of several turns are one text with <extra_id_1> between the turns; the mark stays in the prompt",
        ),
        verified="schema",
        seen="the dataset card and its file list",
    ),
    Dataset(
        name="nectar",
        about="seven answers to each prompt, ranked by GPT-4",
        origin="berkeley-nest/Nectar",
        hub=Hub(name="berkeley-nest/Nectar", files=("data/rlaif.parquet",)),
        licence="Apache-2.0, on condition that it is not used to compete with OpenAI",
        format="ranking",
        map={
            "prompt": "prompt",
            "answers": "answers",
            "response": "answer",
            "ranks": "rank",
            "better": "low",
            "keep": ["source", "good_natured"],
        },
        objective="instruction",
        faults=(
            "the prompt is one text with 'Human:' and 'Assistant:' marks, which unipref splits into turns",
            "the judge is a model that also wrote some of the answers",
        ),
        verified="schema",
        seen="the dataset card",
    ),
    Dataset(
        name="oasst1",
        about="OpenAssistant conversation trees, first release, with ranks and labels by people",
        origin="OpenAssistant/oasst1",
        hub=Hub(name="OpenAssistant/oasst1", files=("2023-04-12_oasst_ready.trees.jsonl.gz",)),
        licence="Apache-2.0",
        format="tree",
        map={"root": "prompt", "scores": OASST_SCORES, "keep": ["lang"]},
        axis="rank",
        objective="instruction",
        faults=(
            *OASST_FAULTS,
            "the Parquet table of single messages has no trees: none of its rows has a prompt of several turns",
        ),
        verified="schema",
        seen="the dataset card: file list and example of a message; 70 trees without labels",
    ),
    Dataset(
        name="oasst2",
        about="OpenAssistant conversation trees, second release, with ranks and labels by people",
        origin="OpenAssistant/oasst2",
        hub=Hub(
            name="OpenAssistant/oasst2",
            files=("2023-11-05_oasst2_ready.trees.jsonl.gz",),
            revision="179dd21fc55192153d94adb0e0ce8f69e222bf75",
        ),
        licence="Apache-2.0",
        format="tree",
        map={"root": "prompt", "scores": OASST_SCORES, "keep": ["lang"]},
        axis="rank",
        objective="instruction",
        faults=OASST_FAULTS,
        verified="schema",
        seen="the card of the first release, whose files have the same shape; the file's name in public code",
    ),
    Dataset(
        name="oasst_ranked_zh",
        about="Chinese OpenAssistant answers as lists, best first",
        origin="hiyouga/LLaMA-Factory, data/oaast_rm_zh.json",
        licence="Apache-2.0",
        format="ranking",
        map={"prompt": ["instruction", "input"], "answers": "output", "order": "best_first", "history": "history"},
        objective="instruction",
        faults=("rows have no score; the order of the list is the ranking", "a few lists repeat an answer"),
        verified="data",
        seen="775 rows",
    ),
    Dataset(
        name="oasst_trees",
        about="OpenAssistant conversation trees, replies ranked by people",
        origin="LAION-AI/Open-Assistant, model/model_eval/manual/data/en_100_tree.jsonl",
        licence="Apache-2.0",
        format="tree",
        map={
            "root": "prompt",
            "scores": {
                "rank": {"field": "rank", "better": "low", "low": 0},
                "likes": {"field": "emojis.+1", "better": "high", "low": 0, "missing": 0},
                "dislikes": {"field": "emojis.-1", "better": "low", "low": 0, "missing": 0},
            },
        },
        axis="rank",
        objective="instruction",
        faults=(
            "rank 0 is the best",
            "some sibling groups have no ranks: unipref leaves such answers out",
            "en_100_message.jsonl contains the same trees without the wrapper (root: null): read only one of the two",
        ),
        verified="data",
        seen="70 trees",
    ),
    Dataset(
        name="sfres_ratings",
        about="sentences of a dialogue system for a given meaning, rated by people",
        origin="maszhongming/UniEval, reproduce/data/data2text/sfres.json",
        licence="MIT; the ratings come from SFRES, which states none",
        format="ratings",
        map={
            "prompt": [{"text": "Say this as a sentence in a dialogue:"}, "source"],
            "response": "system_output",
            "scores": {
                axis: {"field": f"scores.{axis}", "low": 1, "high": 6, "better": "high"}
                for axis in ("overall", "informativeness", "naturalness")
            },
            "keep": ["reference"],
        },
        axis="overall",
        objective="instruction",
        faults=(
            "'source' is a dialogue act such as confirm(food='thai'): the mapping puts an instruction before it",
            "scores are medians or means and may be halves; in many groups all answers tie",
        ),
        verified="data",
        seen="814 rows",
    ),
    Dataset(
        name="stack_exchange",
        about="ten million Stack Exchange questions, answers scored by votes",
        origin="HuggingFaceH4/stack-exchange-preferences",
        hub=Hub(name="HuggingFaceH4/stack-exchange-preferences", files=("data/*/*.parquet",)),
        licence="CC-BY-SA-4.0",
        format="rated_list",
        map={
            "prompt": "question",
            "answers": "answers",
            "response": "text",
            "scores": {"votes": {"field": "pm_score", "better": "high", "low": -1}},
            "keep": ["qid", "metadata"],
        },
        objective="instruction",
        faults=(
            "22 GB: after the download, choose sites with 'path'",
            "questions and answers are HTML, which unipref does not convert",
            "pm_score is log2(1 + votes), rounded, plus 1 if accepted, or -1 for negative votes: many scores tie",
            "the folders below data/ were not accessible: the file pattern is taken from public code",
        ),
        verified="schema",
        seen="the dataset card, and the features of a repository made from it",
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
        faults=("the axes have different ranges; scores are means over raters",),
        verified="data",
        seen="288 rows",
    ),
    Dataset(
        name="ultrafeedback",
        about="four model answers to each of 64k prompts, scored by GPT-4",
        origin="openbmb/UltraFeedback",
        hub=Hub(
            name="openbmb/UltraFeedback",
            files=("*.jsonl",),
            revision="40b436560ca83a8dba36114c22ab3c66e43f6d5e",
        ),
        licence="MIT",
        format="rated_list",
        map={
            "prompt": "instruction",
            "answers": "completions",
            "response": "response",
            "scores": {
                "fine_grained": {"field": "fine-grained_score", "better": "high", "low": 1, "high": 5},
                "overall": {"field": "overall_score", "better": "high", "low": 1, "high": 10},
            },
            "keep": ["source"],
        },
        axis="fine_grained",
        objective="instruction",
        faults=(
            "in the first release 2,628 answers have an overall score of 10, many of them instead of 1: this revision "
            "is corrected, and the mean of the four aspects decides",
            "ratings of single aspects are texts and may be 'N/A': unipref does not read them",
            "truthful_qa.jsonl is made from the TruthfulQA benchmark",
        ),
        verified="schema",
        seen="the repository's README and file list; field names in public code",
    ),
    Dataset(
        name="ultrafeedback_binarized",
        about="UltraFeedback as pairs, made for Zephyr",
        origin="HuggingFaceH4/ultrafeedback_binarized",
        hub=Hub(name="HuggingFaceH4/ultrafeedback_binarized", files=("data/train_prefs-*.parquet",)),
        licence="MIT",
        format="rated_list",
        map={
            "prompt": "prompt",
            "answers": ["chosen.-1.content", "rejected.-1.content"],
            "scores": {
                "overall": {"field": ["score_chosen", "score_rejected"], "better": "high", "low": 0, "high": 10}
            },
            "keep": ["prompt_id"],
        },
        objective="instruction",
        faults=(
            "if both scores are equal, 'chosen' is random: unipref compares the scores, so these rows are ties",
            "'rejected' is a random one of the three other answers, not the worst",
        ),
        verified="schema",
        seen="the dataset card: features and an example",
    ),
)
