"""The processor of a model that reads images: it turns a rendered dialogue and its images into the model's inputs.

Pillow decodes images. transformers' own processors for Pillow need nothing else; torchvision is used where it is
installed. A model that reads images also works on texts alone, without either.
"""

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unipref.core.errors import UserError
from unipref.models import hub_models, opening

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MISSING = "pip install 'unipref[vision]' installs Pillow, which decodes them"
"""What to do where Pillow is missing."""
FILES = ("processor_config.json", "preprocessor_config.json", "video_preprocessor_config.json")
"""The files of a model folder that describe its processor, besides the tokenizer's."""


def can_decode() -> bool:
    """Whether Pillow is installed."""
    return find_spec("PIL") is not None


def open_processor(name: str, tokenizer: "PreTrainedTokenizerBase") -> Any:
    """Opens the processor of a model that reads images, around a tokenizer that is already open.

    Args:
        name: folder or hub name of a whole model.
        tokenizer: the model's, as the caller changed it.

    Raises:
        UserError: it cannot be opened.
    """
    from transformers import AutoProcessor

    folder = Path(hub_models.open_as_folder(name)).expanduser()
    mend = "Give a folder with the processor beside the model (save_pretrained), with 'preprocessor_config.json'."
    with opening.explain(name, "its processor of images cannot be opened", mend):
        processor = AutoProcessor.from_pretrained(str(folder) if folder.is_dir() else name, trust_remote_code=False)
    if not hasattr(processor, "image_processor"):
        raise UserError("its processor reads no images.", where=name, mend=mend)
    processor.tokenizer = tokenizer
    processor.chat_template = tokenizer.chat_template
    return processor


def copy_files(name: str, out: Path) -> None:
    """Copies the files that describe a model's processor into the folder of a model trained from it."""
    folder = hub_models.open_description(name)
    for file in FILES:
        if (folder / file).is_file() and not (out / file).exists():
            shutil.copyfile(folder / file, out / file)
