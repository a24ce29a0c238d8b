"""Writes a model of a run as a GGUF file, and compares the file with the model.

llama.cpp's converter writes the file. Then transformers reads it, and both models give log-probabilities to the same
tokens of dialogues. llama.cpp itself is not asked.
"""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unipref.core import parquet
from unipref.core.chat_models import Policy, RefusedDialogue
from unipref.core.errors import UserError, describe, report_missing_resources
from unipref.core.records import Messages
from unipref.core.run_folder import RunFolder
from unipref.core.special_tokens import encode_texts, remove_marks
from unipref.export.run_rows import Split, find_run_rows
from unipref.models import gguf, hub_models, llama_cpp, opening
from unipref.models.adapter_merge import MergeDifference, compare, cut_probes, measure_probes
from unipref.models.loading import find_precision, is_reward_model, load_policy
from unipref.pipeline.trained_places import find_place

if TYPE_CHECKING:
    from unipref.models.adapter_merge import Probes

GGUF = "gguf"
"""The name of this export."""
DIALOGUES = 8
"""Most dialogues that are compared."""
OWN_DIALOGUES = (
    ("Name three primary colours.", "Red, yellow and blue."),
    ("Write one sentence about a cat.", "The cat sat on the mat."),
    ("What is 12 + 7?", "12 + 7 = 19."),
)
"""Compared for a model folder, which has no dialogues of its own."""
ROUNDINGS = {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}
"""Storage -> the type of weights that it keeps as they are."""


@dataclass
class ExportedModel:
    """The account of a model in a GGUF file.

    Attributes:
        model: VARIANT/SEED/STEP, or the folder or hub name.
        file, bytes: the file and its size.
        storage: how its matrices are stored; dtype: the type of the model's weights.
        converter: the program that wrote it.
        dialogues, equal: number of compared dialogues, and of those with the same tokens in both models.
        difference: of the log-probabilities of the dialogues' tokens; None: not compared.
        loses: what the file does not hold.
        warnings: what a user should know.
    """

    model: str
    file: str
    storage: str
    dtype: str
    converter: str
    bytes: int = 0
    dialogues: int = 0
    equal: int = 0
    difference: MergeDifference | None = None
    loses: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Returns the account as JSON values."""
        return {**vars(self), "difference": self.difference.as_record() if self.difference else None}

    def as_text(self) -> str:
        """Returns the account as text for the terminal."""
        lines = [f"{self.model}: {self.bytes / 1e6:,.1f} MB, {self.storage}, of {self.dtype} weights"]
        if self.difference:
            lines.append(
                f"  compared as transformers reads both: the log-probabilities of {self.difference.tokens} tokens "
                f"differ by at most {self.difference.largest:.2g} nats (mean {self.difference.mean:.2g}); "
                f"{self.equal} of {self.dialogues} dialogues have the same tokens"
            )
        lines += [f"  lost: {what}" for what in self.loses]
        return "\n".join([*lines, f"  {self.file}"])


def export_model(
    source: Path,
    out: Path | None = None,
    model: str | None = None,
    storage: llama_cpp.Storage | None = None,
    on_note: Callable[[str], None] = lambda note: None,
) -> ExportedModel:
    """Writes a language model as a GGUF file; adapters are merged.

    Args:
        source: a run folder or a model folder.
        out: the file (`.gguf`) or its folder; None: `exports/gguf` in the run folder.
        model: VARIANT/SEED/STEP of the run; None: its best model.
        storage: how to store the matrices; None: 'bf16' for a bfloat16 model, otherwise 'f16'.
        on_note: called with what is being done.

    Raises:
        UserError: the model or the converter is missing, the converter stops, or the file holds another model. In the
            last case the file stays for a look.
    """
    name, place = _find_model(source, model)
    converter = llama_cpp.find_converter()
    title = place.replace("/", "-") if place else Path(name).resolve().name
    dialogues = _read_dialogues(source) if place else []
    on_note(f"loading {name}")
    loaded = load_policy(name)
    dtype = find_precision(loaded.model)
    chosen: llama_cpp.Storage = storage or ("bf16" if dtype == "bfloat16" else "f16")
    file = _choose_file(source, out, bool(place), f"{title}-{chosen}{gguf.SUFFIX}")
    account = ExportedModel(place or name, str(file), chosen, dtype, converter[-1])
    account.loses = list(_find_losses(loaded, chosen))
    with report_missing_resources(str(file)):
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".gguf-", dir=file.parent) as work:
            folder = _save_whole(name, loaded, Path(work) / "model")
            texts, probes = _measure(loaded, dialogues or _make_dialogues())
            tokenizer = loaded.tokenizer
            del loaded  # frees the memory before the file is read
            on_note(f"converting with {converter[-1]}")
            written = Path(work) / file.name
            llama_cpp.convert(converter, folder, written, chosen, title)
            account.bytes = written.stat().st_size
            on_note(f"comparing the file with the model on {len(texts)} dialogues")
            _check(account, written, texts, probes, tokenizer)
            written.replace(file)
    _raise_if_other(account, file)
    return account


def _find_model(source: Path, place: str | None) -> tuple[str, str]:
    """Returns the model's folder, and its place in the run; empty for a model folder."""
    if not source.is_dir():
        mend = "Give the folder that `unipref run` wrote, or a model folder."
        raise UserError("the folder is missing.", where=str(source), mend=mend)
    if not RunFolder(source).has_manifest:
        if place is not None:
            raise UserError("--model names a model of a run, and this is not a run folder.", where=str(source))
        if is_reward_model(str(source)):
            raise UserError("this is a reward model; llama.cpp's file holds language models.", where=str(source))
        return str(source), ""
    manifest = RunFolder(source).manifest
    found = find_place(source, manifest, "model", place)
    folder = source / manifest.trained(found.variant, found.seed)[found.step].folder
    return str(folder), "/".join(found)


def _choose_file(source: Path, out: Path | None, is_run: bool, name: str) -> Path:
    if out is None:
        if not is_run:
            raise UserError("a model folder stays as it is.", where=str(source), mend="Give the file: -o model.gguf")
        return source / "exports" / GGUF / name
    return out if out.suffix.lower() == gguf.SUFFIX and not out.is_dir() else out / name


def _find_losses(policy: Policy, storage: str) -> Iterator[str]:
    dtype = find_precision(policy.model)
    if storage not in ROUNDINGS:
        yield f"bits of the weights: matrices are rounded from {dtype} to {storage}"
    elif ROUNDINGS[storage] not in (dtype, "float32"):
        yield f"bits of the weights: matrices are rounded from {dtype} to {ROUNDINGS[storage]}"
    if opening.reads_images(policy.model.config):
        yield "the part of the model that reads images"
    yield "settings of generation (generation_config.json), such as the temperature"


def _save_whole(name: str, policy: Policy, folder: Path) -> Path:
    """Returns the folder of the whole model with its tokenizer; with an adapter, the merged model is saved."""
    if not opening.is_adapter(name):
        return Path(hub_models.open_as_folder(gguf.open_as_folder(name)))
    policy.model.save_pretrained(folder)
    policy.tokenizer.save_pretrained(folder)
    return folder


def _read_dialogues(run: Path) -> list[Messages]:
    """Reads dialogues of the run, held-out ones if it has any."""
    splits: tuple[Split | None, ...] = ("test", "dev", None)
    for split in splits:
        with contextlib.suppress(UserError):
            found: list[Messages] = []
            for row in parquet.read_rows(find_run_rows(run, split, None, None).file, rows_at_once=DIALOGUES):
                if row["chosen"]:
                    found.append([*row["prompt"], *row["chosen"]])
                if len(found) == DIALOGUES:
                    break
            if found:
                return found
    return []


def _make_dialogues() -> list[Messages]:
    return [
        [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        for question, answer in OWN_DIALOGUES
    ]


def _measure(policy: Policy, dialogues: list[Messages]) -> tuple[list[str], "Probes"]:
    """Renders dialogues, and measures what the model says of their tokens, in float32."""
    texts = []
    for dialogue in dialogues:
        with contextlib.suppress(RefusedDialogue):
            texts.append(remove_marks(policy.tokenizer, policy.dialogue_text(dialogue)))
    sequences = cut_probes([ids[: policy.context] for ids in encode_texts(policy.tokenizer, texts).values()])
    return texts, measure_probes(policy.model.float(), sequences, "causal")


def _check(account: ExportedModel, file: Path, texts: list[str], probes: "Probes", tokenizer: Any) -> None:
    """Compares the file, as transformers reads it, with the model."""
    try:
        gguf.check_file(file)
        model, read = gguf.read_model(file)
    except UserError as error:
        account.warnings.append(f"The file was not compared with the model: {describe(error)}")
        return
    own, other = (encode_texts(one, texts) for one in (tokenizer, read))
    account.dialogues, account.equal = len(own), sum(own[text] == other[text] for text in own)
    if account.equal < account.dialogues:
        account.warnings.append(
            f"As transformers reads the file, {account.dialogues - account.equal} of {account.dialogues} dialogues "
            "have other tokens than in the model. Compare those of llama.cpp (llama-tokenize) before you use it."
        )
    if read.chat_template != tokenizer.chat_template:
        account.warnings.append("The file holds another chat template than the model, or none.")
    if len(probes.values) == 0:
        account.warnings.append("The file was not compared with the model: its chat template renders no dialogue.")
        return
    stored = ROUNDINGS.get(account.storage, account.storage)
    # What keeps the type of the model's weights, or a wider one, rounds nothing.
    kept = stored in (account.dtype, "float32")
    account.difference = compare(probes, model, "causal", rounded_to="float32" if kept else stored)


def _raise_if_other(account: ExportedModel, file: Path) -> None:
    """Raises an error if the file holds another model, as far as transformers reads it."""
    found = account.difference
    if found is None or found.is_equal:
        return
    raise UserError(
        f"as transformers reads the file, it is not the model: the log-probabilities of {found.tokens} tokens "
        f"differ by up to {found.largest:.3g} nats (mean {found.mean:.3g}, {found.describe_limit()}).",
        where=str(file),
        mend="Try --type f32. If llama.cpp's own answers are right, transformers reads this kind of file wrongly.",
    )
