"""What the opening, the precision and the framings change in the figures of one model.

`python benchmarks/measure_changes.py MODEL DATA OUT` measures the model on parts of seven benchmarks, each in up to
four ways, and writes one file per benchmark and way; what exists is not measured again. `--table` prints the table of
`docs/metrics.md` from these files.

The ways: `framings` as unipref measures by default; `one framing`; `bfloat16`, one framing; `as before`, one framing
with the tokenizer's BOS before every text, as earlier versions did if the tokenizer adds nothing. BBQ asks through the
chat template, so there `as before` is each item's own wording of the unknown answer, `one framing` the mean over all.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from unipref.core import registry
from unipref.core.chat_models import Policy
from unipref.core.contracts import Benchmark
from unipref.evaluate import framings, likelihood
from unipref.evaluate.benchmarks import crows_pairs, winogrande
from unipref.models.inference import Request, all_continuation_ids
from unipref.models.loading import load_policy, set_threads

SETTINGS: dict[str, dict[str, Any]] = {
    "winogrande": {"limit": 40},
    "crows_pairs": {"limit": 80, "prompts": False},
    "winogenerated": {"limit": 60},
    "stereoset": {"limit": 60, "data": "stereoset_intrasentence"},
    "winogender": {"limit": 12},
    "winobias": {"limit": 32, "mode": "corrected", "new_tokens": 2},
    "bbq": {"limit": 48},
}
METRICS = {
    "winogrande": "accuracy",
    "crows_pairs": "stereotype_preference",
    "winogenerated": "stereotype_choice",
    "stereoset": "ss",
    "winogender": "two_way_bias",
    "winobias": "two_way_bias",
    "bbq": "accuracy_ambiguous",
}
WAYS = ("as before", "one framing", "bfloat16", "framings")


def put_bos_first(policy: Policy, pairs: Sequence[tuple[str, str]]) -> list[Request]:
    """As `continuation_requests`, with the tokenizer's BOS before every text, even if it is a chat mark."""
    bos = policy.tokenizer.bos_token_id
    return [([bos, *before], rest) for before, rest in all_continuation_ids(policy, pairs)]


def set_opening(requests: Callable[..., list[Request]]) -> None:
    """Makes all benchmarks of likelihoods make their requests so."""
    for module in (likelihood, framings, crows_pairs, winogrande):
        module.continuation_requests = requests


def list_ways(name: str, kind: type[Benchmark]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yields each way to measure a benchmark: its name, the precision, and the settings."""
    one = {"framings": 1} if "framings" in kind.model_fields else {}
    if one:
        yield "framings", "float32", {}
    if not one or name == "bbq":
        yield "one framing", "float32", one
    if name != "winobias":  # its mode `corrected` never put BOS before a prompt
        yield "as before", "float32", one | ({"unknown": "own"} if name == "bbq" else {})
    yield "bfloat16", "bfloat16", one


def measure(model: str, data: Path, out: Path, only: Sequence[str], ways: Sequence[str]) -> None:
    """Measures these benchmarks in each of these ways that is not in `out` yet."""
    set_threads()
    out.mkdir(parents=True, exist_ok=True)
    own, loaded = likelihood.continuation_requests, dict[str, Policy]()
    for name, settings in ((name, SETTINGS[name]) for name in only):
        kind = registry.find("benchmark", name)
        assert issubclass(kind, Benchmark)
        for way, precision, more in list_ways(name, kind):
            path = out / f"{name}.{way.replace(' ', '_')}.json"
            if path.exists() or way not in ways:
                continue
            if precision not in loaded:
                loaded[precision] = load_policy(model, precision)
            benchmark = kind(**{"data": name, **settings, **more})
            set_opening(put_bos_first if way == "as before" else own)
            start = time.process_time()
            finding = benchmark.measure(loaded[precision], data / str(benchmark.data), benchmark.part)
            seconds = time.process_time() - start
            scores = [
                {"metric": s.metric, "slice": s.slice, "value": s.value, "low": s.low, "high": s.high, "n": s.n}
                for s in finding.scores
                if s.slice == "all" or s.slice.startswith("framing:")
            ]
            path.write_text(json.dumps({"seconds": seconds, "scores": scores}))
            print(f"{name}, {way}: {seconds:.1f} s", flush=True)
    set_opening(own)


def find(out: Path, name: str, way: str, metric: str) -> dict[str, Any] | None:
    """A score on disk; that of one framing may stand among those of all framings."""
    for place, part in (
        ((way, "all"), ("framings", None)) if way == "one framing" and name != "bbq" else ((way, "all"),)
    ):
        path = out / f"{name}.{place.replace(' ', '_')}.json"
        scores = json.loads(path.read_text())["scores"] if path.exists() else []
        for score in scores:
            first = part is None and score["slice"].startswith("framing:")
            if score["metric"] == metric and (first or score["slice"] == part):
                return dict(score)
    return None


def make_table(out: Path) -> str:
    """The table as Markdown; a dash where something was not measured."""
    lines = ["| benchmark, metric | n | " + " | ".join(WAYS) + " | spread |", "|" + "---|" * (len(WAYS) + 3)]
    for name, metric in METRICS.items():
        scores = [find(out, name, way, metric) for way in WAYS]
        spread = find(out, name, "framings", f"{metric}_spread")
        n = next((score["n"] for score in scores if score), "–")
        cells = [f"{s['value']:.3f} [{s['low']:.3f}, {s['high']:.3f}]" if s else "–" for s in scores]
        cells.append(f"{spread['value']:.3f}" if spread else "–")
        lines.append(f"| {name}, `{metric}` | {n} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", nargs="+", choices=tuple(SETTINGS), default=tuple(SETTINGS), help="benchmarks")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--table", action="store_true", help="print the table of what was measured")
    arguments = parser.parse_args()
    if not arguments.table:
        measure(arguments.model, arguments.data, arguments.out, arguments.only, arguments.ways)
    print(make_table(arguments.out))
