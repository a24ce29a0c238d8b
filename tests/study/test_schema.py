"""The study file: every mistake is found before any work starts, with its place and how to mend it."""

import copy
from pathlib import Path
from typing import Any

import pytest

from unipref.core import registry, yaml_files
from unipref.core.errors import UserError
from unipref.study.load import ResolvedStudy, load
from unipref.study.overrides import apply, merge
from unipref.study.schema import Study
from unipref.study.steps import list_steps

PAIRS = {"name": "mine", "path": "p.jsonl", "format": "pairs"}
STARS = {
    "name": "stars",
    "path": "r.csv",
    "format": "ratings",
    "axis": "help",
    "map": {
        "prompt": "q",
        "response": "a",
        "scores": {
            "help": {"field": "h", "low": 1, "high": 5, "better": "high"},
            "harm": {"field": "x", "better": "low"},
        },
    },
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with data files, and a model folder; the user stands in it."""
    (tmp_path / "p.jsonl").write_text('{"chosen": "a", "rejected": "b"}\n', encoding="utf-8")
    (tmp_path / "r.csv").write_text("q,a,h,x\n1,2,3,4\n", encoding="utf-8")
    (tmp_path / "models/tiny").mkdir(parents=True)
    (tmp_path / "eval/winobias").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def a_study(**changes: Any) -> dict[str, Any]:
    study: dict[str, Any] = {
        "model": "org/name",
        "sources": [copy.deepcopy(PAIRS), copy.deepcopy(STARS)],
        "select": {"cluster_quality": {"fraction": 0.4, "clusters": 3}},
        "train": [{"sft": {"learning_rate": 1e-5}}, "reward", {"rloo": {}}, {"dpo": {"name": "mydpo", "from": "sft"}}],
        "evaluate": [{"winobias": {"data": "eval/winobias"}}, "preference_accuracy"],
    }
    return {**study, **changes}


def refused(study: Any, *overrides: str) -> str:
    with pytest.raises(UserError) as caught:
        load(study, overrides)
    return str(caught.value)


def test_a_study_without_faults_is_loaded_whole(here: Path) -> None:
    loaded = load(a_study())
    assert [plan.projection.source for plan in loaded.sources["main"]] == ["mine", "stars"]
    assert [plan.projection.axis for plan in loaded.sources["main"]] == [None, "help"]
    assert [part.path for part in loaded.sources["main"][0].parts] == [str(here / "p.jsonl")]
    assert [step.name for step in list_steps(loaded.study)] == ["sft", "reward", "rloo", "mydpo"]
    assert loaded.study.select.model_dump()["fraction"] == 0.4
    assert loaded.study.seeds == [0]


def with_(path: str, value: Any) -> dict[str, Any]:
    """The study with one value put somewhere, by the same rules as `--set`, and no check."""
    study = a_study()
    current: Any = study
    *steps, last = path.split(".")
    for step in steps:
        current = current[int(step)] if isinstance(current, list) else current.setdefault(step, {})
    current[int(last) if isinstance(current, list) else last] = value
    return study


UNKNOWN = [
    ("sorces", [], "sorces: unknown key. Did you mean 'sources'?"),
    ("split", {"devv": 0.1}, "split.devv: unknown key. Did you mean 'dev'?"),
    ("unify", {"minmargin": 0.1}, "unify.minmargin: unknown key. Did you mean 'min_margin'?"),
    ("clean", {"duplicate": "keep"}, "clean.duplicate: unknown key. Did you mean 'duplicates'?"),
    ("sources.0.formt", "pairs", "sources.0.formt: unknown key. Did you mean 'format'?"),
    ("sources.0.map.choosen", "c", "sources.0 (mine).map.pairs.choosen: unknown key. Did you mean 'chosen'?"),
    ("sources.0.map.marks", {"usr": "H:"}, "sources.0 (mine).map.pairs.marks.usr: unknown key. Did you mean 'user'?"),
    (
        "sources.1.map.scores.help.hihg",
        5,
        "sources.1 (stars).map.ratings.scores.help.hihg: unknown key. Did you mean 'high'?",
    ),
    ("select.cluster_quality.fractoin", 0.4, "select.cluster_quality.fractoin: unknown key. Did you mean 'fraction'?"),
    ("select", {"clusterquality": {}}, "select: unknown strategy 'clusterquality'"),
    ("select", "radnom", "Did you mean 'random'?"),
    ("train.0", {"stf": {}}, "train: unknown trainer 'stf'.\n  Did you mean 'sft'?"),
    ("evaluate.0", "winobais", "evaluate: unknown benchmark 'winobais'.\n  Did you mean 'winobias'?"),
    (
        "evaluate",
        {"steps": ["mydop"], "benchmarks": ["preference_accuracy"]},
        "evaluate.steps: the study has no training step 'mydop'.\n  Did you mean 'mydpo'?",
    ),
    (
        "variants",
        {"a": {"evaluate": {"steps": ["mydop"], "benchmarks": ["preference_accuracy"]}}},
        "variants.a.evaluate.steps: the study has no training step 'mydop'.\n  Did you mean 'mydpo'?",
    ),
    (
        "evaluate",
        {"steps": ["base", "mydpo"], "benchmarks": ["preference_accuracy"]},
        "evaluate.steps: the study has no training step 'base'.\n  The base model is always measured; leave it out.",
    ),
    (
        "evaluate",
        {"steps": ["sft"], "benchmarks": ["preference_accuracy"]},
        "evaluate.steps: 'mydpo', the last policy of the variant 'main', is left out.\n  Add it",
    ),
    ("evaluate.0.winobias.moed", "paper", "evaluate.winobias.moed: unknown key."),
    ("sources.0.format", "pears", "sources.0 (mine).format: unknown format 'pears'.\n  Did you mean 'pairs'?"),
    ("sources.0.dataset", "hh-rlhf", "unknown dataset 'hh-rlhf'.\n  Did you mean 'hh_rlhf'?"),
    ("sources.1.axis", "halp", "sources.1 (stars).axis: unknown axis 'halp'.\n  Did you mean 'help'?"),
    ("sources.0.axis", "help", "This format has no axes; remove 'axis'."),
    ("sources.0.path", "q.jsonl", "sources.0 (mine).path: the file or folder 'q.jsonl' does not exist."),
]


@pytest.mark.parametrize(("path", "value", "said"), UNKNOWN, ids=[case[0] for case in UNKNOWN])
def test_unknown_names_at_every_depth_give_the_near_name(here: Path, path: str, value: Any, said: str) -> None:
    assert said in refused(with_(path, value))


WRONG = [
    ("seeds", "zero", "seeds: expected a list, found 'zero'. Put it in [ ]."),
    ("seeds", None, "seeds: expected a list, found 'None'."),
    ("seeds", [], "seeds: List should have at least 1 item"),
    ("workers", 0, "workers: Input should be greater than or equal to 1 (found '0')"),
    ("engine", "spark", "engine: Input should be 'local' or 'ray' (found 'spark')"),
    ("unify", {"min_margin": 2}, "unify.min_margin: Input should be less than or equal to 1 (found '2')"),
    ("split", {"dev": 0.6, "test": 0.4}, "split: dev (0.6) and test (0.4) together must be below 1"),
    ("clean", {"duplicates": "fuzzy"}, "clean.duplicates: Input should be 'exact', 'near' or 'keep' (found 'fuzzy')"),
    ("sources", [], "sources: List should have at least 1 item"),
    ("sources.0.path", [], "sources.0.path"),
    ("sources.0.path", None, "sources.0.path"),
    ("sources.0.name", "a/b", "sources.0.name"),
    ("sources.0.map.chosen", 5, "sources.0 (mine).map.pairs.chosen: Input should be a valid string (found '5')"),
    ("sources.1.map.scores.help.better", "hi", "scores.help.better: Input should be 'high' or 'low' (found 'hi')"),
    ("sources.1.map.scores.help.low", 7, "scores.help: low (7.0) must be below high (5.0)"),
    ("sources.1.map.prompt", [], "sources.1 (stars).map.ratings.prompt"),
    ("sources.1.map.scores", {}, "sources.1 (stars).map.ratings.scores"),
    ("sources.0.map.twins", {"field": "q", "pattern": "abc"}, "group in parentheses"),
    ("sources.0.map.twins", {"field": "q", "pattern": "(("}, "invalid regular expression"),
    ("select.cluster_quality.fraction", "half", "select.cluster_quality.fraction: Input should be a valid number"),
    ("select", {"all": {}, "random": {}}, "expected the name of one strategy or one name with its settings"),
    ("seeds", {}, "seeds: expected a list, found a mapping with no keys."),
    ("train", {"sft": {}}, "train: expected a list, found a mapping with 'sft'. In YAML, each item of a list begins"),
    ("evaluate.0", 7, "expected the name of one benchmark"),
    ("variants", {"full": None}, "variants.full: Input should be a valid dictionary (found 'None')"),
    ("variants", {"a/b": {}}, "variants.a/b"),
]


@pytest.mark.parametrize(("path", "value", "said"), WRONG, ids=[f"{case[0]}={case[1]}" for case in WRONG])
def test_wrong_values_are_named_with_what_was_found(here: Path, path: str, value: Any, said: str) -> None:
    assert said in refused(with_(path, value))


def test_several_mistakes_are_told_at_once(here: Path) -> None:
    said = refused({**a_study(), "sead": [1], "engine": "spark", "split": {"dav": 0.1}})
    assert len(said.splitlines()) == 3


STEPS = [
    ([{"sft": {"from": "dpo"}}, {"dpo": {}}], "train.0.from: no earlier step trains a policy 'dpo'."),
    (
        [{"sft": {}}, {"dpo": {"from": "stf"}}],
        "train.1.from: no earlier step trains a policy 'stf'.\n  Did you mean 'sft'?",
    ),
    ([{"sft": {}}, {"rloo": {}}], "train.1: 'rloo' needs a reward model, but no earlier step trains one."),
    ([{"rloo": {}}, {"reward": {}}], "train.0: 'rloo' needs a reward model"),
    ([{"reward": {}}, {"rloo": {"reward": "rewards"}}], "Did you mean 'reward'?"),
    ([{"reward": {"name": "r"}}, {"dpo": {"from": "r"}}], "no earlier step trains a policy 'r'."),
    ([{"reward": {}}, {"dpo": {"reward": "reward"}}], "train.1.reward: 'dpo' does not use a reward model."),
    (
        [{"rloo": {"rewards": [{"model": "reward"}]}}],
        "train.0.rewards.0.model: no earlier step trains a reward model 'reward'.",
    ),
    (
        [{"sft": {}}, {"grpo": {"rewards": [{"likelihood": "stf"}]}}],
        "no earlier step trains a policy 'stf'.\n  Did you mean 'sft'?",
    ),
    (
        [{"sft": {}}, {"rloo": {"rewards": [{"implicit": "sft", "reference": "bsae"}]}}],
        "train.1.rewards.0.reference: no earlier step trains a policy 'bsae'.",
    ),
    (
        [{"rloo": {"rewards": [{"likelihood": "./none"}]}}],
        "train.0.rewards.0.likelihood: the model folder does not exist.",
    ),
    (
        [
            {"reward_axes": {"axes": ["help", "brief"]}},
            {"rloo": {"rewards": [{"model": "reward_axes", "axes": {"hlp": 1}}]}},
        ],
        "train.1.rewards.0.axes: the reward model of 'reward_axes' has no axis 'hlp'.\n  Did you mean 'help'?",
    ),
    (
        [{"reward": {}}, {"rloo": {"rewards": [{"model": "reward", "axes": {"help": 1}}]}}],
        "train.1.rewards.0.axes: the reward model of 'reward' has no axis 'help'.\n  It has one output",
    ),
    ([{"rloo": {"rewards": [{"likelyhood": "base"}]}}], "a reward must be a mapping with one of: model, likelihood,"),
    ([{"rloo": {"rewards": [{"likelihood": "base", "wieght": 2}]}}], "wieght: unknown key"),
    ([{"rloo": {"rewards": [{"likelihood": "base"}] * 2}}], "rewards: two rewards have the name 'likelihood-base'."),
    ([{"rloo": {"rewards": [{"likelihood": "base", "clip": [0, -1]}]}}], "clip: 0 is not below -1"),
    ([{"reward": {}}, {"rloo": {"rewards": [{"model": "reward"}], "reward": "reward"}}], "reward: put it among the"),
    ([{"rloo": {"rewards": [{"checker": "p.jsnol"}]}}], "train.0.rewards.0.checker: the file "),
    ([{"rloo": {"rewards": [{"checker": "p.jsonl"}], "prompts": "q.jsonl"}}], "train.0.prompts: the file "),
    ([{"rloo": {"rewards": [{"function": "no.such.thing"}]}}], "the function 'no.such.thing' cannot be imported"),
    ([{"reward": {}}, {"rloo": {"reference": {"likelihood": "base"}}}], "only a checker or a function can decide"),
    ([{"sft": {}}, {"sft": {}}], "train.1: the step name 'sft' is already used."),
    ([{"sft": {"name": "base"}}], "train.0: the step name 'base' is already used."),
    ([{"sft": {"name": "../up"}}], "train.0.name: '../up' is not a valid step name."),
]


@pytest.mark.parametrize(("train", "said"), STEPS, ids=[case[1][:50] for case in STEPS])
def test_steps_refer_to_earlier_ones_by_names_of_their_own(here: Path, train: list[Any], said: str) -> None:
    assert said in refused(a_study(train=train))


def test_two_sources_of_one_name_are_refused(here: Path) -> None:
    assert "two sources are called mine" in refused(a_study(sources=[PAIRS, PAIRS]))


def test_a_source_needs_a_format_or_a_dataset(here: Path) -> None:
    said = refused(a_study(sources=[{"name": "s", "path": "p.jsonl"}]))
    assert (
        f"sources.0 (s): a source needs 'dataset' or 'format'.\n  Formats: {', '.join(registry.list_names('format'))}"
        in said
    )


def test_a_dataset_gives_format_mapping_licence_and_axis_and_the_source_goes_over_it(here: Path) -> None:
    known = {"name": "o", "path": "p.jsonl", "dataset": "oasst_trees"}
    (plan,) = load({"sources": [known]}).sources["main"]
    assert (plan.projection.kind, plan.projection.axis, plan.projection.licence) == ("tree", "rank", "Apache-2.0")
    own = {
        **known,
        "licence": "mine",
        "objective": "calm",
        "axis": "toxicity",
        "map": {"scores": {"toxicity": {"field": "t", "better": "low"}}},
    }
    (plan,) = load({"sources": [own]}).sources["main"]
    assert (plan.projection.objective, plan.projection.licence, plan.projection.axis) == ("calm", "mine", "toxicity")
    assert set(plan.projection.axes) == {"rank", "likes", "dislikes", "toxicity"}


@pytest.mark.parametrize("place", ["chosen", "prompt"])
def test_a_question_that_init_left_open_is_refused_at_its_place(here: Path, place: str) -> None:
    said = refused(with_(f"sources.0.map.{place}", "?"))
    assert f"sources.0 (mine).map.{place}: '?' marks a question that is still open." in said


# --set


def test_nested_settings_and_values_are_yaml(here: Path) -> None:
    study = load(
        a_study(), ["unify.min_margin=0.25", "seeds=[1, 2]", "split.dev=0", "name=a: b".replace(": ", "-")]
    ).study
    assert (study.unify.min_margin, study.seeds, study.split.dev, study.name) == (0.25, [1, 2], 0.0, "a-b")


SET = [
    ("sources.stars.axis=harm", ("sources", 1, "axis"), "harm"),
    ("sources.1.axis=harm", ("sources", 1, "axis"), "harm"),
    ("sources.mine.map.prompt=[a, b]", ("sources", 0, "map", "prompt"), ["a", "b"]),
    ("train.sft.learning_rate=1e-4", ("train", 0, "sft", "learning_rate"), 1e-4),
    ("train.0.learning_rate=1e-4", ("train", 0, "sft", "learning_rate"), 1e-4),
    ("train.0.sft.learning_rate=1e-4", ("train", 0, "sft", "learning_rate"), 1e-4),
    ("train.sft={max_steps: 3}", ("train", 0), {"sft": {"max_steps": 3}}),
    ("train.0={dpo: {}}", ("train", 0), {"dpo": {}}),
    ("train.reward.max_steps=3", ("train", 1), {"reward": {"max_steps": 3}}),
    ("train.1.max_steps=3", ("train", 1), {"reward": {"max_steps": 3}}),
    ("train.sft.lora.r=8", ("train", 0, "sft", "lora"), {"r": 8}),
    ("train.mydpo.beta=0.2", ("train", 3, "dpo", "beta"), 0.2),
    ("evaluate.preference_accuracy.split=dev", ("evaluate", 1), {"preference_accuracy": {"split": "dev"}}),
    ("select.cluster_quality.fraction=0.2", ("select",), {"cluster_quality": {"fraction": 0.2, "clusters": 3}}),
    ("select.random.fraction=0.2", ("select",), {"random": {"fraction": 0.2}}),
    ("select=all", ("select",), "all"),
    ("select.all={}", ("select",), {"all": {}}),
    ("seeds.0=5", ("seeds",), [5]),
    ("unify.min_margin=0.5", ("unify",), {"min_margin": 0.5}),
]


@pytest.mark.parametrize(("override", "path", "expected"), SET, ids=[case[0] for case in SET])
def test_set_reaches_items_by_name_and_by_number(override: str, path: tuple[Any, ...], expected: Any) -> None:
    found: Any = a_study(seeds=[0])
    apply(found, override)
    for step in path:
        found = found[step]
    assert found == expected


def test_set_over_a_bare_strategy_replaces_it() -> None:
    study = {"select": "all"}
    apply(study, "select.random.fraction=0.5")
    assert study == {"select": {"random": {"fraction": 0.5}}}


BAD_SET = [
    ("fraction", "--set: invalid override 'fraction': expected key=value."),
    ("=1", "--set: invalid override '=1': expected key=value."),
    ("a..b=1", "--set: invalid override 'a..b=1': expected key=value."),
    ("seeds=[1", "--set seeds, line 1, column 3: invalid YAML"),
    (
        "sources.stras.axis=harm",
        "--set sources.stras: the list of 2 has no item 'stras'.\n  Did you mean 'stars'?",
    ),
    ("sources.7.axis=harm", "the list of 2 has no item '7'"),
    ("model.x=1", "--set model: 'org/name' has no settings inside."),
    ("seeds.0.x=1", "--set seeds.0: 0 has no settings inside."),
    ("sources.0.path.x=1", "--set sources.0.path: 'p.jsonl' has no settings inside."),
    ("selct.random.fraction=1", "selct: unknown key. Did you mean 'select'?"),
    ("train.mydpoo.beta=1", "Did you mean 'mydpo'?"),
]


@pytest.mark.parametrize(("override", "said"), BAD_SET, ids=[case[0] for case in BAD_SET])
def test_set_that_leads_nowhere_says_so(here: Path, override: str, said: str) -> None:
    assert said in refused(a_study(seeds=[0]), override)


def test_the_callers_mapping_is_left_as_it_was(here: Path) -> None:
    given = a_study()
    before = copy.deepcopy(given)
    load(given, ["sources.mine.map.prompt=q", "train.sft.learning_rate=1", "select=all"])
    load(given, rows={"mine": [{"chosen": "a", "rejected": "b"}]}, rows_folder=here / "inputs")
    assert given == before


# paths and environment variables


def written(folder: Path, content: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "study.yaml"
    path.write_text(content, encoding="utf-8")
    return path


SOURCE = "sources: [{name: mine, path: p.jsonl, format: pairs}]\n"


def test_data_root_is_relative_to_the_study_file(here: Path) -> None:
    study = written(here / "studies", f"data_root: ..\n{SOURCE}")
    assert load(study).data_root == here
    study = written(here / "studies", SOURCE)
    assert "the file or folder 'p.jsonl' does not exist" in refused(study)


def test_data_root_typed_at_a_prompt_is_relative_to_where_the_user_stands(here: Path) -> None:
    study = written(here / "studies", f"data_root: nowhere\n{SOURCE}")
    assert load(study, ["data_root=."]).data_root == here
    said = refused(study)
    assert (
        f"data_root: the folder {here / 'studies/nowhere'} does not exist.\n  Set it with: --set data_root=FOLDER"
        in said
    )


def test_model_folder_is_relative_to_the_study_file_a_hub_name_stays(here: Path) -> None:
    study = written(here / "studies", f"data_root: ..\nmodel: ../models/tiny\n{SOURCE}")
    assert load(study).study.model == str(here / "models/tiny")
    assert load(study, ["model=models/tiny"]).study.model == str(here / "models/tiny")
    assert load(study, ["model=org/name"]).study.model == "org/name"


def test_model_of_a_variant_is_resolved_in_the_same_way(here: Path) -> None:
    content = f"data_root: ..\nmodel: org/name\nvariants: {{small: {{model: ../models/tiny}}}}\n{SOURCE}"
    loaded = load(written(here / "studies", content))
    assert {name: study.model for name, study in loaded.variants.items()} == {
        "main": "org/name",
        "small": str(here / "models/tiny"),
    }


def test_a_variant_may_take_another_revision_of_the_studys_model(here: Path) -> None:
    variants: dict[str, Any] = {"b": {"revision": "v2"}, "c": {"model": "org/other"}, "d": {"seeds": [3]}}
    loaded = load({"model": "org/name", "revision": "v1", "sources": [copy.deepcopy(PAIRS)], "variants": variants})
    models = {"main": "org/name@v1", "b": "org/name@v2", "c": "org/other", "d": "org/name@v1"}
    assert {name: study.model for name, study in loaded.variants.items()} == models
    again = load(loaded.raw)
    assert {name: study.model for name, study in again.variants.items()} == models, "a run keeps its study so"
    both = {"b": {"model": "org/name@v1", "revision": "v2"}}
    assert "there are two revisions, 'v1' and 'v2'" in refused(a_study(variants=both))


@pytest.mark.parametrize("model", ["./no/such", "/no/such/model", "models/tiny/no"])
def test_model_folder_that_is_missing_is_found_before_any_work(here: Path, model: str) -> None:
    assert f"model: the model folder does not exist. ({model})" in refused(a_study(model=model))


def test_training_needs_a_model(here: Path) -> None:
    assert "model: training and evaluation need a model." in refused(a_study(model=None))


@pytest.mark.parametrize(
    ("setting", "where"),
    [
        ("data_root", "data_root"),
        ("model", "model"),
        ("sources.0.path", "sources.0 (mine).path"),
        ("evaluate.0.winobias.data", "evaluate.0.winobias.data"),
    ],
)
def test_unset_environment_variable_is_named(
    here: Path, monkeypatch: pytest.MonkeyPatch, setting: str, where: str
) -> None:
    monkeypatch.delenv("UNIPREF_NOT_SET", raising=False)
    monkeypatch.setenv("UNIPREF_IS_SET", "a")
    said = refused(with_(setting, "${UNIPREF_IS_SET}/$UNIPREF_NOT_SET/x"))
    assert said.startswith(f"{where}: ")
    assert "names the environment variable UNIPREF_NOT_SET, which is not set" in said


def test_environment_variables_are_filled_in_everywhere(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACE", str(here))
    monkeypatch.setenv("STEM", "p")
    study = with_("sources.0.path", "${STEM}.jsonl")
    study["data_root"], study["model"] = "$PLACE", "$PLACE/models/tiny"
    study["evaluate"] = [{"winobias": {"data": "$PLACE/eval/winobias"}}]
    loaded = load(study)
    assert (loaded.data_root, loaded.study.model) == (here, str(here / "models/tiny"))
    assert loaded.sources["main"][0].parts[0].path == str(here / "p.jsonl")


def test_benchmark_data_that_is_missing_is_found_before_any_work(here: Path) -> None:
    said = refused(with_("evaluate.0.winobias.data", "eval/winobais"))
    assert f"evaluate.0.winobias.data: {here / 'eval/winobais'} does not exist.\n  Did you mean 'winobias'?" in said


def test_measuring_on_a_part_that_is_not_held_out_is_refused(here: Path) -> None:
    assert "it measures the 'test' part, but the study holds out no such part" in refused(a_study(split={"test": 0}))
    assert "it measures the 'dev' part" in refused(a_study(split={"dev": 0}), "evaluate.preference_accuracy.split=dev")


# the file


def test_missing_study_file_gives_the_near_name(here: Path) -> None:
    written(here, SOURCE)
    assert (
        refused(here / "studdy.yaml")
        == f"{here / 'studdy.yaml'}: the study file does not exist.\n  Did you mean 'study.yaml'?"
    )
    assert "Write one with: unipref init FILES" in refused(here / "models/study.yaml")


FILES = [
    ("a: 1\nb: [2\n", "line 3, column 1: invalid YAML"),
    (
        "seeds: [0]\nname: x\nseeds: [1]\n",
        "study.yaml, line 3, column 1: invalid YAML: the key 'seeds' is repeated, it is also in line 1.",
    ),
    ("split: {dev: 0.1, dev: 0.2}\n", "the key 'dev' is repeated"),
    ("name: {{ title }}\n", "a key must be plain text (are there double braces?)"),
    ("- a\n- b\n", "a study must be a mapping of settings."),
    ("", "a study must be a mapping of settings."),
    ("name: \x07\n", "line 1, column 7: invalid YAML: the character '\\x07' is not allowed."),
    ("1: x\n" + SOURCE, "1:"),
]


@pytest.mark.parametrize(("content", "said"), FILES, ids=range(len(FILES)))
def test_a_file_that_is_no_study_is_refused_with_the_line(here: Path, content: str, said: str) -> None:
    assert said in refused(written(here, content))


def test_a_file_that_is_not_text_is_refused(here: Path) -> None:
    (here / "study.yaml").write_bytes(b"name: \xff\xfe\n")
    assert "the file is not UTF-8 text." in refused(here / "study.yaml")


# variants


def test_variants_are_laid_over_the_study(here: Path) -> None:
    variants = {
        "full": {"select": "all"},
        "random": {"select": {"random": {"fraction": 0.4}}},
        "less": {"select": {"cluster_quality": {"fraction": 0.1}}, "seeds": [3, 4]},
        "one": {"sources": [PAIRS], "unify": {"min_margin": 0.5}},
    }
    loaded: ResolvedStudy = load(a_study(variants=variants))
    assert list(loaded.variants) == ["main", "full", "random", "less", "one"]
    chosen = {name: (study.select.name(), study.select.model_dump()) for name, study in loaded.variants.items()}
    assert chosen["full"][0] == "all"
    assert (chosen["random"][0], chosen["random"][1]["fraction"]) == ("random", 0.4)
    assert (chosen["less"][1]["fraction"], chosen["less"][1]["clusters"]) == (0.1, 3)
    assert loaded.variants["less"].seeds == [3, 4]
    assert [plan.projection.source for plan in loaded.sources["one"]] == ["mine"]
    assert loaded.variants["one"].unify.min_margin == 0.5
    assert loaded.variants["main"].unify.min_margin == 0.0


BAD_VARIANTS = [
    ({"less": {"selct": "all"}}, "variants.less.selct: unknown key. Did you mean 'select'?"),
    ({"less": {"split": {"dev": 2}}}, "variants.less.split.dev"),
    (
        {"less": {"select": {"radnom": {}}}},
        "variants.less.select: unknown strategy 'radnom'.\n  Did you mean 'random'?",
    ),
    ({"less": {"train": [{"dpo": {"beta": "x"}}]}}, "variants.less.train.dpo.beta: Input should be a valid number"),
    ({"less": {"train": [{"rloo": {}}]}}, "variants.less.train.0: 'rloo' needs a reward model"),
    ({"less": {"sources": [{**PAIRS, "path": "q"}]}}, "variants.less.sources.0 (mine).path: the file or folder 'q'"),
    ({"less": {"evaluate": [{"ifeval": {"data": "no"}}]}}, "variants.less.evaluate.0.ifeval.data: "),
    (
        {"less": {"evaluate": [{"ifeval": {"data": "$NOPE/x"}}]}},
        "--set variants.less.evaluate.0.ifeval.data=",
    ),
    ({"less": {"model": "/no/model"}}, "variants.less.model: the model folder does not exist. (/no/model)"),
    ({"less": {"model": "./no"}}, "variants.less.model: the model folder does not exist. (./no)"),
    ({"main": {}}, "variants: the name 'main' is reserved."),
    ({"base": {}}, "variants: the name 'base' is reserved."),
    ({"less": {"data_root": "elsewhere"}}, "variants.less.data_root: variants cannot change this setting."),
    ({"less": {"variants": {}}}, "variants.less.variants: variants cannot change this setting."),
]


@pytest.mark.parametrize(("variants", "said"), BAD_VARIANTS, ids=[case[1][:40] for case in BAD_VARIANTS])
def test_variants_are_checked_as_the_study_is(here: Path, variants: dict[str, Any], said: str) -> None:
    assert said in refused(a_study(variants=variants))


def test_merge_lays_mappings_key_by_key_and_all_else_whole() -> None:
    under = {"a": {"b": 1, "c": [1, 2]}, "d": 1, "select": {"random": {"fraction": 0.1}}}
    over = {"a": {"c": [3], "e": {"f": 1}}, "d": {"g": 1}, "select": {"all": {}}}
    assert merge(under, over) == {"a": {"b": 1, "c": [3], "e": {"f": 1}}, "d": {"g": 1}, "select": {"all": {}}}
    assert under["a"] == {"b": 1, "c": [1, 2]}


# rows from Python


def test_rows_from_python_stand_in_for_a_sources_files(here: Path) -> None:
    study = {"sources": [{"name": "mine", "path": "rows", "format": "pairs"}]}
    loaded = load(study, rows={"mine": [{"chosen": "a", "rejected": "b"}]}, rows_folder=here / "inputs")
    (part,) = loaded.sources["main"][0].parts
    assert part.origin == "mine"
    assert Path(part.path).parent == here / "inputs"


def test_rows_for_a_source_that_is_not_there_give_the_near_name(here: Path) -> None:
    with pytest.raises(UserError, match=r"the study has no source 'mien' for these rows.\n  Did you mean 'mine'"):
        load(a_study(), rows={"mien": []}, rows_folder=here / "inputs")


def test_what_scorers_ask_has_to_be_there_before_any_work(here: Path) -> None:
    asking = {"quality": {"quality": ["margin_percentile", {"policy_margin": {}}]}}
    assert load(a_study(select=asking)).study.select.models("org/name") == ["org/name"]
    without = a_study(select=asking, train=[], evaluate=[])
    del without["model"]
    assert "select.quality.policy_margin.model: this scorer needs a model, but the study has none." in refused(without)
    gone = {"quality": {"quality": [{"reward_margin": {"model": "./gone"}}]}}
    assert "./gone: the model folder does not exist" in refused(a_study(select=gone))
    assert "./gone: the model folder does not exist" in refused(a_study(variants={"other": {"select": gone}}))


def test_folders_in_a_selection_are_relative_to_the_study_file(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    select = {
        "quality_gate": {
            "embedder": "models/tiny",
            "quality": ["margin_percentile", {"ifd": {"model": "models/tiny"}}],
            "unscored": {"policy_margin": {"model": "models/tiny"}},
        }
    }
    study = here / "s.yaml"
    study.write_text(yaml_files.write(a_study(select=select, variants={"same": {"select": select}})), encoding="utf-8")
    monkeypatch.chdir(here / "eval")
    for chosen in load(study).variants.values():
        known = chosen.select.model_dump()
        assert known["embedder"] == known["quality"][1]["settings"]["model"] == known["unscored"]["settings"]["model"]
        assert known["embedder"] == str(here / "models/tiny")


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({"data_root": "x" * 5000}, "data_root"),
        ({"sources": [{"name": "a", "path": f"{'x' * 300}/*.jsonl", "format": "pairs"}]}, "sources.0.path"),
        ({"model": "x" * 5000}, "model"),
        ({"sources": [{"name": "a", "path": "a.jsonl", "format": "critique", "map": {"scorer": "\ud800"}}]}, ".map"),
    ],
)
def test_a_text_that_cannot_be_a_path_or_a_name_is_named_with_its_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], where: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jsonl").write_text("{}\n")
    sources = [{"name": "a", "path": "a.jsonl", "format": "pairs"}]
    with pytest.raises(UserError) as error:
        load({"sources": sources, **settings})
    assert where in str(error.value.where)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize("settings", [{"select": None}, {"train": [None]}, {"evaluate": [None]}])
def test_a_choice_without_a_name_is_an_error_that_shows_one(settings: dict[str, Any]) -> None:
    source = {"name": "a", "path": "a.jsonl", "format": "pairs"}
    with pytest.raises(UserError, match=r"expected the name of one (strategy|trainer|benchmark) or one name with"):
        Study.model_validate({"sources": [source], **settings})
    assert Study.model_validate({"sources": [source], "unify": {"aggregate": None}}).unify.aggregate is None
