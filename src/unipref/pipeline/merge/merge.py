"""Merges models trained on one objective each, by weight, without training.

`write_mixture` writes one mixture; `trace` measures a line of mixtures with the benchmarks of the run.
`models.weight_merging` has the arithmetic.
"""

import itertools
import math
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, get_args

from unipref import report
from unipref.core import hashing, json_files, registry, user_code
from unipref.core.attempts import replace_folder
from unipref.core.chat_models import Policy
from unipref.core.contracts import Benchmark
from unipref.core.errors import UserError, near_name, report_missing_resources
from unipref.core.folder_lock import use_alone
from unipref.core.hub import pin_in
from unipref.core.progress import ProgressListener
from unipref.core.records import BASE, MAIN
from unipref.core.run_folder import RunFolder, SourceCounts
from unipref.core.stage_cache import StageCache
from unipref.core.terminal import show_text
from unipref.core.version import __version__
from unipref.core.yaml_files import read as read_yaml
from unipref.evaluate import data_path, evaluate
from unipref.models import loading
from unipref.models.weight_merging import SPARSE_METHODS, Method, Recipe, WeightMerger
from unipref.pipeline import stage_inputs
from unipref.pipeline.merge.held_out import choose_held_out, list_unknown_prompts
from unipref.pipeline.merge.inputs import MergeCandidates, MergeSet, count_preferences
from unipref.pipeline.stage_inputs import InputHashes
from unipref.report.licences import MEANING, describe_licences
from unipref.report.render.markdown import escape
from unipref.study.schema import Study

RECORD = "soup.json"
SOUP = "soup"
"""The variant of traced mixtures in the scores, and their folder in the run."""


def write_mixture(
    run: Path,
    weights: str | Mapping[str, float],
    out: Path | None,
    recipe: Recipe,
    adapters: Mapping[str, str] | Sequence[str] = (),
    seed: int | None = None,
    listener: ProgressListener | None = None,
) -> Path:
    """Writes one mixture: a model for transformers, its tokenizer and template, adapter, model card, soup.json.

    Args:
        run: the run folder.
        weights: objective -> weight, or `a=0.7,b=0.3`; they need not add up to 1.
        out: the folder; None: RUN/soup/METHOD/WEIGHTS.
        recipe: how to merge them.
        adapters: objective -> `VARIANT/SEED/STEP` or folder, or a list of `OBJECTIVE=PLACE`; unipref finds the others.
        seed: the run's seed whose models to merge.
        listener: receives the names of the models.

    Returns:
        The folder. Its folder `adapter` has the adapter; TIES and DARE have none, as their change is of full rank.

    Raises:
        UserError: a weight, an objective, a model or the folder is invalid.
    """
    _check_recipe(recipe)
    weight_of = read_weights(weights)
    candidates = MergeCandidates(run, _read_adapters(adapters), seed, listener or ProgressListener())
    merge_set = MergeSet.choose(candidates, list(weight_of))
    folder = out or run / SOUP / recipe.method / _file_name(format_weights(weight_of))
    if folder.exists() and not (folder / RECORD).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(
            "the output folder is not empty and was not written by `unipref soup`.",
            where=str(folder),
            mend="Give a new or an empty folder.",
        )
    with report_missing_resources(str(folder)), _use_run(run), replace_folder(folder) as partial:
        has_adapter, difference = merge_set.load_merger().write(weight_of, recipe, partial, run)
        loading.load_tokenizer(merge_set.tokenizer, needs_eos=False)[0].save_pretrained(partial)
        record = {**_make_record(candidates, merge_set, weight_of, recipe), "merge": difference.as_record()}
        json_files.write_json(partial / RECORD, record)
        json_files.write_text(partial / "README.md", show_text(make_card(record, has_adapter)))
    return folder


def trace(
    run: Path,
    points: int,
    recipe: Recipe,
    adapters: Mapping[str, str] | Sequence[str] = (),
    by: Sequence[str] = (),
    seed: int | None = None,
    listener: ProgressListener | None = None,
) -> list[dict[str, Any]]:
    """Measures a line of mixtures with the run's benchmarks, and writes RUN/soup/front.json.

    It loads the base once and skips what is already measured.

    Args:
        run: the run folder.
        points: number of mixtures from one objective to the other, both ends included; of three or more objectives,
            all mixtures whose weights are multiples of 1 / (points - 1).
        recipe: as for `write_mixture`.
        adapters: as for `write_mixture`; if two or more are named, only these are merged.
        by: the figures that make a mixture efficient; as `report.efficient`.
        seed: as for `write_mixture`.
        listener: receives notes and progress.

    Returns:
        The rows written: as in `scores.json`, plus `weights`, `method` and `efficient`. `variant` is 'soup' and `step`
        the weights; the base model's rows are those of the run, if it has them.

    Raises:
        UserError: fewer than two points, an invalid objective or model, or no benchmark.
    """
    _check_recipe(recipe)
    if points < 2:
        raise UserError("a trace needs two points or more.", where="--trace", mend="Give --trace 5, for example.")
    listener = listener or ProgressListener()
    places = _read_adapters(adapters)
    candidates = MergeCandidates(run, places, seed, listener)
    merge_set = MergeSet.choose(candidates, sorted(places if len(places) > 1 else candidates.places))
    with _use_run(run):
        measurement = _Measurement(candidates, merge_set, recipe)
        rows = list(measurement.score_base())
        for weights in list_weights(list(merge_set.parts), points):
            rows += measurement.score(weights)
        # All rows are written; `efficient` is for the figures in `by`.
        efficient_steps = report.efficient(rows, by)
        rows = [{**row, "efficient": row["step"] in efficient_steps} for row in rows]
        json_files.write_json(run / SOUP / "front.json", rows)
    return rows


@contextmanager
def _use_run(run: Path) -> Iterator[None]:
    """Holds the lock of the run folder; of a read-only one, into which nothing writes, none. Uses its pins."""
    with use_alone(run) if os.access(run, os.W_OK) else nullcontext(), pin_in(run):
        yield


class _Measurement:
    """Measures mixtures, each benchmark in a stage of its own. It loads models only if a stage has to run."""

    def __init__(self, candidates: MergeCandidates, merge_set: MergeSet, recipe: Recipe) -> None:
        self.candidates, self.merge_set, self.recipe = candidates, merge_set, recipe
        run = candidates.run
        self.cache = StageCache(run, candidates.listener.stage)
        folder = candidates.manifest.study_folder
        user_code.use_folder(Path(folder) if folder else None)
        study = registry.validate_settings(Study, read_yaml(run / "study.yaml"), str(run / "study.yaml"))
        for file in user_code.list_files().values():
            candidates.listener.note(f"code from {file}")
        self.root = Path(candidates.manifest.data_root or run)
        self.held_out = choose_held_out(
            candidates.manifest, self.cache, merge_set.list_variants_and_seeds(), f"{SOUP}/held_out"
        )
        for part, (left_out, n) in self.held_out.left_out.items():
            candidates.listener.note(
                f"{left_out} of {n} {part} preferences are left out: a merged model was trained on them."
            )
        for variant, seed in merge_set.list_variants_and_seeds():
            for step in list_unknown_prompts(candidates.manifest, variant, seed):
                candidates.listener.note(
                    f"{variant}/{seed}/{step}: prompts of other sources with constraints are not looked for in "
                    "held-out parts."
                )
        for name in merge_set.list_foreign():
            place = merge_set.parts[name].place
            candidates.listener.note(f"{name}: the training data of {place} is unknown, so none of it is left out.")
        self.benchmarks = [pair for pair in study.labelled_benchmarks() if "policy" in pair[0].measures]
        if not self.benchmarks:
            mend = "Add benchmarks under 'evaluate' and run the study again."
            raise UserError("the run's study has no benchmark for policies.", where=str(run), mend=mend)
        for benchmark, _ in self.benchmarks:
            self._check_rows(benchmark)
        self.hashes = InputHashes(self.root)
        folders = {name: merge_set.folder_of(name) for name in merge_set.parts}
        self.mixture = stage_inputs.mixture_inputs(self.hashes, merge_set.base, merge_set.tokenizer, folders, recipe)
        self._merger: WeightMerger | None = None
        self._loaded: tuple[Mapping[str, float], Policy] | None = None

    def _find_data(self, benchmark: Benchmark) -> Path:
        return data_path(benchmark, self.root, self.held_out.splits)

    def _count_left_out(self, benchmark: Benchmark) -> tuple[int, int]:
        """Counts the preferences left out of the benchmark's data, and all; zeros if it reads other data."""
        counts = self.held_out.left_out.get(benchmark.part)
        return counts if counts and self._find_data(benchmark) in self.held_out.splits.values() else (0, 0)

    def _check_rows(self, benchmark: Benchmark) -> None:
        left_out, n = self._count_left_out(benchmark)
        if left_out and left_out == n:
            raise UserError(
                f"a merged model was trained on every {benchmark.part} preference.",
                where=str(self.cache.folder),
                mend="Name models with the same sources and split: --adapter OBJECTIVE=VARIANT/SEED/STEP",
            )

    def score(self, weights: Mapping[str, float]) -> Iterator[dict[str, Any]]:
        """Yields the rows of a mixture."""
        name = format_weights(weights)
        model = {"variant": SOUP, "seed": int(self.candidates.seed), "step": name, "model": name}
        mixture = {"weights": dict(weights), "method": self.recipe.method}
        for benchmark, title in self.benchmarks:
            place, key = f"{self.recipe.method}/{_file_name(name)}", {**self.mixture, "weights": weights}
            scores = self._measure(place, key, name, weights, benchmark, title)
            yield from ({**model, **mixture, **row} for row in scores)

    def score_base(self) -> Iterator[dict[str, Any]]:
        """Yields the base model's rows from the run's scores, or measures it if the run used other preferences."""
        rows = [row for row in RunFolder(self.cache.folder).scores() if row.step == BASE]
        own_benchmarks = {row.benchmark for row in rows if row.variant == self.held_out.variant}
        no_mixture: dict[str, Any] = {"weights": {}, "method": None}
        for benchmark, title in self.benchmarks:
            if self._count_left_out(benchmark)[0]:
                model = {"variant": BASE, "seed": None, "step": BASE, "model": self.merge_set.base}
                key = {"base": self.mixture["base"]}
                scores = self._measure(BASE, key, BASE, {}, benchmark, title)
                yield from ({**model, **no_mixture, **row} for row in scores)
            else:
                variants = (self.held_out.variant,) if title in own_benchmarks else (BASE, MAIN)
                matching = [row for row in rows if row.benchmark == title and row.variant in variants]
                yield from ({**row.as_dict(), **no_mixture} for row in matching)

    def _measure(
        self,
        place: str,
        key: Mapping[str, Any],
        name: str,
        weights: Mapping[str, float],
        benchmark: Benchmark,
        title: str,
    ) -> list[dict[str, Any]]:
        """Measures a mixture, or the base if there are no weights."""
        splits = self.held_out.splits
        inputs = stage_inputs.mixture_score_inputs(self.hashes, key, benchmark, self._find_data(benchmark))

        def evaluate_model(out: Path) -> dict[str, Any]:
            scores = evaluate(
                name,
                [benchmark],
                data_root=self.root,
                splits=splits,
                out=out,
                labels=[title],
                on_note=self.candidates.listener.note,
                load=lambda name, precision: self._merge_policy(weights, name, precision),
            )
            return {"scores": scores}

        scores: list[dict[str, Any]] = self.cache.stage(f"{SOUP}/front/{place}/{title}", inputs, evaluate_model).result[
            "scores"
        ]
        return scores

    def _merge_policy(self, weights: Mapping[str, float], name: str, precision: str) -> Policy:
        if self._merger is None or self._merger.precision != precision:
            self._merger = self._loaded = None  # frees the memory before the next one is loaded
            self._merger = self.merge_set.load_merger(precision)
        if self._loaded is None or self._loaded[0] != weights:
            tokenizer = self.merge_set.tokenizer if weights else self.merge_set.base
            self._loaded = weights, self._merger.policy(weights, self.recipe, tokenizer, name)
        return self._loaded[1]


def read_weights(weights: str | Mapping[str, float]) -> dict[str, float]:
    """Reads weights such as `instruction=0.7,bias=0.3`.

    Raises:
        UserError: the form is wrong, a weight is not finite, an objective has two weights, or all weights are 0.
    """
    if not weights:
        raise UserError("the weights are missing.", mend="Give --weights instruction=0.7,bias=0.3, or --trace 5.")
    pairs = list(weights.items()) if isinstance(weights, Mapping) else _split_pairs(weights.split(","), "--weights")
    numbers: dict[str, float] = {}
    for name, value in pairs:
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            mend = "Give a number, as in: instruction=0.7,bias=0.3"
            raise UserError(f"the weight of '{name}' is not a number: {value!r}.", where="--weights", mend=mend)
        if name in numbers:
            raise UserError(f"'{name}' has two weights.", where="--weights", mend="Give each objective one weight.")
        numbers[name] = number
    if not any(numbers.values()):
        raise UserError("all weights are 0: that is the base model.", where="--weights", mend="Give one a weight.")
    return numbers


def list_weights(names: Sequence[str], points: int) -> list[dict[str, float]]:
    """Lists all weights that are multiples of 1 / (points - 1) and add up to 1, from first to last objective."""
    steps = points - 1
    counts = (c for c in itertools.product(range(steps, -1, -1), repeat=len(names)) if sum(c) == steps)
    return [{name: count / steps for name, count in zip(names, c, strict=True)} for c in counts]


def format_weights(weights: Mapping[str, float]) -> str:
    """Formats weights as the command line takes them."""
    return ",".join(f"{name}={weight:.4g}" for name, weight in weights.items())


def make_card(record: Mapping[str, Any], has_adapter: bool) -> str:
    """Makes the model card of a mixture: its models, their weights and the method."""
    base, folder = record["base"], Path(record["base"]).is_dir()
    head = ["---", *([] if folder else [f"base_model: {base}"]), "library_name: transformers", "tags: [merge]", "---"]
    kind = "adapters" if record["adapters"] else "whole models"
    how = record["method"] + (f", density {record['density']}" if record["method"] in SPARSE_METHODS else "")
    how += f", seed {record['seed']}" if record["method"].startswith("dare") else ""
    lines = [
        f"# {Path(base).name}: {format_weights(record['weights'])}",
        "",
        f"Made without training by unipref {record['unipref']} from {kind} "
        f"trained on one objective each, all from `{Path(base).name if folder else base}`.",
        "",
        "| objective | weight | trained as | preferences it was trained on |",
        "|---|---|---|---|",
    ]
    for name, part in record["parts"].items():
        data = ", ".join(f"{source} {count}" for source, count in part["preferences"].items()) or "unknown"
        lines.append(f"| {name} | {part['weight']:g} | `{part['place']}` | {data} |")
    lines += ["", f"Method: {how}. The licences of the base model and of the data apply.", ""]
    if merge := record.get("merge"):
        lines += [
            f"The saved model was compared with the unmerged one: the log-probabilities of {merge['tokens']} tokens "
            f"differ by at most {merge['largest']:.2g} nats.",
            "",
        ]
    lines += _describe_licences(record)
    lines += ["It loads with `transformers.AutoModelForCausalLM.from_pretrained`."]
    if has_adapter:
        lines += ["The folder `adapter` has the same change as one LoRA adapter over the base."]
    return "\n".join([*head, "", *lines]) + "\n"


def _describe_licences(record: Mapping[str, Any]) -> list[str]:
    """The lines of a card on the licences that restrict the use of the data."""
    counts: Counter[str] = Counter()
    for part in record["parts"].values():
        counts.update(part["preferences"])
    sources = {name: SourceCounts(licence=record.get("licences", {}).get(name)) for name in counts}
    restrictions = describe_licences(sources, counts, "preferences of the merged models")
    return [*(f"- {escape(line)}" for line in restrictions), "", MEANING, ""] if restrictions else []


def _make_record(
    candidates: MergeCandidates, merge_set: MergeSet, weights: Mapping[str, float], recipe: Recipe
) -> dict[str, Any]:
    parts = {}
    for name, part in merge_set.parts.items():
        hashed = hashing.tree_hash(merge_set.folder_of(name))
        data = count_preferences(candidates.manifest, part)
        parts[name] = {"weight": weights[name], "place": part.place, "hash": hashed, "preferences": data}
    return {
        "unipref": __version__,
        "base": merge_set.base,
        "adapters": merge_set.adapters,
        "weights": dict(weights),
        "method": recipe.method,
        "density": recipe.density,
        "seed": recipe.seed,
        "parts": parts,
        "licences": {name: source.licence for name, source in candidates.manifest.sources.items()},
        "versions": hashing.find_versions("torch", "transformers", "peft"),
    }


def _read_adapters(adapters: Mapping[str, str] | Sequence[str]) -> dict[str, str]:
    return dict(adapters) if isinstance(adapters, Mapping) else dict(_split_pairs(adapters, "--adapter"))


def _split_pairs(texts: Sequence[str], where: str) -> list[tuple[str, str]]:
    pairs = [one.partition("=") for one in texts]
    if wrong := ["".join(pair) for pair in pairs if not pair[0].strip() or not pair[2].strip()]:
        raise UserError(f"expected OBJECTIVE=VALUE, found '{wrong[0]}'.", where=where, mend="As in: bias=...")
    return [(name.strip(), value.strip()) for name, _, value in pairs]


def _check_recipe(recipe: Recipe) -> None:
    methods = get_args(Method)
    if recipe.method not in methods:
        raise UserError(
            f"the method '{recipe.method}' does not exist.", where="--method", mend=near_name(recipe.method, methods)
        )
    if not 0 < recipe.density <= 1:
        mend = "Give the share of entries to keep, such as 0.5."
        raise UserError(
            f"the density must be above 0 and at most 1, found {recipe.density}.", where="--density", mend=mend
        )


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.+=,-]", "_", text)
