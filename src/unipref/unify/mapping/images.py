"""Images of a row by reference: their places in the turns, and the hashes of local files."""

import functools
import hashlib
import os
import posixpath
import re
import stat
import urllib.parse
from pathlib import Path
from typing import Any

from unipref.core.display import describe_value
from unipref.core.messages import have_parts
from unipref.core.records import Feedback, Image, Message, Messages, Reason, Reject
from unipref.unify.mapping.message_parts import IMAGE_MARK, check_image

REMOTE = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")
"""Beginning of a URL."""
CHUNK = 1 << 20


def read_images(value: Any, field: str) -> list[str]:
    """Reads the paths or URLs of a row's images: a list, one alone, or null.

    Raises:
        Reject: an image is inside the row, or the value is something else.
    """
    if value is None:
        return []
    if not isinstance(value, list | str | dict):
        raise Reject(Reason.WRONG_TYPE, f"expected a list of images, found {describe_value(value)}", field)
    return [check_image(item, field) for item in (value if isinstance(value, list) else [value])]


def place_images(prompt: Messages, images: list[str], field: str) -> Messages:
    """Puts a row's images at the marks in the prompt, in order; without marks, before the first user turn's text.

    Raises:
        Reject: the numbers of marks and images differ, or the prompt has no user turn.
    """
    marked = [_find_marks(message) for message in prompt]
    count = sum(not image["ref"] for message in marked for image in message.get("images") or ())
    if not count and images:
        first = next((at for at, message in enumerate(marked) if message["role"] == "user"), None)
        if first is None:
            raise Reject(Reason.EMPTY_PROMPT, "no turn of the user can hold the images", field)
        own = [Image(ref=ref, sha256=None, at=0) for ref in images]
        marked[first]["images"] = [*own, *(marked[first].get("images") or ())]
        return marked
    if count != len(images):
        raise Reject(Reason.WRONG_TYPE, f"the prompt has {count} marks of images, and the row {len(images)}", field)
    refs = iter(images)
    for message in marked:
        if placed := message.get("images"):
            message["images"] = [image if image["ref"] else {**image, "ref": next(refs)} for image in placed]
    return marked


def _find_marks(message: Message) -> Message:
    """Returns a copy of a message in which each `<image>` of the user's text is an image without a reference."""
    pieces = message["content"].split(IMAGE_MARK)
    copy: Message = {**message}
    if message["role"] != "user" or len(pieces) == 1:
        return copy
    content, images = pieces[0], list(message.get("images") or ())
    for piece in pieces[1:]:
        content = content.rstrip(" ")
        images.append(Image(ref="", sha256=None, at=len(content)))
        content += piece if content else piece.lstrip()
    copy["content"], copy["images"] = content.rstrip(), images
    return copy


def hash_images(feedback: Feedback, file: str | None, origin: str) -> None:
    """Fills in the hashes of local images, and makes their paths relative to `data_root` as those of origins are.

    Args:
        feedback: changed in place.
        file: the file that holds the row; relative paths of images begin in its folder. None: the row is in memory.
        origin: that file's name in origins.

    Raises:
        Reject: an image is no file, lies outside `data_root` and the folder of its row, or a mark has no image.
    """
    for message in _list_messages(feedback):
        if images := message.get("images"):
            message["images"] = [_resolve(image, file, origin) for image in images]


def check_images(feedback: Feedback, file: str | None) -> None:
    """Raises the `Reject` of the first image that is no file; see `hash_images`."""
    for message in _list_messages(feedback):
        for image in message.get("images") or ():
            _find_file(image["ref"], file)


def is_missing(ref: str, file: str | None) -> bool:
    """Whether the reference of an image names no file."""
    try:
        _find_file(ref, file)
    except Reject:
        return True
    return False


def _list_messages(feedback: Feedback) -> list[Message]:
    several = (feedback.prompt, *(response.messages for response in feedback.responses))
    return [message for messages in several if have_parts(messages) for message in messages]


def _resolve(image: Image, file: str | None, origin: str) -> Image:
    ref = image["ref"]
    if image["sha256"] is not None:
        return image  # the message is also that of another answer of the row
    if (found := _find_file(ref, file)) is None:
        return image
    path, status = found
    _refuse_outside(path, ref, file, origin)
    folder = posixpath.dirname(origin.partition("!")[0])
    if REMOTE.match(ref):
        ref = urllib.parse.unquote(urllib.parse.urlsplit(ref).path)
    name = posixpath.normpath(posixpath.join(folder, ref.replace("\\", "/")))
    return {**image, "ref": name, "sha256": _hash_file(str(path), status.st_size, status.st_mtime_ns)}


def _find_file(ref: str, file: str | None) -> tuple[Path, os.stat_result] | None:
    """Returns the path of an image and its status; None for an address.

    Raises:
        Reject: there is no such file, or no reference.
    """
    if not ref:
        detail = "the turn marks the place of an image that it does not hold; set 'images:' to the field of the images"
        raise Reject(Reason.MISSING_FILE, detail)
    if REMOTE.match(ref):
        url = urllib.parse.urlsplit(ref)
        if url.scheme.lower() != "file":
            return None
        ref = urllib.parse.unquote(url.path)
    path = Path(ref) if file is None else Path(file).parent / ref
    try:
        status = path.stat()
    except (OSError, ValueError):
        status = None
    if status is None or not stat.S_ISREG(status.st_mode):
        raise Reject(Reason.MISSING_FILE, f"the image {ref[:200]!r} is no file in the folder of its row")
    return path, status


def _refuse_outside(path: Path, ref: str, file: str | None, origin: str) -> None:
    """Refuses an image that a row of a file names outside `data_root`: the file may come from elsewhere.

    Rows in memory come from the user's own program, so their images may lie anywhere.

    Raises:
        Reject: the image, links followed, lies neither in `data_root` nor in the folder of its row.
    """
    if file is None:
        return
    own, place = Path(file).parent, Path(os.path.abspath(file)).as_posix()
    name = "/" + origin.partition("!")[0]
    root = Path(place.removesuffix(name) or "/") if place.endswith(name) else own
    real = Path(os.path.realpath(path))
    if not any(real.is_relative_to(os.path.realpath(folder)) for folder in (root, own)):
        detail = f"the image {ref[:200]!r} lies outside data_root and the folder of its row, so it is not read"
        raise Reject(Reason.MISSING_FILE, detail)


@functools.lru_cache(maxsize=65536)
def _hash_file(path: str, size: int, changed: int) -> str:
    """The SHA-256 of a file; size and time of change belong to the key of the cache."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise Reject(Reason.MISSING_FILE, f"the image {path[-200:]!r} cannot be read: {error.strerror}") from error
    return digest.hexdigest()
