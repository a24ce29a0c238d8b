"""The one place that opens models, tokenizers and adapters: without their own code, and with one message per fault.

Every call passes `trust_remote_code=False`: otherwise transformers asks on a terminal, and `y` runs the model's code.
Weights are read from safetensors files only, because pickle files can run code.
"""

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unipref.core import hub
from unipref.core.errors import UserError, describe, first_line, legible, raise_if_resource
from unipref.core.work_progress import report_work
from unipref.models import folder_checks, gguf, hub_models
from unipref.models.folder_checks import ADAPTER_CONFIG, CONFIG
from unipref.models.reward_axes import has_axes
from unipref.models.template_bounds import check_template_bounds

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MOST_ADAPTERS = 32
"""Adapters upon adapters above which unipref refuses to look for the base model."""
NEW_HEADS = ("score.", "classifier.")
"""Layers of a sequence classifier that a language model lacks."""


def is_adapter(name: str) -> bool:
    """Whether a folder holds only a peft adapter, without the weights of a whole model."""
    if hub.is_model_name(name):
        return hub_models.is_adapter(name)
    folder = Path(name).expanduser()
    return (folder / ADAPTER_CONFIG).is_file() and not folder_checks.holds_weights(folder)


def adapter_base(name: str) -> str:
    """The base model of an adapter: as peft recorded it, with its revision, or relative to the adapter's folder.

    Raises:
        UserError: the adapter does not name its base, or the base is a folder that does not exist.
    """
    folder = hub_models.open_description(name)
    config = folder_checks.read_json_object(folder / ADAPTER_CONFIG)
    recorded, revision = config.get("base_model_name_or_path"), config.get("revision")
    where = f"{folder / ADAPTER_CONFIG}: base_model_name_or_path"
    if not isinstance(recorded, str) or not recorded:
        mend = "Write the folder or hub name of the model that the adapter was trained from."
        raise UserError("the adapter does not name its base model.", where=where, mend=mend)
    if not Path(recorded).is_absolute() and (folder / recorded).is_dir():
        return str((folder / recorded).resolve())
    if looks_like_folder(recorded) and not Path(recorded).expanduser().is_dir():
        raise UserError(
            f"the adapter's base model is the folder {legible(recorded)}, which does not exist.",
            where=where,
            mend="Write the folder or hub name of the model that the adapter was trained from.",
        )
    is_pinned = isinstance(revision, str) and revision and "@" not in recorded and hub.is_model_name(recorded)
    return f"{recorded}@{revision}" if is_pinned else recorded


def describe_base(base: str, adapter: Path, run: Path | None) -> str:
    """Returns how an adapter names its base: relative to its folder in a run, by its full path, or by its hub name.

    Peft resolves a relative path from the folder one stands in, so a base outside the run has its full path. What the
    folder's configuration or card names is the model it was made from, whose weights may be others: it is not used.

    Args:
        base: folder or hub name of the base.
        adapter: the adapter's folder.
        run: the run folder; None: the adapter belongs to none.
    """
    if hub.is_model_name(base):
        return hub.parse_model(base).repo
    base = gguf.open_as_folder(base)
    if not Path(base).expanduser().is_dir():
        return base
    place = Path(base).expanduser().resolve()
    if hub_name := _read_hub_name(place):
        return hub_name
    if run is None or not all(one.is_relative_to(run.resolve()) for one in (place, adapter.resolve())):
        return str(place)
    return Path(os.path.relpath(place, adapter.resolve())).as_posix()


def _read_hub_name(folder: Path) -> str | None:
    """The hub name of a folder in the hub's cache (`models--ORG--NAME/snapshots/COMMIT`); None for other folders."""
    repository = folder.parent.parent.name
    is_snapshot = folder.parent.name == "snapshots" and repository.startswith("models--")
    return repository.removeprefix("models--").replace("--", "/", 1) if is_snapshot else None


def list_chain(name: str) -> list[str]:
    """Lists a model's name and, under an adapter, its base, the base of that one, and so on; the whole model is last.

    A GGUF file is listed as the folder with its dequantised weights, which is made the first time.

    Raises:
        UserError: an adapter does not name its base, or is its own base.
    """
    chain = [gguf.open_as_folder(name)]
    places = {_place(chain[0])}
    while is_adapter(chain[-1]):
        base = gguf.open_as_folder(adapter_base(chain[-1]))
        if _place(base) in places or len(chain) > MOST_ADAPTERS:
            raise UserError(
                f"the adapter's base model is again {legible(base)}, so there is no model under it.",
                where=f"{Path(chain[-1]) / ADAPTER_CONFIG}: base_model_name_or_path",
                mend="Write the folder or hub name of the model that the adapter was trained from.",
            )
        places.add(_place(base))
        chain.append(base)
    return chain


def _place(name: str) -> str:
    path = Path(name).expanduser()
    return str(path.resolve()) if path.is_dir() else name


def looks_like_folder(name: str) -> bool:
    """Whether a name is a path rather than a hub name such as `org/name`."""
    return Path(name).is_absolute() or name.startswith((".", "~")) or name.partition("@")[0].count("/") > 1


def check_folder(name: str) -> None:
    """Checks the files of a model and of the models under it, without reading weights; those on the hub are fetched.

    Raises:
        UserError: a folder is missing, incomplete or damaged, or asks for its own code to be run.
    """
    if file := gguf.find_file(name):
        gguf.check_file(file)
        return
    *adapters, whole = list_chain(name)
    base_config: dict[str, Any] = {}
    whole = hub_models.open_as_folder(whole)
    if Path(whole).expanduser().is_dir():
        folder_checks.check_model_files(Path(whole).expanduser())
        base_config = folder_checks.read_json_object(Path(whole).expanduser() / CONFIG)
    for adapter in adapters:
        folder = Path(hub_models.open_as_folder(adapter)).expanduser()
        _, shapes = folder_checks.check_adapter_files(folder)
        folder_checks.check_embedding_rows(folder, shapes, base_config, whole)


def open_config(name: str) -> Any:
    """Opens the configuration of a whole model.

    Raises:
        UserError: it cannot be opened.
    """
    from transformers import AutoConfig

    folder = Path(hub_models.open_as_folder(name)).expanduser()
    if folder.is_dir():
        folder_checks.check_model_files(folder)
    with explain(name, "its configuration cannot be opened"):
        return AutoConfig.from_pretrained(str(folder) if folder.is_dir() else name, trust_remote_code=False)


def open_empty_model(config: Any, head: str, name: str) -> Any:
    """Makes a model of a configuration without memory for its weights.

    Args:
        config: the configuration.
        head: 'causal' or 'reward', as for `open_weights`.
        name: the model's name, for errors.
    """
    import torch

    with explain(name, f"its configuration fits no {_kind(head)}"), torch.device("meta"):
        return _find_loader(config, head).from_config(config, trust_remote_code=False)


def _find_loader(config: Any, head: str) -> Any:
    """Finds the class of transformers that opens a model; one that reads images keeps its image tower."""
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, AutoModelForSequenceClassification

    if head == "reward":
        return AutoModelForSequenceClassification
    return AutoModelForImageTextToText if reads_images(config) else AutoModelForCausalLM


def reads_images(config: Any) -> bool:
    """Whether a configuration is that of a model that reads images beside text and writes text."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

    if type(config) not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        return False
    name = MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING[type(config)].__name__
    return type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING or name in (getattr(config, "architectures", None) or ())


def open_weights(name: str, head: str, precision: str | None = None) -> Any:
    """Opens a whole model; a language model that is opened as a classifier gets a new, random head with one output.

    Args:
        name: folder or hub name.
        head: 'causal' for a language model, 'reward' for a sequence classifier.
        precision: the type of the weights in memory, such as 'float32'; None: as they are saved.

    Raises:
        UserError: it cannot be opened, or some of its weights are missing.
    """
    from transformers import AutoConfig
    from transformers.utils import logging

    folder = Path(hub_models.open_as_folder(name)).expanduser()
    label = f"loading {name if hub.is_model_name(name) else folder.name}"
    report_work(label, 0, 1)
    if folder.is_dir():
        folder_checks.check_model_files(folder)
    logging.disable_progress_bar()  # a bar per loaded model would hide the run's own progress
    options: dict[str, Any] = {} if precision is None else {"dtype": precision}
    place = str(folder) if folder.is_dir() else name
    with explain(name, f"it cannot be opened as a {_kind(head)}"):
        config = AutoConfig.from_pretrained(place, trust_remote_code=False)
        if head == "reward" and not (is_classifier(config.architectures) and has_axes(config)):
            options["num_labels"] = 1
        loader = _find_loader(config, head)
        model, about = loader.from_pretrained(
            place,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            **options,
        )
    report_work(label, 1, 1)
    _refuse_other_layers(model, about["unexpected_keys"], name)
    gets_head = head == "reward" and not is_classifier(model.config.architectures)
    missing = sorted(key for key in about["missing_keys"] if not (gets_head and key.startswith(NEW_HEADS)))
    if missing:
        raise UserError(
            f"it cannot be opened as a {_kind(head)}: {len(missing)} of its weights are missing, such as {missing[0]}.",
            where=name,
            mend="Give a folder with all weights, as save_pretrained writes it, of a model of this kind.",
        )
    return model


def is_classifier(architectures: Any) -> bool:
    """Whether a configuration's `architectures` name a sequence classifier."""
    return isinstance(architectures, list) and any("SequenceClassification" in str(name) for name in architectures)


def _refuse_other_layers(model: Any, unexpected: Iterable[str], name: str) -> None:
    """Refuses weights of more layers than the configuration describes; transformers leaves them out silently."""
    numbers = re.compile(r"\.\d+\.")
    patterns = {numbers.sub(".N.", key) for key in model.state_dict()}
    layers = sorted(key for key in unexpected if numbers.search(key) and numbers.sub(".N.", key) in patterns)
    if layers:
        raise UserError(
            f"{CONFIG} does not belong to the weights: it describes fewer layers, and {len(layers)} weights such as "
            f"{layers[0]} have no place.",
            where=name,
            mend=folder_checks.FETCH_AGAIN,
        )


def open_tokenizer(name: str) -> "PreTrainedTokenizerBase":
    """Opens a tokenizer.

    Raises:
        UserError: it cannot be opened, or its chat template cannot be used.
    """
    from transformers import AutoTokenizer

    folder = Path(hub_models.open_as_folder(name)).expanduser()
    if folder.is_dir():
        folder_checks.check_tokenizer_files(folder)
    mend = "Use a folder with the tokenizer saved next to the model (save_pretrained)."
    with explain(name, "the tokenizer cannot be read", mend):
        tokenizer = AutoTokenizer.from_pretrained(str(folder) if folder.is_dir() else name, trust_remote_code=False)
    _check_template(tokenizer, name)
    return tokenizer


def _check_template(tokenizer: "PreTrainedTokenizerBase", name: str) -> None:
    """Refuses several named chat templates without a default, and a template with a syntax error."""
    from jinja2 import TemplateSyntaxError

    template = tokenizer.chat_template
    if isinstance(template, dict) and "default" not in template:
        raise UserError(
            f"the tokenizer has several chat templates ({', '.join(sorted(template))}), and none is named 'default'.",
            where=f"{name}: chat_template",
            mend="Name the one to use 'default' in its tokenizer_config.json, or remove all to use unipref's own.",
        )
    check_template_bounds(tokenizer, name)
    try:
        tokenizer.apply_chat_template([{"role": "user", "content": "a"}], tokenize=False)
    except TemplateSyntaxError as error:
        raise UserError(
            f"the chat template has a syntax error in line {error.lineno}: {first_line(error)}.",
            where=f"{name}: chat_template",
            mend="Correct the chat template, or remove it to use unipref's own.",
        ) from error
    except Exception:
        return  # a template may refuse this dialogue; whoever renders one handles that


def attach_adapter(model: Any, adapter: str, adapter_name: str = "default") -> Any:
    """Attaches a saved adapter to its base model, and checks that each of its tensors has a place there.

    Args:
        model: the base model, or a `PeftModel` over it, which gets one adapter more. It may be changed by a failure.
        adapter: the adapter's folder.
        adapter_name: peft's name for it.

    Returns:
        The `PeftModel`.

    Raises:
        UserError: the adapter cannot be opened, or does not fit the model.
    """
    from peft import PeftModel, get_peft_model_state_dict

    folder = Path(hub_models.open_as_folder(adapter)).expanduser()
    _, shapes = folder_checks.check_adapter_files(folder)
    mend = f"{ADAPTER_CONFIG} names {legible(adapter_base(adapter))} as its base: was it trained from that model?"
    with explain(adapter, "the adapter does not fit its base model", mend):
        if isinstance(model, PeftModel):
            model.load_adapter(str(folder), adapter_name=adapter_name)
            attached = model
        else:
            attached = PeftModel.from_pretrained(model, str(folder), adapter_name=adapter_name)
        expected = get_peft_model_state_dict(attached, adapter_name=adapter_name, save_embedding_layers=False)
    differing = {key for key in shapes.keys() ^ expected.keys() if not folder_checks.EMBEDDING.search(key)}
    # Models with renamed layers map the names of older adapters while they load.
    if differing and not getattr(attached.get_base_model(), "_checkpoint_conversion_mapping", None):
        extra = sum(key in shapes for key in differing)
        raise UserError(
            f"the adapter does not fit its base model: {extra} of its tensors have no place there and "
            f"{len(differing) - extra} are missing, such as {min(differing)}.",
            where=adapter,
            mend=mend,
        )
    return attached


@contextlib.contextmanager
def explain(name: str, what: str, mend: str | None = None) -> Iterator[None]:
    """Turns whatever a library raises while it opens a model into one message.

    The files come from elsewhere, and the libraries check few of them, so any exception can follow from a damaged one.

    Args:
        name: the model's name.
        what: what cannot be done, without a full stop.
        mend: how to mend it.

    Raises:
        UserError: the block failed; a `ResourceError` if this machine lacks memory, disk or a permission.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise_if_resource(error, name)
        if "ignore_mismatched_sizes" in str(error):
            what, why = f"{CONFIG} does not belong to the weights", "it describes tensors of other shapes"
            raise UserError(f"{what}: {why}.", where=name, mend=folder_checks.FETCH_AGAIN) from error
        if "trust_remote_code" in str(error):
            raise folder_checks.own_code_error(_read_own_code(name), name) from error
        mend = mend or "Give a folder written by transformers' save_pretrained, or the name of a reachable hub model."
        raise UserError(f"{what}: {describe(error)}.", where=name, mend=mend) from error


def _read_own_code(name: str) -> Any:
    folder = Path(name).expanduser()
    for file in (CONFIG, "tokenizer_config.json"):
        with contextlib.suppress(UserError):
            if own := folder_checks.read_json_object(folder / file).get("auto_map"):
                return own
    return {}


def _kind(head: str) -> str:
    return "reward model" if head == "reward" else "language model"
