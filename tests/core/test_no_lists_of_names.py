"""Code compares no text with the name of a choice: what it has to know of a choice is an attribute of its class."""

import ast
from pathlib import Path

import unipref
from unipref.core import registry

PACKAGE = Path(unipref.__file__).parent
ALSO_WORDS = {
    "all", "checker", "confidence", "critique", "edit", "groups", "instructions", "likelihood", "llm", "lm_eval",
    "majority", "margin", "margin_percentile", "mean", "pairs", "people", "perplexity", "quality", "random", "ranking",
    "ratings", "reward", "reward_model", "steps", "thumbs", "tree", "votes", "jsonl", "openai", "parquet", "trl",
}  # fmt: skip
"""Names that are words with another meaning too: a kind of model, a column, a package, a format of files."""
NAMES = {name for kind in registry.CONTRACTS for name in registry.list_own_names(kind)} - ALSO_WORDS


def compared(tree: ast.AST) -> list[tuple[int, str]]:
    """The texts in comparisons, and in tuples, lists and sets of texts alone, with their lines."""
    found = []
    for node in ast.walk(tree):
        inner: list[ast.expr] = []
        if isinstance(node, ast.Compare):
            inner = [node.left, *node.comparators]
        elif isinstance(node, ast.Tuple | ast.List | ast.Set) and len(node.elts) > 1:
            inner = node.elts if all(isinstance(one, ast.Constant) for one in node.elts) else []
        texts = [one for one in inner if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        found += [(one.lineno, str(one.value)) for one in texts]
    return found


def test_no_code_outside_a_choice_knows_its_name() -> None:
    own = {PACKAGE / path.replace(".", "/").removeprefix("unipref/") for path in registry.PACKAGES.values()}
    files = [path for path in PACKAGE.rglob("*.py") if path.parent not in own and "demo" not in path.parts]
    assert len(files) > 200
    known = {
        f"{path.relative_to(PACKAGE)}:{line} {text}"
        for path in files
        for line, text in compared(ast.parse(path.read_text(encoding="utf-8")))
        if text in NAMES
    }
    assert not known, sorted(known)
