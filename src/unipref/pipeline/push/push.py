"""Publishes one part of a run in one repository on the hub."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from unipref.core.errors import UserError, near_name, report_missing_resources
from unipref.core.hub import Address, is_repository_name
from unipref.core.hub.download import show_size
from unipref.core.hub.tries import remember_token
from unipref.core.records import MAIN, UNKNOWN
from unipref.core.run_folder import RunFolder
from unipref.pipeline.push import models, preferences, upload
from unipref.pipeline.push.content import Content, Options
from unipref.report.licences import find_restrictions

What = Literal["preferences", "model", "reward_model", "adapter"]


@dataclass(frozen=True)
class Pushed:
    """What was sent, or would be.

    Attributes:
        url: the page of the repository.
        commit: the address of the commit; None: nothing was sent.
        is_public: whether everybody may read it, as the hub says; if nothing was sent, as asked.
        files: path and bytes of each file.
        notes: what was left out or changed.
    """

    url: str
    commit: str | None
    is_public: bool
    files: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Returns it as JSON values."""
        return dict(vars(self))

    def as_text(self) -> str:
        """Returns it as text for the terminal."""
        lines = [f"  {show_size(file['bytes']):>10}  {file['path']}" for file in self.files]
        total = show_size(sum(file["bytes"] for file in self.files))
        who = "public" if self.is_public else "private"
        verb = "Would send" if self.commit is None else "Sent"
        lines += [f"{verb} {len(self.files)} files, {total}, to a {who} repository:"]
        lines += [f"commit: {self.commit}"] * (self.commit is not None) + [self.url]
        return "\n".join([*(f"note: {note}" for note in self.notes), *lines])


def push_run(  # noqa: PLR0913, options of one command
    run: Path,
    to: str,
    what: What = "preferences",
    *,
    variant: str | None = None,
    seed: int | None = None,
    model: str | None = None,
    base: str | None = None,
    licence: str | None = None,
    options: Options | None = None,
    is_public: bool = False,
    dry_run: bool = False,
    on_note: Callable[[str], None] | None = None,
) -> Pushed:
    """Publishes a part of a run.

    Args:
        run: the run folder.
        to: OWNER/NAME of the repository, which is made if it is missing.
        what: 'preferences' makes a dataset; 'model', 'reward_model' and 'adapter' make a model.
        variant: of the preferences; None: the study as written.
        seed: of the selection that the preferences tell; None: the first.
        model: VARIANT/SEED/STEP; None: the run's best model, or its reward model.
        base: of an adapter: the name of its base on the hub.
        licence: what the owner states; None: as the sources say.
        options: what of the preferences may be sent.
        is_public: whether everybody may read the repository, if it is made; one that exists stays as it is.
        dry_run: only find out what would be sent; needs neither token nor connection.
        on_note: called with a line per file that is sent.

    Raises:
        UserError: the run lacks it, something in it must not be sent, or the hub refuses it.
    """
    if not run.is_dir():
        raise UserError("the folder is missing.", where=str(run), mend="Give the folder that `unipref run` wrote.")
    if not is_repository_name(to):
        mend = "Write OWNER/NAME: your name or organisation on the hub, and a name for the repository."
        raise UserError(f"'{to}' is not the name of a repository.", where="--to", mend=mend)
    kind: Literal["dataset", "model"] = "dataset" if what == "preferences" else "model"
    address = Address(kind, to)
    remember_token()
    if not dry_run:
        upload.check_access()
    with report_missing_resources(), tempfile.TemporaryDirectory(prefix="unipref-push-") as folder:
        if what == "preferences":
            chosen = _check_variant(run, variant, seed)
            given = replace(options or Options(), dry_run=dry_run)
            seed_name = None if seed is None else str(seed)
            content = preferences.make_content(run, to, chosen, seed_name, Path(folder), given, licence)
        else:
            content = models.make_content(run, to, what, model, base, licence)
        if is_public and licence is None:
            _refuse_unknown_licences(content)
        sizes = upload.list_sizes(content.files)
        note = on_note or (lambda text: None)
        sent = None if dry_run else upload.upload(address, content, is_public, note)
    if sent is None:
        return Pushed(address.page, None, is_public, sizes, content.notes)
    if is_public and not sent.is_public:
        text = f"The repository existed and is private; to make it public, change it at {address.page}/settings"
        content.notes.append(text)
    return Pushed(address.page, sent.commit, sent.is_public, sizes, content.notes)


def _check_variant(run: Path, variant: str | None, seed: int | None) -> str:
    manifest = RunFolder(run).manifest
    names = list(manifest.variants or manifest.selected) or [MAIN]
    name = variant or (MAIN if MAIN in names else names[0])
    if name not in names:
        raise UserError(f"the run has no variant '{name}'.", where="--variant", mend=near_name(name, names))
    seeds = manifest.selected.get(name, {})
    if seed is not None and str(seed) not in seeds:
        raise UserError(f"the variant '{name}' has no seed {seed}.", where="--seed", mend=f"Seeds: {', '.join(seeds)}.")
    return name


def _refuse_unknown_licences(content: Content) -> None:
    """Refuses to make public what nobody has allowed to share."""
    if any(UNKNOWN in find_restrictions(licence) for licence in content.licences):
        raise UserError(
            "a source states no licence, so nothing says that its data may be made public.",
            where="--public",
            mend="Leave --public out; or, if you may share the data, state their licence: --licence cc-by-4.0",
        )
