"""Known datasets of answers to imitate."""

from unipref.sources.catalog.entry import Dataset

ENTRIES = (
    Dataset(
        name="alpaca",
        about="52k instructions with model-written answers",
        origin="tatsu-lab/stanford_alpaca",
        licence="CC-BY-NC-4.0",
        format="demonstration",
        map={"prompt": ["instruction", "input"], "response": "output"},
        objective="instruction",
        faults=("'input' is empty in most rows; the prompt is then the instruction alone",),
        verified="data",
        seen="1,500 rows of alpaca_data.json",
    ),
    Dataset(
        name="dolly_csv",
        about="instructions and answers written by people, some with a reference text",
        origin="databricks/databricks-dolly-15k",
        licence="CC-BY-SA-3.0",
        format="demonstration",
        map={"prompt": ["instruction", "context"], "response": "response", "keep": ["category"]},
        objective="instruction",
        faults=("'context' is empty in most rows; the prompt is then the instruction alone",),
        verified="data",
        seen="100 rows, as CSV with line breaks inside quotes",
    ),
    Dataset(
        name="lima",
        about="a thousand carefully chosen questions with long answers, some in several turns",
        origin="GAIR/lima",
        licence="CC-BY-NC-SA-4.0, or stricter if the source of a row is stricter",
        format="demonstration",
        map={"messages": "conversations", "keep": ["source"]},
        objective="instruction",
        faults=(
            "turns are texts without roles; the speakers alternate, and the user is first",
            "a conversation with an odd number of turns has no final answer: unipref rejects it",
        ),
        verified="data",
        seen="600 rows of train.jsonl",
    ),
    Dataset(
        name="seed_tasks",
        about="175 tasks written by people, the seeds of Self-Instruct",
        origin="tatsu-lab/stanford_alpaca, seed_tasks.jsonl",
        licence="Apache-2.0",
        format="demonstration",
        records="instances",
        map={
            "prompt": ["parent.instruction", "input"],
            "response": "output",
            "keep": ["parent.id", "parent.is_classification"],
        },
        objective="instruction",
        faults=("each row has a list of answers; unipref reads each as a row of its own",),
        verified="data",
        seen="175 rows",
    ),
)
