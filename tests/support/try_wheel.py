"""Tries an installed unipref, for `make wheel`: its commands, and a small run up to a trained model, on made data."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from support.tiny_model import write_tiny_model

STUDY = """
model: model
sources:
  - {name: pairs, path: feedback/pairs.jsonl, format: pairs, objective: bias}
split: {dev: 0.1, test: 0.1}
train: [{sft: {max_steps: 4}}, {dpo: {from: sft, max_steps: 4}}]
evaluate: [{preference_accuracy: {split: test}}]
"""


def call(folder: Path, *words: str) -> str:
    """Runs the installed command in a folder and returns what it prints."""
    print("unipref", *words, flush=True)
    command = [str(Path(sys.executable).parent / "unipref"), *words]
    return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    """Tries the commands, the package's own files, and a run."""
    import unipref
    from unipref import demo

    home = Path(unipref.__file__).parent
    assert "site-packages" in home.parts, f"unipref is not that of the wheel: {home}"
    assert (home / "py.typed").is_file()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        assert "--full" in call(folder, "demo", "--help")
        assert "pairs" in call(folder, "list", "formats")
        demo.write_data(folder, demo.World(documents=20, feedback=demo.FeedbackSizes(pairs=60)))
        write_tiny_model(folder / "model")
        (folder / "study.yaml").write_text(STUDY, encoding="utf-8")
        call(folder, "run", "study.yaml", "-o", "run")
        assert "Which model to take" in (folder / "run/report.html").read_text(encoding="utf-8")
        manifest = json.loads((folder / "run/manifest.json").read_text(encoding="utf-8"))
        assert manifest["unipref"] == unipref.__version__
    print(f"unipref {unipref.__version__} works from {home.parent.name}")


if __name__ == "__main__":
    main()
