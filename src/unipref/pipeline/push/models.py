"""Finds the files of a run's model, reward model or adapter to send, and writes its card."""

import json
import re
from pathlib import Path

import msgspec

from unipref.core.errors import UserError
from unipref.core.hub import parse_model
from unipref.core.run_folder import RunFolder, StepRecipe
from unipref.core.terminal import show_text
from unipref.models.folder_checks import ADAPTER_CONFIG, CONFIG, holds_weights
from unipref.pipeline.push.content import Content, SentFile, clean_model_json, is_path_like, strip_folders
from unipref.pipeline.trained_places import Place, find_place
from unipref.report.licences import count_training
from unipref.report.model_card import Card

SENT = re.compile(
    r"(?:adapter_)?model(?:-\d+-of-\d+)?\.safetensors|(?:adapter_)?model\.safetensors\.index\.json|.*config\.json|"
    r"tokenizer.*|special_tokens_map\.json|added_tokens\.json|vocab\..*|merges\.txt|.*\.jinja|.*\.model|spiece.*"
)
"""The files that transformers and peft load. Records of the training, its data and its checkpoints are not sent."""
STALE = (
    "model*.safetensors",
    "model*.safetensors.index.json",
    "pytorch_model*.bin",
    "pytorch_model*.bin.index.json",
    "adapter_model*.safetensors",
    "adapter_model*.safetensors.index.json",
    "adapter_model*.bin",
    ADAPTER_CONFIG,
)
"""Older files beside the new ones that transformers and peft would load with them, or in their place."""


def make_content(run: Path, repo: str, what: str, place: str | None, base: str | None, licence: str | None) -> Content:
    """Finds the files.

    Args:
        run: the run folder.
        repo: the model's name on the hub, for the card.
        what: 'model', 'reward_model' or 'adapter'.
        place: VARIANT/SEED/STEP; None: the best model, or the only reward model.
        base: for an adapter, the name of its base on the hub; None: as the adapter names it.
        licence: as the owner states it; None: that of its base and its data.

    Raises:
        UserError: there is no such model, or a file of it must not be sent.
    """
    folder = RunFolder(run)
    found = find_place(run, folder.manifest, what, place)
    trained = folder.manifest.trained(found.variant, found.seed)[found.step]
    source = run / trained.folder
    if what == "adapter":
        source = source / "adapter" if (source / "adapter" / ADAPTER_CONFIG).is_file() else source
    _check_kind(source, what)
    files = [path for path in sorted(source.iterdir()) if path.is_file() and SENT.fullmatch(path.name)]
    if what == "adapter" and source.name == "adapter":
        own = {path.name for path in files}
        beside = [path for path in sorted(source.parent.iterdir()) if path.is_file() and _is_tokenizer(path.name)]
        files += [path for path in beside if path.name not in own]
    card = _make_card(folder, found, repo, what, licence)
    content = Content("model", [SentFile("README.md", card.encode())], STALE)
    content.files += [_clean(path, base) for path in files]
    counts, _ = count_training(folder.manifest, found.variant, found.seed)
    sources = folder.manifest.sources_of(found.variant)
    content.licences = [sources[name].licence for name in counts if name in sources]
    left_out = sorted(path.name for path in source.iterdir() if path not in files and path.name != "README.md")
    content.notes.append(f"{'/'.join(found)}; not sent: {', '.join(left_out) or 'nothing'}")
    return content


def _check_kind(source: Path, what: str) -> None:
    """Checks that the folder holds what is to be sent.

    Raises:
        UserError: it does not.
    """
    if what == "adapter":
        if not (source / ADAPTER_CONFIG).is_file():
            mend = "Train with 'lora', or push the whole model: --what model"
            raise UserError("the model has no adapter.", where=str(source), mend=mend)
        return
    if (source / ADAPTER_CONFIG).is_file():
        mend = "Push it as an adapter: --what adapter. For a whole model, train with merge_adapter: true."
        raise UserError("this step saved an adapter alone.", where=str(source), mend=mend)
    if not (source / CONFIG).is_file() or not holds_weights(source):
        raise UserError("the folder holds no whole model.", where=str(source), mend="Train it again: unipref run STUDY")


def _is_tokenizer(name: str) -> bool:
    return SENT.fullmatch(name) is not None and not name.endswith(("safetensors", "index.json")) and name != CONFIG


def _clean(path: Path, base: str | None) -> SentFile:
    """A file to send; JSON without the places that transformers noted, and an adapter with a base on the hub."""
    if path.suffix != ".json" or path.name in ("tokenizer.json", "vocab.json"):
        return SentFile(path.name, path)
    text = path.read_text(encoding="utf-8")
    value = json.loads(text)
    if path.name == ADAPTER_CONFIG:
        recorded = str(value.get("base_model_name_or_path"))
        if base is not None:
            address = parse_model(base, "--base")
            revision = None if address.revision == "main" else address.revision
            value |= {"base_model_name_or_path": address.repo, "revision": revision}
        elif is_path_like(recorded):
            raise UserError(
                "the adapter's base is a folder, which others do not have.",
                where=f"{path}: base_model_name_or_path",
                mend="Push the base first, and name it: --base OWNER/NAME",
            )
    cleaned = clean_model_json(value, str(path))
    return SentFile(path.name, path if cleaned == json.loads(text) else _encode(cleaned))


def _encode(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()


def _make_card(folder: RunFolder, place: Place, repo: str, what: str, licence: str | None) -> str:
    card = Card(folder.manifest, folder.scores(), *place, repo=repo, licence=licence)
    if what == "adapter":
        card.recipe = msgspec.structs.replace(card.recipe, adapter=True)
    # The settings and the warnings may name models and files by their paths.
    card.recipe = _strip_recipe(card.recipe)
    card.steps = {**{step: _strip_recipe(recipe) for step, recipe in card.steps.items()}, place.step: card.recipe}
    card.trained = {
        step: msgspec.structs.replace(trained, warnings=strip_folders(trained.warnings))
        for step, trained in card.trained.items()
    }
    if is_path_like(card.base) or "/" not in card.base:
        card.base_on_hub = None
    return show_text(card.text())


def _strip_recipe(recipe: StepRecipe) -> StepRecipe:
    """A recipe without folders of this machine."""
    return msgspec.structs.replace(recipe, start=strip_folders(recipe.start), settings=strip_folders(recipe.settings))
