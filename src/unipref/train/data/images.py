"""Images of preferences for a trainer that reads them: files are checked, counted in tokens, and opened per batch.

A row with images reaches TRL as texts: unipref renders the dialogue, so that each image has its own place, and passes
the prompt, the answers and the paths of the images. The processor of the model counts the tokens, images included.
"""

import hashlib
import http.client
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unipref.core import parquet
from unipref.core.json_files import replace_file
from unipref.core.messages import schema_has_parts
from unipref.core.records import Image, Messages, Row

COLUMN = "images"
"""TRL's column of images; here it holds their paths."""
MISSING = "image_missing"
"""Left out because a file of an image is missing."""
CHANGED = "image_changed"
"""Left out because an image is another than when unipref read the row."""
NOT_DECODED = "image_not_decoded"
"""Left out because Pillow cannot decode an image."""
BY_URL = "image_by_url"
"""Left out because an image is an address, and the settings do not let it be fetched."""
NOT_FETCHED = "image_not_fetched"
"""Left out because an image cannot be fetched from its address."""
IN_ANSWER = "image_in_answer"
"""Left out because an answer holds an image, which TRL cannot train on."""
REFUSED = "image_refused"
"""Left out because the model's processor refuses the dialogue with its images."""
WORDS = {
    MISSING: "a file of their images is missing",
    CHANGED: "an image is another than when the row was read",
    NOT_DECODED: "Pillow cannot decode an image",
    BY_URL: "an image is an address; 'image_urls: true' lets the step fetch it",
    NOT_FETCHED: "an image cannot be fetched from its address",
    IN_ANSWER: "an answer holds an image, which TRL cannot train on",
    REFUSED: "the model's processor refuses the dialogue with its images",
}
"""Reason -> why such preferences are left out."""
MOST_BYTES = 64 << 20
"""Most bytes of an image that is fetched."""
TIMEOUT = 30
"""Seconds to wait for an address."""
ROWS = 4096
"""Rows that are read at once."""
KEPT = 8192
"""Files whose checks are kept: many rows may share an image."""


class UnusableImage(Exception):
    """An image cannot be used; the argument is the reason."""

    @property
    def reason(self) -> str:
        """The reason, one of `WORDS`."""
        return str(self.args[0])


@dataclass
class ImageReader:
    """Checks the images of preferences, and counts the tokens of dialogues with them.

    Attributes:
        processor: of the model.
        root: folder that the paths of images are relative to.
        cache: folder for images that are fetched; None: addresses are not fetched.
    """

    processor: Any
    root: Path
    cache: Path | None = None
    _checked: dict[tuple[str, str | None], Path | str] = field(default_factory=dict)

    def find_files(self, messages: Messages) -> list[Path]:
        """Finds the files of a dialogue's images, in order.

        Raises:
            UnusableImage: one of them cannot be used.
        """
        return [self._find_file(image) for message in messages for image in message.get("images") or ()]

    def _find_file(self, image: Image) -> Path:
        key = (image["ref"], image["sha256"])
        if key not in self._checked:
            if len(self._checked) >= KEPT:
                self._checked.clear()
            try:
                self._checked[key] = self._check(*key)
            except UnusableImage as error:
                self._checked[key] = error.reason
        checked = self._checked[key]
        if isinstance(checked, str):
            raise UnusableImage(checked)
        return checked

    def _check(self, ref: str, sha256: str | None) -> Path:
        path = (self.root / ref).absolute() if sha256 is not None else self._fetch(ref)
        try:
            with open(path, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except (OSError, ValueError) as error:
            raise UnusableImage(MISSING) from error
        if sha256 not in (None, digest):
            raise UnusableImage(CHANGED)
        open_image(path)
        return path

    def _fetch(self, url: str) -> Path:
        """Fetches an image by http or https into the cache."""
        if urllib.parse.urlsplit(url).scheme.lower() not in ("http", "https"):
            raise UnusableImage(NOT_FETCHED)
        if self.cache is None:
            raise UnusableImage(BY_URL)
        path = self.cache / hashlib.sha256(url.encode()).hexdigest()
        if path.exists():
            return path
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
                content = answer.read(MOST_BYTES + 1)
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise UnusableImage(NOT_FETCHED) from error
        if len(content) > MOST_BYTES:
            raise UnusableImage(NOT_FETCHED)
        self.cache.mkdir(exist_ok=True)
        with replace_file(path) as file:
            file.write(content)
        return path

    def count_prompt_tokens(self, text: str, files: list[Path]) -> int:
        """Counts the tokens of a rendered prompt with its images, as TRL's collator makes them.

        Raises:
            UnusableImage: the processor refuses them, as it does if the text holds the image's own token.
        """
        images = [[open_image(file) for file in files]] if files else None
        return self._count(text=[text], images=images)

    def count_answer_tokens(self, text: str) -> int:
        """Counts the tokens of a rendered answer; raises as `count_prompt_tokens`."""
        return self._count(text=[text]) if text else 0

    def _count(self, **inputs: Any) -> int:
        try:
            return len(self.processor(**inputs, add_special_tokens=False)["input_ids"][0])
        except MemoryError:
            raise
        except Exception as error:  # the processors of transformers raise many kinds for inputs that do not fit
            raise UnusableImage(REFUSED) from error


def open_image(path: Path) -> Any:
    """Opens an image in RGB, turned upright.

    Raises:
        UnusableImage: it cannot be decoded.
    """
    from PIL import Image as Pillow
    from PIL import ImageOps

    try:
        with Pillow.open(path) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    except MemoryError:
        raise
    except Exception as error:  # decoders raise many kinds for a damaged file
        raise UnusableImage(NOT_DECODED) from error


def hold_images(preferences: Path) -> bool:
    """Whether a message of a file of preferences holds an image."""
    import pyarrow.compute as pc

    if not schema_has_parts(parquet.read_schema(preferences)):
        return False
    sides = ["prompt", "chosen", "rejected"]
    return any(
        len(pc.list_flatten(pc.struct_field(pc.list_flatten(column), "images")))
        for batch in parquet.read_batches(preferences, sides, ROWS)
        for column in batch.columns
    )


def are_in(messages: Messages | None) -> bool:
    """Whether a message holds an image."""
    return any(message.get("images") for message in messages or ())


class ImageCollator:
    """TRL's collator of texts with images; it gets the images of a batch opened.

    Args:
        collator: TRL's own.
    """

    def __init__(self, collator: Any) -> None:
        self.collator = collator

    def __call__(self, examples: list[Row]) -> Any:
        """Makes a batch."""
        return self.collator(
            [{**example, COLUMN: [open_image(Path(path)) for path in example[COLUMN]]} for example in examples]
        )
