"""Mixtures of models trained on one objective each: their weights by hand, their files, the front between them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

import unipref
from unipref import cli
from unipref.core.errors import UserError
from unipref.core.progress import ProgressListener
from unipref.models import weight_merging
from unipref.models.adapter_merge import untie
from unipref.models.loading import load_model, load_policy
from unipref.models.weight_merging import Recipe, WeightMerger
from unipref.pipeline.merge import merge
from unipref.pipeline.merge.inputs import MergeCandidates
from unipref.report import efficient

LAYER = "model.layers.0.self_attn.q_proj"
IDS = torch.tensor([[1, 20, 30, 40, 50, 60]])
Array = npt.NDArray[np.float64]


def lora(base: Path, folder: Path, seed: int, head: str = "causal", **settings: Any) -> Path:
    """A LoRA adapter with weights that matter, as peft saves it."""
    from peft import LoraConfig, get_peft_model

    wanted = {"r": 2 + seed, "lora_alpha": 3.0, "target_modules": ["q_proj", "down_proj"], **settings}
    kind = "CAUSAL_LM" if head == "causal" else "SEQ_CLS"
    model = get_peft_model(load_model(str(base), head), LoraConfig(task_type=kind, **wanted))
    torch.manual_seed(seed)
    for name, weights in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weights, std=0.1)
    model.save_pretrained(folder)
    return folder


def step(base: Path, folder: Path, seed: int, **settings: Any) -> Path:
    """A training step's folder: the merged model, its tokenizer, and the adapter beside it."""
    adapter = lora(base, folder / "adapter", seed, **settings)
    merged = load_policy(str(adapter))
    merged.model.save_pretrained(folder)
    merged.tokenizer.save_pretrained(folder)
    return folder


def kept(objective: str, n: int, source: str = "s") -> dict[str, Any]:
    parts = [{"of": "objective", "name": objective, "count": [n, n]}, {"of": "source", "name": source, "count": [n, n]}]
    return {"account": {"parts": parts}}


ITEMS = [
    {"id": str(i), "prompt": f"Say {word}.", "rule": "one_word", "arguments": {}}
    for i, word in enumerate(("yes", "no", "red", "blue"))
]


@pytest.fixture(scope="module")
def trained(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `train` of a run with a variant trained on each of two objectives, and on both."""
    root = tmp_path_factory.mktemp("trained")
    for seed, variant in enumerate(("main", "polite", "fair")):
        step(tiny_model, root / variant / "0" / "sft", seed)
    return root


@pytest.fixture
def run(tiny_model: Path, trained: Path, tmp_path: Path) -> Path:
    """A run whose variants `polite` and `fair` were trained on one objective each, and `main` on both."""
    folder = tmp_path / "run"
    shutil.copytree(trained, folder / "train")
    both = kept("instruction", 9)
    both["account"]["parts"] += kept("bias", 9)["account"]["parts"]
    variants = {"main": both, "polite": kept("instruction", 8), "fair": kept("bias", 7, "bbq")}
    manifest = {
        "model": str(tiny_model),
        "data_root": str(tmp_path),
        "selected": {name: {"0": page} for name, page in variants.items()},
        "train": {name: {"0": {"sft": {}}} for name in variants},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "instructions").mkdir()
    (tmp_path / "instructions" / "test.jsonl").write_text("".join(json.dumps(item) + "\n" for item in ITEMS))
    study = {
        "model": str(tiny_model),
        "sources": [{"name": "a", "path": "gone.jsonl"}],
        "evaluate": [{"instructions": {"data": "instructions", "new_tokens": 2}}],
        "variants": {"polite": {}, "fair": {}},
    }
    (folder / "study.yaml").write_text(json.dumps(study))
    return folder


@pytest.fixture(scope="module")
def pair(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two adapters of different rank over the same base; the second leaves a layer out."""
    root = tmp_path_factory.mktemp("pair")
    return {"a": lora(tiny_model, root / "a", 0), "b": lora(tiny_model, root / "b", 1, target_modules=["q_proj"])}


def logits(model: Any) -> Array:
    with torch.no_grad():
        found: Array = model(IDS.to(model.device)).logits.double().cpu().numpy()
    return found


def change(folder: Path, layer: str = LAYER) -> Array:
    """What an adapter changes in a layer, from its files: alpha / r B A."""
    tensors = load_file(folder / "adapter_model.safetensors")
    config = json.loads((folder / "adapter_config.json").read_text())
    a, b = (tensors[f"base_model.model.{layer}.lora_{side}.weight"].double().numpy() for side in "AB")
    found: Array = config["lora_alpha"] / config["r"] * b @ a
    return found


def changed(base: Path, model: Any, layer: str = LAYER) -> Array:
    """What a mixture changed in a layer of the base."""
    mine = {name.replace(".base_layer", ""): w for name, w in model.named_parameters()}[f"{layer}.weight"]
    before = load_file(base / "model.safetensors")[f"{layer}.weight"]
    found: Array = (mine.detach().cpu().double() - before.double()).numpy()
    return found


# Linear.


def test_all_weight_on_one_adapter_gives_its_model(tiny_model: Path, pair: dict[str, Path]) -> None:
    pot = WeightMerger(str(tiny_model), pair, adapters=True)
    for weights, alone in (({"a": 1, "b": 0}, "a"), ({"a": 0, "b": 1}, "b")):
        expected = logits(load_policy(str(pair[alone])).model)
        np.testing.assert_allclose(logits(pot.mix(weights, Recipe())), expected, atol=1e-5, rtol=0)
    base = logits(load_policy(str(tiny_model)).model)
    assert abs(expected - base).max() > 0.01
    np.testing.assert_allclose(logits(pot.mix({"a": 0, "b": 0}, Recipe())), base, atol=1e-5, rtol=0)


def test_half_and_half_is_the_mean_of_what_both_changed(tiny_model: Path, pair: dict[str, Path]) -> None:
    model = WeightMerger(str(tiny_model), pair, adapters=True).mix({"a": 0.5, "b": 0.5}, Recipe())
    expected = (change(pair["a"]) + change(pair["b"])) / 2
    np.testing.assert_allclose(changed(tiny_model, model), expected, atol=1e-5, rtol=0)
    # Only the first adapter changes this layer.
    down = "model.layers.1.mlp.down_proj"
    np.testing.assert_allclose(changed(tiny_model, model, down), change(pair["a"], down) / 2, atol=1e-5, rtol=0)


def test_weights_may_be_negative_and_need_not_add_up_to_one(tiny_model: Path, pair: dict[str, Path]) -> None:
    model = WeightMerger(str(tiny_model), pair, adapters=True).mix({"a": 1.5, "b": -1}, Recipe())
    expected = 1.5 * change(pair["a"]) - change(pair["b"])
    np.testing.assert_allclose(changed(tiny_model, model), expected, atol=1e-5, rtol=0)


# TIES and DARE.


def test_ties_keeps_the_largest_entries_and_means_those_of_the_elected_sign(
    tiny_model: Path, pair: dict[str, Path]
) -> None:
    def trimmed(matrix: Array) -> Array:
        least = np.sort(abs(matrix), axis=None)[-int(0.3 * matrix.size)]
        return np.where(abs(matrix) >= least, matrix, 0)

    a, b = trimmed(change(pair["a"])), trimmed(change(pair["b"]))
    sign = np.where(a + b >= 0, 1, -1)
    agree_a, agree_b = np.sign(a) == sign, np.sign(b) == sign
    for x, y in ((0.5, 0.5), (0.7, 0.3)):
        # 2 is the number of models: with 0.5 each, the mean of those that agree.
        expected = 2 * (x * a * agree_a + y * b * agree_b) / np.maximum(agree_a.astype(int) + agree_b, 1)
        model = WeightMerger(str(tiny_model), pair, adapters=True).mix({"a": x, "b": y}, Recipe("ties", 0.3))
        np.testing.assert_allclose(changed(tiny_model, model), expected, atol=1e-5, rtol=0)
    alone = WeightMerger(str(tiny_model), pair, adapters=True).mix({"a": 1, "b": 0}, Recipe("ties", 0.3))
    np.testing.assert_allclose(changed(tiny_model, alone), a, atol=1e-5, rtol=0)


@pytest.mark.parametrize("method", ["dare_linear", "dare_ties"])
def test_dare_is_drawn_by_the_seed_alone(
    method: weight_merging.Method, tiny_model: Path, pair: dict[str, Path]
) -> None:
    pot, weights = WeightMerger(str(tiny_model), pair, adapters=True), {"a": 0.5, "b": 0.5}
    torch.manual_seed(7)
    state = torch.get_rng_state()
    first = changed(tiny_model, pot.mix(weights, Recipe(method, 0.5, seed=3)))
    assert torch.equal(torch.get_rng_state(), state), "the caller's own draws go on undisturbed"
    other = changed(tiny_model, pot.mix(weights, Recipe(method, 0.5, seed=4)))
    torch.manual_seed(8)
    again = changed(
        tiny_model, WeightMerger(str(tiny_model), pair, adapters=True).mix(weights, Recipe(method, 0.5, seed=3))
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_dare_keeps_a_share_and_divides_by_it(tiny_model: Path, pair: dict[str, Path]) -> None:
    model = WeightMerger(str(tiny_model), pair, adapters=True).mix({"a": 0.5, "b": 0}, Recipe("dare_linear", 0.25))
    found, full = changed(tiny_model, model), change(pair["a"])
    there = abs(found) > 1e-7
    np.testing.assert_allclose(found[there], (0.5 / 0.25 * full)[there], atol=1e-5, rtol=0)
    # 48 x 48 = 2304 entries, each kept with probability 0.25: four standard deviations are 0.036.
    assert there.mean() == pytest.approx(0.25, abs=0.036)


# What is written.


def test_the_written_model_loads_with_plain_transformers_and_so_does_the_adapter(run: Path, tiny_model: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    made = unipref.soup_models(run, "instruction=0.7,bias=0.3")
    assert made == run / "soup" / "linear" / "instruction=0.7,bias=0.3"
    model = AutoModelForCausalLM.from_pretrained(made)
    assert not model.training
    adapters = [run / "train" / variant / "0" / "sft" / "adapter" for variant in ("polite", "fair")]
    expected = 0.7 * change(adapters[0]) + 0.3 * change(adapters[1])
    np.testing.assert_allclose(changed(tiny_model, model), expected, atol=1e-5, rtol=0)
    over = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_model), made / "adapter")
    np.testing.assert_allclose(logits(over), logits(model), atol=1e-5, rtol=0)
    assert json.loads((made / "adapter" / "adapter_config.json").read_text())["r"] == 3 + 4
    assert AutoTokenizer.from_pretrained(made).chat_template
    card = (made / "README.md").read_text()
    assert "| instruction | 0.7 | `polite/0/sft` | s 8 |\n| bias | 0.3 | `fair/0/sft` | bbq 7 |" in card
    assert "Method: linear." in card
    assert str(tiny_model.parent) not in card
    assert unipref.soup_models(run, {"instruction": 0.7, "bias": 0.3}) == made, "made again in place"
    assert not list(made.parent.glob("*.partial"))


@pytest.mark.parametrize(
    "settings", [{"use_rslora": True}, {"rank_pattern": {"q_proj": 5}, "alpha_pattern": {"q_proj": 11}}]
)
def test_adapters_with_scales_and_ranks_of_their_own_are_written_as_one(
    settings: dict[str, Any], tiny_model: Path, tmp_path: Path
) -> None:
    changes = {name: lora(tiny_model, tmp_path / name, seed, **settings) for seed, name in enumerate("ab")}
    merger = WeightMerger(str(tiny_model), changes, adapters=True)
    has_adapter, difference = merger.write({"a": 0.4, "b": -0.6}, Recipe(), tmp_path / "out")
    assert has_adapter
    assert difference.largest < 1e-3
    merged = load_policy(str(tmp_path / "out" / "adapter"))
    np.testing.assert_allclose(
        logits(merged.model), logits(load_model(str(tmp_path / "out"), "causal")), atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("adapters", [True, False])
def test_a_base_whose_embedding_was_never_tied_is_not_recorded_as_untied(
    adapters: bool, tiny_model: Path, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    model = load_policy(str(tiny_model))
    untie(model.model)
    model.model.save_pretrained(base)
    model.tokenizer.save_pretrained(base)
    changes = {name: (lora if adapters else step)(base, tmp_path / name, seed) for seed, name in enumerate("ab")}
    _, difference = WeightMerger(str(base), changes, adapters).write({"a": 1.0}, Recipe(), tmp_path / "out")
    assert (difference.untied, difference.is_equal) == (False, True)
    assert load_model(str(tmp_path / "out"), "causal").config.tie_word_embeddings is False


@pytest.mark.filterwarnings("ignore:Model (has|with) `tie_word_embeddings=True`")
@pytest.mark.parametrize("method", ["linear", "ties"])
def test_adapters_on_a_tied_embedding_give_a_model_that_is_not_tied(
    method: Any, tiny_model: Path, tmp_path: Path
) -> None:
    on_embedding = {"target_modules": ["q_proj", "embed_tokens"]}
    changes = {name: lora(tiny_model, tmp_path / name, seed, **on_embedding) for seed, name in enumerate("ab")}
    merger = WeightMerger(str(tiny_model), changes, adapters=True)
    has_adapter, difference = merger.write({"a": 1.0, "b": 0.5}, Recipe(method), tmp_path / "out")
    assert (has_adapter, difference.untied, difference.is_equal) == (method == "linear", True, True)
    made, base = load_model(str(tmp_path / "out"), "causal"), load_model(str(tiny_model), "causal")
    assert made.config.tie_word_embeddings is False
    torch.testing.assert_close(made.get_output_embeddings().weight, base.get_output_embeddings().weight)
    assert not torch.allclose(made.get_input_embeddings().weight, base.get_input_embeddings().weight, atol=1e-3)
    if method == "linear":
        over = load_model(str(tmp_path / "out" / "adapter"), "causal")
        np.testing.assert_allclose(logits(over), logits(made), atol=1e-4, rtol=0)


@pytest.mark.filterwarnings("ignore:Model (has|with) `tie_word_embeddings=True`")
def test_whole_models_with_a_head_of_their_own_are_averaged_over_a_tied_base(tiny_model: Path, tmp_path: Path) -> None:
    steps = {
        "a": step(tiny_model, tmp_path / "a", 1, target_modules=["q_proj", "embed_tokens"]),
        "b": step(tiny_model, tmp_path / "b", 2),
    }
    merger = WeightMerger(str(tiny_model), steps, adapters=False)
    _, difference = merger.write({"a": 0.5, "b": 0.5}, Recipe(), tmp_path / "out")
    assert (difference.untied, difference.is_equal) == (True, True)
    made, first, second = (load_model(str(path), "causal") for path in (tmp_path / "out", *steps.values()))
    mean = (first.get_input_embeddings().weight + second.get_input_embeddings().weight) / 2
    torch.testing.assert_close(made.get_input_embeddings().weight, mean, atol=1e-5, rtol=0)


def test_ties_is_written_whole(run: Path) -> None:
    made = unipref.soup_models(run, "instruction=1,bias=1", run / "made", method="ties", density=0.2)
    assert not (made / "adapter").exists()
    assert logits(load_model(str(made), "causal")).shape[-1] > 0
    assert "Method: ties, density 0.2." in (made / "README.md").read_text()


def test_models_without_adapters_are_averaged_whole(run: Path, tiny_model: Path) -> None:
    heard: list[str] = []
    for variant in ("polite", "fair"):
        shutil.rmtree(run / "train" / variant / "0" / "sft" / "adapter")

    class Ear(merge.ProgressListener):
        def note(self, text: str) -> None:
            heard.append(text)

    made = unipref.soup_models(run, "instruction=0.25,bias=0.75", listener=Ear())
    steps = [run / "train" / variant / "0" / "sft" / "model.safetensors" for variant in ("polite", "fair")]
    first, second, mixed = (load_file(path) for path in (*steps, made / "model.safetensors"))
    assert first.keys() == mixed.keys()
    for name, weights in mixed.items():
        torch.testing.assert_close(weights, 0.25 * first[name] + 0.75 * second[name], atol=1e-5, rtol=0)
    assert heard == [
        "instruction: polite/0/sft",
        "bias: fair/0/sft",
        "unipref merges the whole models, because they have no adapters.",
    ]
    assert not (made / "adapter").exists()


def test_steps_on_top_of_others_are_combined_whole(run: Path, tiny_model: Path) -> None:
    for variant in ("polite", "fair"):
        first = run / "train" / variant / "0" / "sft"
        step(first, first.with_name("dpo"), 3)
        config = first.with_name("dpo") / "adapter" / "adapter_config.json"
        assert json.loads(config.read_text())["base_model_name_or_path"] == str(first)
    named = {"instruction": "polite/0/dpo", "bias": "fair/0/dpo"}
    made = unipref.soup_models(run, "instruction=0.5,bias=0.5", adapters=named)
    assert json.loads((made / "soup.json").read_text())["adapters"] is False
    both = [load_model(str(run / "train" / place), "causal") for place in named.values()]
    expected = sum(changed(tiny_model, model) for model in both) / 2
    np.testing.assert_allclose(changed(tiny_model, load_model(str(made), "causal")), expected, atol=1e-5, rtol=0)


# The front.


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    loaded: list[str] = []
    plain = weight_merging.load_model
    monkeypatch.setattr(weight_merging, "load_model", lambda name, *how: loaded.append(name) or plain(name, *how))
    return loaded


def test_a_trace_measures_each_mixture_once_with_one_load(run: Path, tiny_model: Path, loads: list[str]) -> None:
    rows = unipref.trace_soup(run, 3)
    assert loads == [str(tiny_model)]
    assert list(dict.fromkeys(row["step"] for row in rows)) == [
        "bias=1,instruction=0",
        "bias=0.5,instruction=0.5",
        "bias=0,instruction=1",
    ]
    assert json.loads((run / "soup" / "front.json").read_text()) == rows
    whole = next(row for row in rows if row["slice"] == "all")
    assert (whole["variant"], whole["benchmark"], whole["metric"], whole["n"]) == (
        "soup",
        "instructions",
        "followed",
        4,
    )
    assert {row["efficient"] for row in rows} <= {True, False}
    assert unipref.trace_soup(run, 3) == rows
    assert len(loads) == 1, "what is measured is not measured again"
    unipref.trace_soup(run, 2)
    assert len(loads) == 1
    unipref.trace_soup(run, 2, method="ties")
    assert len(loads) == 2


def held_out(run: Path, **parts: list[int]) -> None:
    """Writes `FOLDER_PART=[group, ...]` as a part of a clean, a preference of each group; its page of the manifest."""
    from unipref.core.records import preference_schema

    manifest = json.loads((run / "manifest.json").read_text())
    for name, groups in parts.items():
        variant, part = name.split("_")
        folder = {"main": "clean"}.get(variant, f"clean-{variant}") if part != "selected" else f"selected/{variant}/0"
        page = manifest if variant == "main" else manifest.setdefault("variants", {}).setdefault(variant, {})
        if part == "selected":
            manifest["selected"][variant]["0"]["folder"] = folder
        else:
            page.setdefault("clean", {}).update({"folder": folder, part: len(groups)})
        (run / folder).mkdir(parents=True, exist_ok=True)
        sides = {k: [{"role": "assistant", "content": v}] for k, v in (("chosen", "Yes."), ("rejected", "No."))}
        rows = [
            {
                **dict.fromkeys(preference_schema().names),
                **sides,
                "id": f"{variant}{group}",
                "prompt": [{"role": "user", "content": f"Is it {group}?"}],
                "group": f"g{group}",
                **dict.fromkeys(("source", "kind", "objective", "licence"), "s"),
                "axes": [],
                "n_judgements": 1,
                "n_responses": 2,
                "origin": ["s.jsonl:1"],
                "extra": "{}",
            }
            for group in groups
        ]
        file = "train" if part == "selected" else part
        pq.write_table(pa.Table.from_pylist(rows, preference_schema()), run / folder / f"{file}.parquet")
    (run / "manifest.json").write_text(json.dumps(manifest))
    study = json.loads((run / "study.yaml").read_text())
    study["evaluate"] = [{"preference_accuracy": {"split": "test"}}]
    (run / "study.yaml").write_text(json.dumps(study))
    base = {"step": "base", "seed": None, "benchmark": "preference_accuracy", "metric": "accuracy", "slice": "all"}
    base |= {
        "mode": "sum",
        "split": "test",
        "direction": "higher",
        "ideal": 1.0,
        "chance": 0.5,
        "at_chance": False,
        "n": 9,
    }
    base |= {"low": None, "high": None, "unit": "preferences", "model": "tiny"}
    scores = [{**base, "variant": who, "value": value} for who, value in (("base", 0.1), ("fair", 0.2))]
    (run / "scores.json").write_text(json.dumps(scores))


def measured_on(run: Path) -> set[str]:
    path = run / "soup/front/linear/bias=0,instruction=1/preference_accuracy/preference_accuracy.jsonl"
    return {json.loads(line)["id"] for line in path.read_text().splitlines()}


def test_models_of_variants_with_a_clean_of_their_own_are_measured_on_its_parts(run: Path) -> None:
    held_out(run, main_test=[1, 2, 3], polite_test=[7, 8], polite_selected=[1], fair_selected=[2])
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["variants"]["fair"] = manifest["variants"]["polite"]
    (run / "manifest.json").write_text(json.dumps(manifest))
    rows = unipref.trace_soup(run, 2)
    assert measured_on(run) == {"polite7", "polite8"}
    assert [row["value"] for row in rows if row["step"] == "base"] == [0.2]


def test_prompts_that_a_merged_model_was_trained_on_are_not_measured(run: Path) -> None:
    parts = {"main_test": [1, 2, 3], "polite_test": [1, 2], "fair_test": [1, 3]}
    held_out(run, **parts, polite_selected=[3, 4], fair_selected=[2, 5], main_selected=[1])
    heard: list[str] = []

    class Ear(merge.ProgressListener):
        def note(self, text: str) -> None:
            heard.append(text)

    rows = unipref.trace_soup(run, 2, listener=Ear())
    assert measured_on(run) == {"main1"}
    assert "2 of 3 test preferences are left out: a merged model was trained on them." in heard
    assert {row["n"] for row in rows if row["variant"] == "base" and row["slice"] == "all"} == {1}, (
        "the run's figures are of other preferences"
    )


def add_round(run: Path, objective: str, sources: list[str]) -> None:
    """Adds a round of `polite` to the manifest, whose preferences have the group 3."""
    held_out(run, own_test=[3])
    (run / "clean-own/test.parquet").rename(run / "clean-own/train.parquet")
    manifest = json.loads((run / "manifest.json").read_text())
    asked = [{"name": name} for name in sources]
    one = {"objective": objective, "kept": 5, "prompt_sources": asked, "folders": {"selected": "clean-own"}}
    manifest["rounds"] = {"polite": {"0": {"dpo-1": one}}}
    (run / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(("sources", "measured"), [([], {"main4"}), (["forum"], {"main1", "main4"})])
def test_prompts_that_a_round_asked_are_left_out(run: Path, sources: list[str], measured: set[str]) -> None:
    parts = {"main_test": [1, 2, 3, 4], "polite_test": [9], "polite_train": [1], "fair_test": [8]}
    held_out(run, **parts, polite_selected=[7], fair_selected=[2])
    add_round(run, "instruction", sources)
    notes: list[str] = []
    listener = ProgressListener()
    listener.note = notes.append  # type: ignore[method-assign]
    unipref.trace_soup(run, 2, listener=listener)
    assert measured_on(run) == measured
    assert [note for note in notes if note.startswith("polite/0/dpo-1: prompts of other sources")] == [
        "polite/0/dpo-1: prompts of other sources with constraints are not looked for in held-out parts."
    ] * bool(sources)


def test_rounds_of_another_objective_make_a_model_of_two(run: Path) -> None:
    add_round(run, "bias", [])
    with pytest.raises(UserError, match="no model trained on 'instruction' alone"):
        MergeCandidates(run, {}, 0, ProgressListener()).find_input("instruction")
    add_round(run, "instruction", [])
    assert MergeCandidates(run, {}, 0, ProgressListener()).find_input("instruction").place == "polite/0/sft"


def test_a_model_whose_training_data_are_gone_is_not_measured(run: Path) -> None:
    parts = {"main_test": [1, 2, 3], "polite_test": [1, 2], "fair_test": [1, 3]}
    held_out(run, **parts, polite_selected=[3, 4], fair_selected=[2, 5])
    (run / "selected/fair/0/train.parquet").unlink()
    with pytest.raises(
        UserError, match=r"selected: the training data of fair/0 is missing, so unipref cannot exclude it"
    ):
        unipref.trace_soup(run, 2)


def test_where_nothing_unseen_is_left_it_says_so(run: Path) -> None:
    parts = {"main_test": [1, 2, 3], "polite_test": [1, 2], "fair_test": [1, 3]}
    held_out(run, **parts, polite_selected=[3, 1], fair_selected=[2, 5])
    with pytest.raises(UserError, match=r"a merged model was trained on every test preference.\n  Name models with"):
        unipref.trace_soup(run, 2)


@pytest.mark.parametrize("inner", ["", "/adapter"])
def test_a_step_of_the_run_may_be_named_by_its_path(inner: str, run: Path) -> None:
    parts = {"main_test": [1, 2, 3], "polite_test": [1, 2], "fair_test": [1, 3]}
    held_out(run, **parts, polite_selected=[3, 4], fair_selected=[2, 5])
    named = {"instruction": "polite/0/sft", "bias": f"{run}/train/fair/0/sft{inner}"}
    unipref.trace_soup(run, 2, adapters=named)
    assert measured_on(run) == {"main1"}
    made = unipref.soup_models(run, "instruction=1,bias=1", adapters=named)
    assert json.loads((made / "soup.json").read_text())["parts"]["bias"]["place"] == "fair/0/sft"


def test_what_a_model_from_elsewhere_was_trained_on_is_said_not_to_be_known(run: Path, tmp_path: Path) -> None:
    held_out(run, polite_test=[7, 8])
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(run / "train/fair/0/sft", elsewhere)
    heard: list[str] = []

    class Ear(merge.ProgressListener):
        def note(self, text: str) -> None:
            heard.append(text)

    unipref.trace_soup(run, 2, adapters={"instruction": "polite/0/sft", "bias": str(elsewhere)}, listener=Ear())
    said = f"bias: the training data of {elsewhere} is unknown, so none of it is left out."
    assert [text for text in heard if "is unknown" in text] == [said]


def test_another_tokenizer_is_another_mixture(run: Path) -> None:
    def keys() -> set[str]:
        return {json.loads(path.read_text())["key"] for path in run.glob("soup/front/linear/*/*/stage.json")}

    unipref.trace_soup(run, 2)
    before = keys()
    (run / "train/fair/0/sft/notes.txt").write_text("no part of a tokenizer")
    unipref.trace_soup(run, 2)
    assert keys() == before
    (run / "train/fair/0/sft/chat_template.jinja").write_text("{% for m in messages %}{{ m['content'] }}{% endfor %}")
    unipref.trace_soup(run, 2)
    assert keys().isdisjoint(before)


def test_the_ends_of_a_trace_score_as_the_models_they_are(run: Path) -> None:
    from unipref.evaluate import evaluate
    from unipref.evaluate.benchmarks.instructions import Instructions

    rows = [row for row in unipref.trace_soup(run, 2) if row["step"] == "bias=0,instruction=1"]
    benchmark = Instructions(data="instructions", new_tokens=2)
    model = str(run / "train" / "polite" / "0" / "sft")
    alone = evaluate(model, [benchmark], data_root=run.parent, splits={}, out=None)
    assert [(row["slice"], row["value"]) for row in rows] == [(row["slice"], row["value"]) for row in alone]
    at = run / "soup" / "front" / "linear" / "bias=0,instruction=1" / "instructions" / "instructions.jsonl"
    assert len(at.read_text().splitlines()) == 4


def test_a_line_has_its_ends_and_equal_steps() -> None:
    assert merge.list_weights(["a", "b"], 3) == [{"a": 1, "b": 0}, {"a": 0.5, "b": 0.5}, {"a": 0, "b": 1}]
    three = merge.list_weights(["a", "b", "c"], 3)
    assert len(three) == 6
    assert all(sum(weights.values()) == 1 for weights in three)


def scored(step: str, **values: float) -> list[dict[str, Any]]:
    """Rows of a made-up benchmark `b`: bias, lower is better, and an accuracy with chance 0.5."""
    about = {"variant": "soup", "seed": 0, "step": step, "model": step, "benchmark": "b", "mode": "corrected"}
    about |= {"split": "test", "slice": "all", "low": None, "high": None, "n": 9, "unit": "items", "at_chance": False}
    kinds = {"bias": ("lower", 0.0, 0.0), "accuracy": ("higher", 1.0, 0.5)}
    return [
        {**about, "metric": metric, "value": value, "direction": way, "ideal": ideal, "chance": chance}
        for metric, value in values.items()
        for way, ideal, chance in [kinds[metric]]
    ]


def test_a_mixture_is_efficient_when_no_other_is_as_good_on_all_and_better_on_one() -> None:
    rows = [
        *scored("a", bias=0.1, accuracy=0.6),
        *scored("b", bias=0.2, accuracy=0.7),
        *scored("c", bias=0.3, accuracy=0.65),  # b is better on both
        *scored("d", bias=0.2, accuracy=0.7),  # as good as b
        *scored("e", bias=0.4, accuracy=0.7),  # b is as accurate and less biased
    ]
    assert efficient(rows, ["b.bias", "b.accuracy"]) == {"a", "b", "d"}
    assert efficient(rows, ["b.accuracy"]) == {"b", "d", "e"}
    # By itself it takes a benchmark's bias.
    assert efficient(rows) == {"a"}


def test_a_model_that_guesses_does_not_win_by_its_lack_of_bias() -> None:
    rows = [*scored("guesses", bias=0.0, accuracy=0.5), *scored("knows", bias=0.2, accuracy=0.8)]
    assert efficient(rows) == {"knows"}
    with pytest.raises(UserError, match=r"the metric 'b.bais' was not measured.\n  Did you mean 'b.bias'"):
        efficient(rows, ["b.bais"])


# The command, and what is refused.


def test_the_command_writes_a_model_and_prints_the_front(run: Path) -> None:
    found = CliRunner().invoke(cli.app, ["soup", str(run), "--trace", "2", "--weights", "bias=0.5,instruction=0.5"])
    assert found.exit_code == 0, found.output
    assert "bias=1,instruction=0" in found.output
    assert "●" in found.output
    assert (run / "soup" / "linear" / "bias=0.5,instruction=0.5" / "config.json").is_file()
    asked = ["soup", str(run), "--trace", "2", "--json"]
    answer = json.loads(CliRunner().invoke(cli.app, asked).stdout)
    assert {row["step"] for row in answer["rows"]} == {"bias=1,instruction=0", "bias=0,instruction=1"}
    assert answer["model"] is None


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ("instruction=0.7,bais=0.3", r"the run has no model trained on 'bais' alone.\n  Did you mean 'bias'"),
        ("instruction=0.7,bias=much", r"--weights: the weight of 'bias' is not a number: 'much'"),
        ("instruction=nan,bias=1", r"the weight of 'instruction' is not a number"),
        ("instruction,bias=1", r"--weights: expected OBJECTIVE=VALUE, found 'instruction'"),
        ("bias=1,bias=2", r"'bias' has two weights"),
        ("instruction=0,bias=0", r"all weights are 0: that is the base model"),
        ("instruction=1", r"merging needs two objectives or more, found only instruction"),
        ("", r"the weights are missing.\n  Give --weights"),
    ],
)
def test_weights_that_mean_nothing_are_refused(weights: str, said: str, run: Path) -> None:
    with pytest.raises(UserError, match=said):
        unipref.soup_models(run, weights)
    assert not (run / "soup").exists()


def reward(run: Path, base: Path) -> str:
    settings = {"modules_to_save": ["score"], "target_modules": ["q_proj"]}
    return str(lora(base, run / "judge", 1, head="reward", **settings))


def whole_layers(run: Path, base: Path) -> str:
    return str(lora(base, run / "whole", 1, modules_to_save=["lm_head"]))


def dora(run: Path, base: Path) -> str:
    return str(lora(base, run / "dora", 1, use_dora=True))


def other_base(run: Path, base: Path) -> str:
    policy = load_policy(str(base))
    for write in (policy.model.save_pretrained, policy.tokenizer.save_pretrained):
        write(run / "copy")
    return str(lora(run / "copy", run / "other", 1))


def misshapen(run: Path, base: Path) -> str:
    folder = lora(base, run / "bad", 1)
    path = folder / "adapter_model.safetensors"
    save_file({name: torch.zeros(3, 3) for name in load_file(path)}, path)
    return str(folder)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (reward, "this is a reward model"),
        (whole_layers, r"cannot be merged: it has layers trained in full \(modules_to_save\)"),
        (dora, r"cannot be merged: it rescales whole weights \(DoRA\)"),
        (other_base, r"not trained from the same base: instruction \(polite/0/sft\) from .*tiny.*, bias \(.*copy"),
        (misshapen, "does not fit its base model"),
        (lambda run, base: "fiar/0/sft", "neither a training step of the run nor a folder.*\n.*'fair/0/sft'"),
    ],
)
def test_models_that_cannot_be_combined_are_refused(
    make: Callable[[Path, Path], str], said: str, run: Path, tiny_model: Path
) -> None:
    with pytest.raises(UserError, match=said):
        unipref.soup_models(run, "instruction=1,bias=1", adapters={"bias": make(run, tiny_model)})


def test_which_model_is_meant_is_asked_where_two_are_alike(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    step(Path(manifest["model"]), run / "train" / "again" / "0" / "sft", 4)
    manifest["train"]["again"] = {"0": {"sft": {}}}
    for count, refused in ((7, True), (6, False)):
        manifest["selected"]["again"] = {"0": kept("bias", count)}
        (run / "manifest.json").write_text(json.dumps(manifest))
        if refused:
            with pytest.raises(
                UserError, match=r"on equally many preferences of 'bias' alone: fair/0/sft, again/0/sft"
            ):
                unipref.soup_models(run, "instruction=1,bias=1")
        else:
            unipref.soup_models(run, "instruction=1,bias=1")


def test_other_settings_are_checked_before_any_model_is_loaded(run: Path, loads: list[str], tmp_path: Path) -> None:
    weights = "instruction=1,bias=1"
    with pytest.raises(UserError, match=r"the method 'tie' does not exist.\n  Did you mean 'ties'"):
        unipref.soup_models(run, weights, method="tie")
    with pytest.raises(UserError, match=r"above 0 and at most 1, found 0"):
        unipref.soup_models(run, weights, method="ties", density=0)
    with pytest.raises(UserError, match="the run has no seed 5"):
        unipref.soup_models(run, weights, seed=5)
    with pytest.raises(UserError, match="is not empty and was not written by"):
        unipref.soup_models(run, weights, run / "train")
    with pytest.raises(UserError, match="a trace needs two points or more"):
        unipref.trace_soup(run, 1)
    with pytest.raises(UserError, match=r"the folder has no manifest\.json"):
        unipref.soup_models(tmp_path, weights)
    assert loads == []


@pytest.mark.slow
def test_a_run_of_its_own_is_traced(tiny_model: Path, tmp_path: Path) -> None:
    words = ["cat", "dog", "owl", "fox", "hen", "cow", "pig", "bee", "ant", "elk", "emu", "yak"]
    sources = []
    for objective in ("instruction", "bias"):
        rows = [{"prompt": f"Say {w} to {objective}?", "chosen": f"{w}.", "rejected": "No."} for w in words]
        (tmp_path / f"{objective}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        about = {"name": objective, "path": f"{objective}.jsonl", "format": "pairs", "objective": objective}
        sources.append({**about, "map": {"prompt": "prompt"}})
    study = {
        "model": str(tiny_model),
        "data_root": str(tmp_path),
        "sources": sources,
        "split": {"dev": 0.1, "test": 0.2},
        "train": [{"sft": {"max_steps": 2, "per_device_train_batch_size": 4, "lora": {"r": 2}}}],
        "evaluate": [{"preference_accuracy": {"split": "test"}}],
        "variants": {"follows": {"sources": sources[:1]}, "fair": {"sources": sources[1:]}},
        "report": {"examples": 0},
    }
    run = unipref.run(study, tmp_path / "run")
    rows = unipref.trace_soup(run, 2, by=["preference_accuracy.accuracy"])
    assert {row["variant"] for row in rows} == {"base", "soup"}
    alone = json.loads((run / "evaluated/base/preference_accuracy/results.json").read_text())
    assert alone["configs"]
    # Parts drawn of one source are not those of both: of the study's five test prompts, the models learned from some.
    trained = {
        row["group"]
        for variant in ("follows", "fair")
        for row in pq.read_table(run / f"selected/{variant}/0/train.parquet", columns=["group"]).to_pylist()
    }
    tested = pq.read_table(run / "clean/test.parquet", columns=["group"])["group"].to_pylist()
    unseen = [group for group in tested if group not in trained]
    assert 0 < len(unseen) < len(tested) == 5
    assert {row["n"] for row in rows if row["slice"] == "all"} == {len(unseen)}
    made = unipref.soup_models(run, "instruction=0.5,bias=0.5")
    parts = json.loads((made / "soup.json").read_text())["parts"]
    assert {name: part["place"] for name, part in parts.items()} == {
        "instruction": "follows/0/sft",
        "bias": "fair/0/sft",
    }
