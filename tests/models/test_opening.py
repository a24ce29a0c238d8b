"""Model folders as broken downloads or other tools leave them: each gives one message, and no code of theirs is run."""

import ast
import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from unipref.core.errors import UserError
from unipref.models import opening
from unipref.models.loading import load_model, load_policy, load_reward_model, model_key
from unipref.models.opening import check_folder

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 524912\n"
WEIGHTS = "model.safetensors"
SOURCE = Path(opening.__file__).parents[1]
TEMPLATE = "{% for m in messages %}{{ m['content'] }}{{ eos_token }}{% endfor %}"


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **changes}), encoding="utf-8")


def edit_config(**changes: Any) -> Callable[[Path], None]:
    return lambda folder: edit(folder / "config.json", **changes)


def edit_tokenizer(**changes: Any) -> Callable[[Path], None]:
    return lambda folder: edit(folder / "tokenizer_config.json", **changes)


def write(name: str, content: bytes) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_bytes(content)


def cut(name: str, size: int) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:size])


def change_header(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Path], Any]:
    def edit_weights(folder: Path) -> None:
        content = (folder / WEIGHTS).read_bytes()
        size = struct.unpack("<Q", content[:8])[0]
        header = json.dumps(change(json.loads(content[8 : 8 + size]))).encode()
        (folder / WEIGHTS).write_bytes(struct.pack("<Q", len(header)) + header + content[8 + size :])

    return edit_weights


def rename(old: str, new: str) -> Callable[[Path], Any]:
    return lambda folder: (folder / old).rename(folder / new)


FAULTS_IN_FILES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "pointer": (write(WEIGHTS, POINTER), "Git LFS pointer"),
    "config is a pointer": (write("config.json", POINTER), "Git LFS pointer"),
    "empty": (write(WEIGHTS, b""), "is cut or is not a safetensors file: it has 0 bytes"),
    "cut": (cut(WEIGHTS, 50_000), r"header describes [\d,]+ bytes of weights, but it has"),
    "cut in the header": (cut(WEIGHTS, 300), "its header alone needs"),
    "a header of 2**60 bytes": (write(WEIGHTS, struct.pack("<Q", 2**60) + b"{}"), "header alone needs 1,152,921,504"),
    "a header that is a list": (change_header(lambda header: [header]), "header of the safetensors file is damaged"),  # type: ignore[arg-type, return-value]
    "no weights": (lambda folder: (folder / WEIGHTS).unlink(), r"the weights are missing: expected model\.safetens"),
    "pickle only": (rename(WEIGHTS, "pytorch_model.bin"), r"only in pytorch_model\.bin.*(.|\n)*use_safetensors=False"),
    "sizes as text": (edit_config(hidden_size="48"), "'hidden_size' has to be a whole number above 0, found '48'"),
    "no layers": (edit_config(num_hidden_layers=0), "'num_hidden_layers' has to be a whole number above 0, found '0'"),
    "a negative vocabulary": (edit_config(vocab_size=-5), "'vocab_size' has to be a whole number above 0"),
    "a huge vocabulary": (edit_config(vocab_size=2**40), "config.json does not belong to the weights"),
    "many layers": (edit_config(num_hidden_layers=10**9), "config.json does not belong to the weights"),
    "cut configuration": (cut("config.json", 100), "the file is not valid JSON"),
    "deep configuration": (write("config.json", b"[" * 100_000), "the file is not valid JSON"),
    "a list": (write("config.json", b"[]"), "has to hold a JSON object, found list"),
    "own code": (
        edit_config(model_type="own", auto_map={"AutoConfig": "own.C"}),
        r"own Python code \(own\.py\), which",
    ),
    "a part is missing": (
        lambda folder: (
            (folder / WEIGHTS).unlink()
            or (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "part.safetensors"}}')
        ),
        r"the file part\.safetensors is missing",
    ),
    "an adapter beside the model": (write("adapter_config.json", b"{}"), "a whole model and also an adapter"),
}

FAULTS_IN_LOADING: dict[str, tuple[Callable[[Path], Any], str]] = {
    "another type": (
        edit_config(model_type="nope"),
        "cannot be opened as a language model",
    ),
    "heads that do not divide": (edit_config(num_attention_heads=7), "cannot be opened"),
    "fewer layers": (edit_config(num_hidden_layers=1), "it describes fewer layers"),
    "more layers": (edit_config(num_hidden_layers=3), r"of its weights are missing, such as model\.layers\.2"),
    "a wider layer": (edit_config(intermediate_size=97), "it describes tensors of other shapes"),
    "an unknown number format": (
        change_header(lambda header: {key: {**about, "dtype": "Z9"} for key, about in header.items() if "." in key}),
        "cannot be opened as a language model",
    ),
    "a tensor of another name": (
        change_header(
            lambda header: {key.replace("layers.1.mlp.up", "layers.1.up"): one for key, one in header.items()}
        ),
        "1 of its weights are missing",
    ),
    "tokenizer is a pointer": (write("tokenizer.json", POINTER), "Git LFS pointer"),
    "tokenizer is cut": (cut("tokenizer.json", 1000), "the file is not valid JSON"),
    "tokenizer without its parts": (write("tokenizer.json", b"{}"), "the tokenizer cannot be read"),
    "eos is a number": (edit_tokenizer(model_max_length="a", tokenizer_class=3), "the tokenizer cannot be read"),
    "named templates": (
        edit_tokenizer(chat_template=[{"name": "rag", "template": TEMPLATE}, {"name": "tool", "template": TEMPLATE}]),
        r"several chat templates \(rag, tool\), and none is named 'default'",
    ),
    "a template that does not parse": (edit_tokenizer(chat_template="a\n{% for %}"), "a syntax error in line 2"),
}


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def assert_is_named(folder: Path, message: str, read: Callable[[str], Any]) -> None:
    """Asserts that reading a folder ends in an error that names the folder and says how to mend it."""
    with pytest.raises(UserError, match=message) as caught:
        read(str(folder))
    assert str(folder) in str(caught.value.where)
    assert caught.value.mend


@pytest.mark.parametrize("name", FAULTS_IN_FILES)
def test_a_fault_in_the_files_is_named_before_anything_is_loaded(name: str, folder: Path) -> None:
    damage, message = FAULTS_IN_FILES[name]
    damage(folder)
    assert_is_named(folder, message, check_folder)
    with pytest.raises(UserError, match=message):
        load_policy(str(folder))


@pytest.mark.parametrize("name", FAULTS_IN_LOADING)
def test_a_fault_that_shows_in_loading_is_one_message(name: str, folder: Path) -> None:
    damage, message = FAULTS_IN_LOADING[name]
    damage(folder)
    assert_is_named(folder, message, load_policy)


def test_a_sound_folder_passes(folder: Path) -> None:
    check_folder(str(folder))
    edit(folder / "config.json", auto_map={"AutoConfig": "own.C"})  # its type is one of transformers' own
    check_folder(str(folder))
    assert load_policy(str(folder)).model.config.model_type == "llama"


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_the_code_of_a_model_is_never_run(file: str, folder: Path, tmp_path: Path) -> None:
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass C: pass\n")
    if file == "config.json":
        edit(folder / file, model_type="own", auto_map={"AutoConfig": "own.C", "AutoModelForCausalLM": "own.C"})
    else:
        (folder / "tokenizer.json").unlink()
        edit(folder / file, tokenizer_class="C", auto_map={"AutoTokenizer": ["own.C", None]})
    with pytest.raises(UserError, match=r"own Python code \(own\.py\)|cannot be read"):
        load_policy(str(folder))
    assert not (tmp_path / "ran").exists()


def test_a_language_model_is_no_reward_model(tiny_model: Path) -> None:
    with pytest.raises(UserError, match="as a reward model it would get a random head"):
        load_reward_model(str(tiny_model))


def make_adapter(base: Path, folder: Path, grow: int = 0, **settings: Any) -> Path:
    """Saves an adapter on a base model, with changes that are not zero."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(1)
    model = load_model(str(base), "causal")
    if grow:
        model.resize_token_embeddings(model.config.vocab_size + grow, mean_resizing=False)
    settings = {"r": 2, "target_modules": "all-linear", "init_lora_weights": False, **settings}
    attached = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **settings))
    attached.peft_config["default"].base_model_name_or_path = str(base)
    attached.save_pretrained(folder)
    return folder


def name_base(adapter: Path, base: str | None) -> None:
    edit(adapter / "adapter_config.json", base_model_name_or_path=base)


def test_adapters_that_cannot_be_opened(tiny_model: Path, tmp_path: Path) -> None:
    grown = make_adapter(tiny_model, tmp_path / "grown", grow=3)
    with pytest.raises(UserError, match=r"holds an embedding of \d+ tokens, but its base model .* has \d+"):
        check_folder(str(grown))
    adapter = make_adapter(tiny_model, tmp_path / "adapter")
    check_folder(str(adapter))
    for base, message in (
        (None, "does not name its base model"),
        ("/nowhere/llama", "the folder /nowhere/llama, which does not exist"),
        (str(adapter), "so there is no model under it"),
        (".", "so there is no model under it"),
    ):
        name_base(adapter, base)
        for use in (check_folder, load_policy, model_key):
            with pytest.raises(UserError, match=message):
                use(str(adapter))
    other = make_adapter(tiny_model, tmp_path / "other")
    name_base(adapter, str(other))
    name_base(other, str(adapter))
    with pytest.raises(UserError, match="so there is no model under it"):
        check_folder(str(adapter))
    name_base(adapter, str(tiny_model))
    (adapter / "adapter_model.safetensors").write_bytes(POINTER)
    with pytest.raises(UserError, match="Git LFS pointer"):
        check_folder(str(adapter))
    (adapter / "adapter_model.safetensors").rename(adapter / "adapter_model.bin")
    with pytest.raises(UserError, match=r"only in adapter_model\.bin"):
        check_folder(str(adapter))


def test_an_adapter_of_another_model(tiny_model: Path, tmp_path: Path) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    for name, changes in (("deeper", {"num_hidden_layers": 3}), ("wider", {"intermediate_size": 128})):
        config = AutoConfig.from_pretrained(tiny_model, trust_remote_code=False)
        for key, value in changes.items():
            setattr(config, key, value)
        AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path / name)
        adapter = make_adapter(tmp_path / name, tmp_path / f"{name}-adapter")
        name_base(adapter, str(tiny_model))
        shutil.copy(tiny_model / "tokenizer.json", adapter)
        with pytest.raises(UserError, match="the adapter does not fit its base model"):
            load_policy(str(adapter))


def test_an_adapter_with_a_configuration_of_a_model_is_an_adapter(tiny_model: Path, tmp_path: Path) -> None:
    adapter = make_adapter(tiny_model, tmp_path / "adapter")
    before = load_policy(str(adapter)).model.state_dict()
    shutil.copy(tiny_model / "config.json", adapter)
    after = load_policy(str(adapter)).model.state_dict()
    assert all(torch.equal(before[name], value) for name, value in after.items())


def test_an_adapter_names_a_base_in_its_run_by_a_relative_path(tiny_model: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    first = Path(shutil.copytree(tiny_model, run / "train" / "first"))
    second = make_adapter(first, run / "train" / "second")
    assert opening.describe_base(str(first), second, run) == "../first"
    assert opening.describe_base(str(tiny_model), second, run) == str(tiny_model.resolve())
    assert opening.describe_base("org/name", second, run) == "org/name"
    name_base(second, "../first")
    key = model_key(str(second))
    run.rename(tmp_path / "moved")
    moved = tmp_path / "moved" / "train" / "second"
    assert opening.list_chain(str(moved)) == [str(moved), str((moved.parent / "first").resolve())]
    assert model_key(str(moved)) == key
    assert load_policy(str(moved)).context == 256


def test_an_adapter_of_a_folder_outside_the_run_is_opened_by_peft_from_anywhere(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from peft import AutoPeftModelForCausalLM

    base = Path(shutil.copytree(tiny_model, tmp_path / "models" / "base"))
    # Both say what the base was made from, which is another model.
    (base / "README.md").write_text("---\nbase_model: org/other\n---\n", encoding="utf-8")
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "_name_or_path": "org/other"}))
    run = tmp_path / "run"
    adapter = make_adapter(base, run / "train" / "sft")
    name_base(adapter, opening.describe_base(str(base), adapter, run))
    moved = run.rename(tmp_path / "elsewhere") / "train" / "sft"
    monkeypatch.chdir(tmp_path / "models")
    model = AutoPeftModelForCausalLM.from_pretrained(moved)
    assert model.active_peft_config.base_model_name_or_path == str(base.resolve())
    assert opening.list_chain(str(moved)) == [str(moved), str(base.resolve())]


def test_every_call_that_opens_something_says_that_no_code_is_run() -> None:
    openers = {"from_pretrained", "from_config", "load_dataset", "SentenceTransformer", "HFLM", "loader"}
    calls = []
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            owner = getattr(getattr(function, "value", None), "id", "")
            if name not in openers or owner == "PeftModel":  # peft reads an adapter's numbers, never its code
                continue
            trust = [one.value for one in node.keywords if one.arg == "trust_remote_code"]
            assert trust, f"{path}:{node.lineno} does not pass trust_remote_code"
            assert isinstance(trust[0], ast.Constant), f"{path}:{node.lineno}"
            assert trust[0].value is False, f"{path}:{node.lineno}"
            calls.append(f"{path.stem}:{name}")
    assert {
        "opening:from_pretrained",
        "opening:from_config",
        "sentence_model:SentenceTransformer",
        "lm_eval_runner:HFLM",
    } <= {*calls}


def test_an_adapter_names_a_model_of_the_hubs_cache_by_its_hub_name(tmp_path: Path) -> None:
    cached = tmp_path / "hub" / "models--org--a--b" / "snapshots" / "0123abc"
    cached.mkdir(parents=True)
    assert opening.describe_base(str(cached), tmp_path / "run" / "sft", tmp_path / "run") == "org/a--b"
    assert opening.describe_base(str(cached.parent), tmp_path / "run" / "sft", None) == str(cached.parent)
