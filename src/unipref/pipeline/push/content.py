"""What a push sends, and what must not leave this machine: paths of it, secrets, and people's names unless asked."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import Any

from unipref.core.errors import UserError
from unipref.core.secrets import hide_secrets

_USER = r"~(?:[A-Za-z_][\w.-]*)?"
_ABSOLUTE = re.compile(rf"(?:file:/+|(?:{_USER})?/(?!/)|[A-Za-z]:[\\/]|\\\\(?=[^\\/\s])|(?:\.\.[\\/])+)[^\n]*")
_FOLDER = r"(?:[^\s/\\'\",:]+[/\\])"
_FOLDERS = re.compile(
    r"(?<![\w/.:~\\-])"
    rf"(?:(?:~?/|[A-Za-z]:[\\/]|\\\\(?=[^\s\\/]+[\\/])){_FOLDER}+"
    rf"|(?:file:/+(?:[A-Za-z]:[\\/])?|~[A-Za-z_][\w.-]*[\\/]|(?:\.\.[\\/])+){_FOLDER}*)"
)
"""Matches the folders of a path of one machine within a sentence."""
_HAS_FOLDERS = re.compile(r"(?:~|file:|\\\\|\.\.|[A-Za-z]:).*|/[^/\s]+/.*", re.DOTALL)
"""Matches a path with folders; a text such as `/think` alone may be a token of a tokenizer."""
_FROM_TRANSFORMERS = ("_name_or_path", "name_or_path")
"""Keys in which transformers notes where a model was loaded from; nothing reads them."""


@dataclass(frozen=True)
class Options:
    """What a push may send.

    Attributes:
        extra: the further fields of raw rows.
        annotators: the names of annotators; otherwise each gets a number.
        answers: all answers to the prompts, read again from the sources.
        redact: whether secrets in texts are replaced; otherwise they are an error.
        dry_run: whether nothing is sent, so that nothing is written to the run.
    """

    extra: bool = False
    annotators: bool = False
    answers: bool = True
    redact: bool = False
    dry_run: bool = False


@dataclass(frozen=True)
class SentFile:
    """A file to send: its path in the repository, and the file or its content."""

    path: str
    source: Path | bytes

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return len(self.source) if isinstance(self.source, bytes) else self.source.stat().st_size


@dataclass
class Content:
    """What is sent to one repository.

    Attributes:
        kind: 'dataset' or 'model'.
        files: with the card, `README.md`, first.
        folders: folders and patterns whose older files in the repository are removed.
        notes: what was left out or changed.
        licences: those of the sources, as they state them.
    """

    kind: str
    files: list[SentFile] = field(default_factory=list)
    folders: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)
    licences: list[str | None] = field(default_factory=list)


def is_absolute(text: str) -> bool:
    """Whether a text looks like a path that means something on one machine only; the disk is not asked."""
    return _ABSOLUTE.fullmatch(text) is not None


def strip_folders(value: Any) -> Any:
    """Returns a JSON value with the last part of each path of one machine in its place, and secrets replaced."""
    if isinstance(value, str):
        # A whole text may be a path with blanks; of a Windows path, and of an origin such as /data/a.csv:3, too.
        text = PureWindowsPath(value).name or "." if is_absolute(value) else _FOLDERS.sub("", value)
        return hide_secrets(text)
    if isinstance(value, Mapping):
        return {strip_folders(key): strip_folders(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [strip_folders(inner) for inner in value]
    return value


def strip_images(messages: Sequence[dict[str, Any]] | None) -> int:
    """Removes the folders of this machine from the paths of images, in place, and returns the number of images."""
    images = [image for message in messages or () for image in (message.get("images") or ())]
    for image in images:
        # A URL may hold what looks like a path.
        if "://" not in image["ref"] or image["ref"].startswith("file:"):
            image["ref"] = strip_folders(image["ref"])
    return len(images)


def clean_model_json(value: Any, file: str) -> Any:
    """Returns the content of a model's JSON file without the places that transformers noted.

    Raises:
        UserError: another value looks like an absolute path, or like a secret.
    """
    if isinstance(value, dict):
        value = {
            key: inner
            for key, inner in value.items()
            if not (key in _FROM_TRANSFORMERS and isinstance(inner, str) and is_path_like(inner))
        }
    for place, text in _list_texts(value, ""):
        # Also a path that is missing here tells of the machine that trained the model.
        if is_absolute(text) and _HAS_FOLDERS.fullmatch(text):
            mend = "Correct the file, or train the model again from a name on the hub."
            raise UserError(f"'{place}' looks like a path of one machine.", where=file, mend=mend)
        if hide_secrets(text) != text:
            raise UserError(f"'{place}' holds a secret.", where=file, mend="Remove it from the file.")
    return value


def is_path_like(text: str) -> bool:
    """Whether a model's name is a path rather than a name on the hub."""
    return is_absolute(text) or text.startswith((".", "~")) or text.count("/") > 1


def _list_texts(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _list_texts(inner, f"{place}.{key}".lstrip("."))
    elif isinstance(value, list):
        for inner in value:
            yield from _list_texts(inner, place)
