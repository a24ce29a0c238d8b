"""Random damage to bytes and to rows. The same generator state gives the same damage."""

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

SPLICES = (
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\n", b'"', b'""', b",", b";", b"\\", b"{", b"[", b"]", b"}",
    b"null", b"NaN", b"1e999", b"\\ud800", b"\xc3", b"\xf0\x9f", b"'", b":", b"- ", b"&a ", b"*a",
    b"!!python/object:os.system ",
    b"\x1b[2J", b"<script>", b"PK\x03\x04", b"PAR1", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"9" * 400, b"[" * 600,
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3.5, 1e308, -1e308, float("nan"), float("inf"), 10**30, -(10**400), "", " ", "1",
    "1.0", "true", "nan", "A", "B", "text", "\ud800", "\x00", "\x1b[31m", "²", "ß", "user", "assistant", "</s>", [], {},
    [[]], {"role": "user"}, {"content": None}, ["a", "b"], {"a": {"b": []}}, b"bytes", "x" * 5000,
)  # fmt: skip
KEYS = (
    "prompt",
    "chosen",
    "rejected",
    "role",
    "content",
    "score",
    "",
    "0",
    "a.b",
    "__proto__",
    "x" * 300,
    "label",
    "é",
)


def damage_bytes(content: bytes, rng: random.Random) -> bytes:
    """Returns the content with one to four damages: flips, cuts, doubled, moved or foreign bytes."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        place = rng.randrange(len(data) + 1)
        size = min(rng.choice((1, 2, 16, 200, 4000)), len(data) - place)
        damage = rng.choice(_BYTE_DAMAGES)
        damage(data, place, size, rng)
    return bytes(data)


def _flip(data: bytearray, place: int, size: int, rng: random.Random) -> None:
    if place < len(data):
        data[place] ^= 1 << rng.randrange(8)


def _cut(data: bytearray, place: int, size: int, rng: random.Random) -> None:
    del data[place:]


def _remove(data: bytearray, place: int, size: int, rng: random.Random) -> None:
    del data[place : place + size]


def _double(data: bytearray, place: int, size: int, rng: random.Random) -> None:
    data[place:place] = data[place : place + size]


def _move(data: bytearray, place: int, size: int, rng: random.Random) -> None:
    taken = data[place : place + size]
    del data[place : place + size]
    target = rng.randrange(len(data) + 1)
    data[target:target] = taken


def _insert(data: bytearray, place: int, size: int, rng: random.Random) -> None:
    data[place:place] = rng.choice(SPLICES)


def _overwrite(data: bytearray, place: int, size: int, rng: random.Random) -> None:
    data[place : place + size] = rng.randbytes(size)


_BYTE_DAMAGES: tuple[Callable[[bytearray, int, int, random.Random], None], ...] = (
    _flip, _cut, _remove, _double, _move, _insert, _overwrite,
)  # fmt: skip


def damage_value(value: Any, rng: random.Random) -> Any:
    """Returns a copy of a row with one to four parts replaced, removed, renamed, doubled or nested."""
    changed = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        path = rng.choice(list(_paths(changed)) or [()])
        if not path:
            continue
        holder = changed
        for key in path[:-1]:
            holder = holder[key]
        _damage_entry(holder, path[-1], rng)
    return changed


def _damage_entry(holder: Any, key: Any, rng: random.Random) -> None:
    kind = rng.randrange(6)
    if kind <= 2:
        holder[key] = copy.deepcopy(rng.choice(VALUES))
    elif kind == 3:
        del holder[key]
    elif kind == 4 and isinstance(holder, dict):
        holder[rng.choice(KEYS)] = holder.pop(key) if rng.random() < 0.5 else holder[key]
    elif kind == 4:
        holder.insert(key, copy.deepcopy(holder[key]))
    else:
        holder[key] = [holder[key]] if rng.random() < 0.5 else {rng.choice(KEYS): holder[key]}


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield (*path, key)
        yield from _paths(below, (*path, key))
