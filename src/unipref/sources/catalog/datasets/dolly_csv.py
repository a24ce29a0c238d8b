"""Instructions and answers written by people, some with a reference text."""

from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
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
)
