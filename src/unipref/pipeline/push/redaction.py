"""Whether a run redacts personal data, and names of its texts from which nobody can guess what was redacted.

A run names prompts, answers, preferences and groups by hashes of the texts before clean redacts them. Who knows such a
hash and the text with its placeholder can try all telephone numbers until one gives the hash. So where texts are
replaced, other names are published, which are made of these hashes and a secret of the run.
"""

import contextlib
import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from unipref.core import json_files, parquet, yaml_files
from unipref.core.errors import UserError
from unipref.core.records import Row
from unipref.core.run_folder import STUDY, Manifest
from unipref.core.text_keys import answer_key, prompt_key
from unipref.pipeline.push.tables import TableWriter

SIDES = ("prompt", "chosen", "rejected")
SECRET = "push.json"
"""The file of a run with its secret, which only its owner can read and which is never sent."""
ROWS_IN_MEMORY = 20_000


def is_redacted(run: Path, manifest: Manifest, variant: str) -> bool:
    """Whether personal data are redacted in the preferences of a variant.

    It is so if the study says so, also where clean found nothing to replace: the sources may still hold personal data.
    If clean replaced some, it is so too: the run may lack its study.
    """
    cleaned = manifest.clean_of(variant)
    if cleaned and cleaned.redacted:
        return True
    study = parse_study(run)
    if not isinstance(study, dict):
        return False
    variants = study.get("variants")
    if isinstance(variants, dict) and (variant in variants or "grid" not in study):
        study = {**study, "variants": variants.get(variant)}
    return _asks_to_redact(study)


def _asks_to_redact(study: Any) -> bool:
    """Whether a part of a study sets `clean: {redact: ...}`."""
    if isinstance(study, dict):
        return any(
            (str(key).rpartition(".")[2] == "redact" and bool(inner)) or _asks_to_redact(inner)
            for key, inner in study.items()
        )
    return isinstance(study, list) and any(map(_asks_to_redact, study))


def parse_study(run: Path) -> Any:
    """The study of a run as YAML values; None if the run holds none."""
    file = run / STUDY
    return yaml_files.parse(file.read_text(encoding="utf-8"), str(file)) if file.is_file() else None


def find_secret(run: Path, keep: bool) -> bytes:
    """Returns the secret of a run, which is made the first time: so the same run gives the same names.

    Args:
        run: the run folder.
        keep: whether a new secret is written to the run.

    Raises:
        UserError: the file with the secret is damaged or cannot be read: a new secret would give other names.
    """
    file = run / SECRET
    if file.exists():
        try:
            return bytes.fromhex(json.loads(file.read_bytes())["secret"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                "the secret of the published names cannot be read.",
                where=str(file),
                mend="Restore the file. If you delete it, what you publish next has other ids than before.",
            ) from error
    secret = secrets.token_bytes(32)
    if keep:
        json_files.write_private_json(run / SECRET, {"secret": secret.hex()})
    return secret


class Keys:
    """The keys of the published prompts, and those of each preference whose texts clean has redacted.

    Args:
        secret: of the run, if some texts are replaced; None: keys are published as the run has them.
    """

    def __init__(self, secret: bytes | None) -> None:
        self.is_secret = secret is not None
        self._secret = secret
        self.prompts: set[bytes] = set()
        self.of_id: dict[str, tuple[str, str | None, str | None]] = {}

    def name(self, key: str) -> str:
        """Returns the published name of a hash of texts: with a secret another one of the same length."""
        if self._secret is None:
            return key
        return hashlib.blake2b(key.encode(), key=self._secret, digest_size=16).hexdigest()

    def find(self, row: Row) -> tuple[str, str | None, str | None]:
        """Returns the keys of prompt, chosen and rejected, as the run has them."""
        own = self.of_id.get(row["id"])
        return own or hash_row(row)

    def publish(self, row: Row) -> dict[str, str | None]:
        """Returns the columns of a preference that are made of hashes, as they are published."""
        keys = zip(("prompt_key", "chosen_key", "rejected_key"), self.find(row), strict=True)
        found = {"id": row["id"], "group": row["group"], **dict(keys)}
        return {column: None if key is None else self.name(key) for column, key in found.items()}


def hash_row(row: Row) -> tuple[str, str | None, str | None]:
    """Hashes prompt, chosen and rejected of a preference."""
    chosen, rejected = (None if row[side] is None else answer_key(row[side]) for side in SIDES[1:])
    return prompt_key(row["prompt"]), chosen, rejected


def sort_rows(rows: Iterable[Row], most: int, name: Callable[[Row], str], schema: Any, work: Path) -> Iterator[Row]:
    """Yields rows in the order of their published names: the order in which unify writes them tells of their hashes.

    Args:
        rows: the rows, with published names.
        most: most rows that there are.
        name: 32 hexadecimal digits of a row; rows with the same one keep their order.
        schema: of the rows.
        work: a folder for parts of them, which are sorted in memory one by one.
    """
    parts = -(-most // ROWS_IN_MEMORY) or 1
    with contextlib.ExitStack() as stack:
        writers = [stack.enter_context(TableWriter(work / f"{at}", "part", schema, most)) for at in range(parts)]
        for row in rows:
            writers[int(name(row)[:8], 16) * parts >> 32].add(row)
    for at in range(parts):
        files = sorted((work / f"{at}").glob("*.parquet"))
        yield from sorted((row for file in files for row in parquet.read_rows(file)), key=name)
