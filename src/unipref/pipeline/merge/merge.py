"""Models between objectives without training: those trained on one objective each, combined by weight.

`make` writes one mixture; `trace` measures a line of them with the benchmarks of the run. `mixing` has the arithmetic.
"""

import itertools
import math
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from unipref import report
from unipref.core import hashing, json_files, registry
from unipref.core.contracts import Benchmark
from unipref.core.errors import UserError, near_name
from unipref.core.progress import ProgressListener
from unipref.core.records import BASE, MAIN
from unipref.core.run_folder import RunFolder
from unipref.core.stage_cache import StageCache
from unipref.core.version import __version__
from unipref.core.yaml_files import read as read_yaml
from unipref.evaluate import data_path, evaluate
from unipref.models import loading
from unipref.models.loading import Policy
from unipref.models.weight_merging import SPARSE_METHODS, Method, Recipe, WeightMerger
from unipref.pipeline import stage_inputs
from unipref.pipeline.merge.held_out import unseen
from unipref.pipeline.merge.inputs import MergeCandidates, Soup, preferences
from unipref.pipeline.stage_inputs import InputHashes
from unipref.study.schema import Study

RECORD = "soup.json"
SOUP = "soup"
"""The variant of traced mixtures in the scores, and the folder of a run that they are in."""


def make(
    run: Path,
    weights: str | Mapping[str, float],
    out: Path | None,
    recipe: Recipe,
    adapters: Mapping[str, str] | Sequence[str] = (),
    seed: int | None = None,
    listener: ProgressListener | None = None,
) -> Path:
    """Writes one mixture: a model for plain transformers, its tokenizer and template, adapter, model card, soup.json.

    Args:
        run: the run folder.
        weights: objective -> weight, or `a=0.7,b=0.3`; they need not add up to 1.
        out: the folder; None: RUN/soup/METHOD/WEIGHTS.
        recipe: how they are combined.
        adapters: objective -> `VARIANT/SEED/STEP` or folder, or `OBJECTIVE=PLACE` each; others are found by their data.
        seed: the run's seed whose models are taken.
        listener: told which models are taken.

    Returns:
        The folder. The adapter is in its folder `adapter`; TIES and DARE have none, as their change is of full rank.

    Raises:
        UserError: a weight, an objective, a model or the folder is wrong.
    """
    _check(recipe)
    wanted = read_weights(weights)
    kitchen = MergeCandidates(run, _named(adapters), seed, listener or ProgressListener())
    soup = Soup.of(kitchen, list(wanted))
    folder = out or run / SOUP / recipe.method / _file_name(label(wanted))
    if folder.exists() and not (folder / RECORD).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError("this holds something else.", where=str(folder), mend="Give a new or an empty folder.")
    aside = folder.with_name(folder.name + ".partial")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    has_adapter = soup.pot().write(wanted, recipe, aside)
    loading.load_tokenizer(soup.tokenizer, needs_eos=False)[0].save_pretrained(aside)
    record = _record(kitchen, soup, wanted, recipe)
    json_files.write_json(aside / RECORD, record)
    json_files.write_text(aside / "README.md", card(record, has_adapter))
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(aside, folder)
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

    The base is loaded once, and what has been measured is not measured again.

    Args:
        run: the run folder.
        points: steps from one objective to the next, both ends included: of two objectives so many mixtures, of more
            all whose weights are multiples of 1 / (points - 1).
        recipe: as for `make`.
        adapters: as for `make`; where two or more are named, only these are mixed.
        by: the figures that make a mixture efficient; as `report.efficient`.
        seed: as for `make`.
        listener: told what is done.

    Returns:
        What is written: rows as in `scores.json`, with `weights`, `method` and `efficient` besides. `variant` is
        'soup' and `step` the weights; the base model's rows are those of the run, if it has them.

    Raises:
        UserError: fewer than two points, a wrong objective or model, or nothing to measure with.
    """
    _check(recipe)
    if points < 2:
        raise UserError("a line has two points or more.", where="--trace", mend="Give --trace 5, for example.")
    listener = listener or ProgressListener()
    kitchen = MergeCandidates(run, _named(adapters), seed, listener)
    named = _named(adapters)
    soup = Soup.of(kitchen, sorted(named if len(named) > 1 else kitchen.known))
    measuring = _Measuring(kitchen, soup, recipe)
    rows = list(measuring.base_rows())
    for weights in line(list(soup.parts), points):
        rows += measuring.scores(weights)
    # Whoever asks for other figures later finds all rows there; the marks are for those asked for now.
    marked = report.efficient(rows, by)
    rows = [{**row, "efficient": row["step"] in marked} for row in rows]
    json_files.write_json(run / SOUP / "front.json", rows)
    return rows


class _Measuring:
    """Measures mixtures, each benchmark a stage of its own; the pot is filled when one has to be asked."""

    def __init__(self, kitchen: MergeCandidates, soup: Soup, recipe: Recipe) -> None:
        self.kitchen, self.soup, self.recipe = kitchen, soup, recipe
        run = kitchen.run
        self.dir = StageCache(run, kitchen.listener.stage)
        study = registry.validate_settings(Study, read_yaml(run / "study.yaml"), str(run / "study.yaml"))
        self.root = Path(kitchen.manifest.data_root or run)
        self.unseen = unseen(kitchen.manifest, self.dir, soup.trained_as(), f"{SOUP}/held_out")
        for part, (gone, n) in self.unseen.left_out.items():
            kitchen.listener.note(f"{gone} of {n} {part} preferences are left out: a mixed model was trained on them.")
        for name in soup.foreign():
            place = soup.parts[name].place
            kitchen.listener.note(f"{name}: what {place} was trained on is not known, and not left out.")
        self.benchmarks = [pair for pair in study.labelled_benchmarks() if "policy" in pair[0].measures]
        if not self.benchmarks:
            mend = "Add benchmarks under 'evaluate' and run the study again."
            raise UserError("the run's study has no benchmark to measure with.", where=str(run), mend=mend)
        for benchmark, _ in self.benchmarks:
            self._check_rows(benchmark)
        self.hashes = InputHashes(self.root)
        folders = {name: soup.folder_of(name) for name in soup.parts}
        self.mixture = stage_inputs.mixture(self.hashes, soup.base, soup.tokenizer, folders, recipe)
        self._pot: WeightMerger | None = None
        self._asked: tuple[Mapping[str, float], Policy] | None = None

    def _path(self, benchmark: Benchmark) -> Path:
        return data_path(benchmark, self.root, self.unseen.splits)

    def _gone(self, benchmark: Benchmark) -> tuple[int, int]:
        """Preferences left out of what it reads, and of how many; zeros where it reads no part of the run's."""
        found = self.unseen.left_out.get(benchmark.part)
        return found if found and self._path(benchmark) in self.unseen.splits.values() else (0, 0)

    def _check_rows(self, benchmark: Benchmark) -> None:
        gone, n = self._gone(benchmark)
        if gone and gone == n:
            raise UserError(
                f"every {benchmark.part} preference was trained on by a mixed model.",
                where=str(self.dir.folder),
                mend="Name models with the same sources and split: --adapter OBJECTIVE=VARIANT/SEED/STEP",
            )

    def scores(self, weights: Mapping[str, float]) -> Iterator[dict[str, Any]]:
        """The rows of a mixture."""
        name = label(weights)
        who = {"variant": SOUP, "seed": int(self.kitchen.seed), "step": name, "model": name}
        how = {"weights": dict(weights), "method": self.recipe.method}
        for benchmark, title in self.benchmarks:
            place, key = f"{self.recipe.method}/{_file_name(name)}", {**self.mixture, "weights": weights}
            yield from ({**who, **how, **row} for row in self._measured(place, key, name, weights, benchmark, title))

    def base_rows(self) -> Iterator[dict[str, Any]]:
        """The base model's rows of the run's scores; measured here where the run measured it on other preferences."""
        rows = [row for row in RunFolder(self.dir.folder).scores() if row.step == BASE]
        own = {row.benchmark for row in rows if row.variant == self.unseen.variant}
        none: dict[str, Any] = {"weights": {}, "method": None}
        for benchmark, title in self.benchmarks:
            if self._gone(benchmark)[0]:
                who = {"variant": BASE, "seed": None, "step": BASE, "model": self.soup.base}
                key = {"base": self.mixture["base"]}
                yield from ({**who, **none, **row} for row in self._measured(BASE, key, BASE, {}, benchmark, title))
            else:
                variants = (self.unseen.variant,) if title in own else (BASE, MAIN)
                mine = [row for row in rows if row.benchmark == title and row.variant in variants]
                yield from ({**row.as_dict(), **none} for row in mine)

    def _measured(
        self,
        place: str,
        key: Mapping[str, Any],
        name: str,
        weights: Mapping[str, float],
        benchmark: Benchmark,
        title: str,
    ) -> list[dict[str, Any]]:
        """Scores of a mixture, or of the base where there are no weights."""
        splits = self.unseen.splits
        inputs = stage_inputs.mixture_scores(self.hashes, key, benchmark, self._path(benchmark))

        def work(out: Path) -> dict[str, Any]:
            scores = evaluate(
                name,
                [benchmark],
                data_root=self.root,
                splits=splits,
                out=out,
                labels=[title],
                on_note=self.kitchen.listener.note,
                load=lambda name: self._policy(weights, name),
            )
            return {"scores": scores}

        scores: list[dict[str, Any]] = self.dir.stage(f"{SOUP}/front/{place}/{title}", inputs, work).result["scores"]
        return scores

    def _policy(self, weights: Mapping[str, float], name: str) -> Policy:
        if self._pot is None:
            self._pot = self.soup.pot()
        if self._asked is None or self._asked[0] != weights:
            tokenizer = self.soup.tokenizer if weights else self.soup.base
            self._asked = weights, self._pot.policy(weights, self.recipe, tokenizer, name)
        return self._asked[1]


def read_weights(given: str | Mapping[str, float]) -> dict[str, float]:
    """`instruction=0.7,bias=0.3` as numbers.

    Raises:
        UserError: not of that form, a weight that is no finite number, an objective named twice, or nothing but zeros.
    """
    if not given:
        raise UserError("no weights are given.", mend="Say --weights instruction=0.7,bias=0.3, or --trace 5.")
    pairs = list(given.items()) if isinstance(given, Mapping) else _pairs(given.split(","), "--weights")
    found: dict[str, float] = {}
    for name, value in pairs:
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            mend = "Give a number, as in: instruction=0.7,bias=0.3"
            raise UserError(f"the weight of '{name}' is no number: {value!r}.", where="--weights", mend=mend)
        if name in found:
            raise UserError(f"'{name}' is named twice.", where="--weights", mend="Give each objective one weight.")
        found[name] = number
    if not any(found.values()):
        raise UserError("all weights are 0: that is the base model.", where="--weights", mend="Weigh one at least.")
    return found


def line(names: Sequence[str], points: int) -> list[dict[str, float]]:
    """All weights that are multiples of 1 / (points - 1) and add up to 1, from all first to all last."""
    steps = points - 1
    counts = (c for c in itertools.product(range(steps, -1, -1), repeat=len(names)) if sum(c) == steps)
    return [{name: count / steps for name, count in zip(names, c, strict=True)} for c in counts]


def label(weights: Mapping[str, float]) -> str:
    """The weights as they are typed."""
    return ",".join(f"{name}={weight:.4g}" for name, weight in weights.items())


def card(record: Mapping[str, Any], has_adapter: bool) -> str:
    """The model card of a mixture: what it was made from and how."""
    base, folder = record["base"], Path(record["base"]).is_dir()
    head = ["---", *([] if folder else [f"base_model: {base}"]), "library_name: transformers", "tags: [merge]", "---"]
    kind = "adapters" if record["adapters"] else "whole models"
    how = record["method"] + (f", density {record['density']}" if record["method"] in SPARSE_METHODS else "")
    how += f", seed {record['seed']}" if record["method"].startswith("dare") else ""
    lines = [
        f"# {Path(base).name}: {label(record['weights'])}",
        "",
        f"Made without training by unipref {record['unipref']} from {kind} "
        f"trained on one objective each, all from `{Path(base).name if folder else base}`.",
        "",
        "| objective | weight | trained as | preferences it was trained on |",
        "|---|---|---|---|",
    ]
    for name, part in record["parts"].items():
        data = ", ".join(f"{source} {count}" for source, count in part["preferences"].items()) or "not known"
        lines.append(f"| {name} | {part['weight']:g} | `{part['place']}` | {data} |")
    lines += ["", f"Method: {how}. The licences of the base model and of the data apply.", ""]
    lines += ["It loads with `transformers.AutoModelForCausalLM.from_pretrained`."]
    if has_adapter:
        lines += ["The folder `adapter` has the same change as one LoRA adapter over the base."]
    return "\n".join([*head, "", *lines]) + "\n"


def _record(kitchen: MergeCandidates, soup: Soup, weights: Mapping[str, float], recipe: Recipe) -> dict[str, Any]:
    parts = {}
    for name, part in soup.parts.items():
        hashed = hashing.tree_hash(soup.folder_of(name))
        data = preferences(kitchen.manifest, part)
        parts[name] = {"weight": weights[name], "place": part.place, "hash": hashed, "preferences": data}
    return {
        "unipref": __version__,
        "base": soup.base,
        "adapters": soup.adapters,
        "weights": dict(weights),
        "method": recipe.method,
        "density": recipe.density,
        "seed": recipe.seed,
        "parts": parts,
        "versions": hashing.find_versions("torch", "transformers", "peft"),
    }


def _named(given: Mapping[str, str] | Sequence[str]) -> dict[str, str]:
    return dict(given) if isinstance(given, Mapping) else dict(_pairs(given, "--adapter"))


def _pairs(given: Sequence[str], where: str) -> list[tuple[str, str]]:
    pairs = [one.partition("=") for one in given]
    if wrong := ["".join(pair) for pair in pairs if not pair[0].strip() or not pair[2].strip()]:
        raise UserError(f"expected OBJECTIVE=VALUE, found '{wrong[0]}'.", where=where, mend="As in: bias=...")
    return [(name.strip(), value.strip()) for name, _, value in pairs]


def _check(recipe: Recipe) -> None:
    methods = get_args(Method)
    if recipe.method not in methods:
        raise UserError(
            f"there is no method '{recipe.method}'.", where="--method", mend=near_name(recipe.method, methods)
        )
    if not 0 < recipe.density <= 1:
        mend = "Give the share of entries to keep, as 0.5."
        raise UserError(f"a density is above 0 and at most 1, not {recipe.density}.", where="--density", mend=mend)


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.+=,-]", "_", text)
