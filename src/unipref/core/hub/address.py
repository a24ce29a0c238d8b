"""Names of what is on the hub: `hf://datasets/OWNER/NAME@REVISION/FILES` for data, `OWNER/NAME@REVISION` for models."""

import re
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

import msgspec

from unipref.core.errors import UserError

SCHEME = "hf://"
MAIN = "main"
LONGEST = 250
"""Most characters of a name with its revision; the hub allows 96 for the name."""
Kind = Literal["dataset", "model"]
_NAME = r"[A-Za-z0-9][\w.-]*"
_REVISION = r"refs/convert/[\w.-]+|refs/pr/\d+|[^/@]+"
_ADDRESS = re.compile(rf"(?P<repo>{_NAME}/{_NAME})(?:@(?P<revision>{_REVISION}))?(?:/(?P<path>.*))?")
_MODEL = re.compile(rf"(?P<repo>{_NAME}/{_NAME})(?:@(?P<revision>[^@]+))?")


class Address(msgspec.Struct, frozen=True):
    """A repository on the hub at a revision, and files in it.

    Attributes:
        kind: 'dataset' or 'model'.
        repo: owner and name.
        revision: commit, branch or tag, as the user states it.
        path: a file, a folder or a pattern in it; '' for all.
    """

    kind: Kind
    repo: str
    revision: str = MAIN
    path: str = ""

    @property
    def key(self) -> str:
        """The name under which its commit is recorded: `datasets/OWNER/NAME@REVISION` or `OWNER/NAME@REVISION`."""
        return f"{'datasets/' if self.kind == 'dataset' else ''}{self.repo}@{self.revision}"

    @property
    def page(self) -> str:
        """The address of its page, without the revision."""
        from huggingface_hub import constants

        return f"{constants.ENDPOINT}/{'datasets/' if self.kind == 'dataset' else ''}{self.repo}"

    def describe(self, commit: str | None = None) -> str:
        """Returns it in words: `the dataset OWNER/NAME`, at a commit if one is given."""
        return f"the {self.kind} {self.repo}" + (f" at {commit[:12]}" if commit else "")

    def origin(self, file: str) -> str:
        """Returns where a row of one of its files comes from, the same on every machine."""
        return f"{SCHEME}{'datasets/' if self.kind == 'dataset' else ''}{self.repo}/{file}"


def is_address(text: str) -> bool:
    """Whether a path is an address on the hub."""
    return text.startswith(SCHEME)


def parse_address(text: str, where: str, revision: str | None = None) -> Address:
    """Reads an address of data.

    Args:
        text: `hf://datasets/OWNER/NAME[@REVISION][/FILES]`.
        where: the setting that holds it, for errors.
        revision: the setting `revision` beside it.

    Raises:
        UserError: it is not of this form, or names two revisions.
    """
    rest = text.removeprefix(SCHEME)
    match = _ADDRESS.fullmatch(rest.removeprefix("datasets/"))
    if match is None or not rest.startswith("datasets/") or ".." in (match["path"] or "").split("/"):
        raise UserError(
            f"'{text}' is not the address of data on the hub.",
            where=where,
            mend="Write hf://datasets/OWNER/NAME/FILE, such as hf://datasets/nvidia/HelpSteer2/train.jsonl.gz; "
            "a revision follows the name: OWNER/NAME@REVISION.",
        )
    own = unquote(match["revision"]) if match["revision"] else None
    path = unquote(match["path"] or "").strip("/")
    return Address("dataset", match["repo"], _one_revision(own, revision, where), path)


def is_model_name(name: str) -> bool:
    """Whether a model's name is one on the hub: `OWNER/NAME`, perhaps with `@REVISION`, and no path that exists.

    The few old names without an owner are left to transformers, and not pinned.
    """
    if len(name) > LONGEST or Path(name).suffix.lower() == ".gguf" or _MODEL.fullmatch(name) is None:
        return False
    return not Path(name).exists()


def is_repository_name(name: str) -> bool:
    """Whether a text is `OWNER/NAME`."""
    return re.fullmatch(f"{_NAME}/{_NAME}", name) is not None


def parse_model(name: str, where: str | None = None, revision: str | None = None) -> Address:
    """Reads the name of a model on the hub; arguments as for `parse_address`.

    Raises:
        UserError: it is not of the form `OWNER/NAME[@REVISION]`, or names two revisions.
    """
    match = _MODEL.fullmatch(name)
    if match is None:
        mend = "Write OWNER/NAME, or OWNER/NAME@REVISION for a commit, branch or tag."
        raise UserError(f"'{name}' is not the name of a model on the hub.", where=where or name, mend=mend)
    return Address("model", match["repo"], _one_revision(match["revision"], revision, where or name))


def _one_revision(own: str | None, other: str | None, where: str) -> str:
    if own and other and own != other:
        mend = "Remove one of the two."
        raise UserError(f"there are two revisions, '{own}' and '{other}'.", where=where, mend=mend)
    return own or other or MAIN
