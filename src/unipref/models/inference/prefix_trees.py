"""Sequences that start alike, laid into rows in which each shared start stands once.

A row is a tree of tokens: a sequence is a path from the root, and a token sees the tokens on its own path only. One
forward pass over such a row gives what a pass over each of its sequences would give, and a prompt with nine possible
words after it is read once instead of nine times (the tree attention of SpecInfer, Miao et al. 2024).
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from unipref.models.inference.tokens import common_length

Ids = tuple[int, ...]

KEYS_PER_TOKEN = 256
"""To how many other tokens one can attend for the cost of running a token through the layers. Half and twice as much
are both slower for a model of 260 thousand parameters on a CPU; for larger models it is thousands, and then little
depends on it."""

LARGEST_ROW = 512
"""Tokens of a row that shares starts, unless twice a single sequence is more: attention is over the whole row."""

COPIED_AT_ONCE = 2**14
"""Most tokens of texts that are written on from one pass, each counted whole: a shared start is read once, but its keys
and values are copied for each text."""

WIDTHS = 8
"""Rows are padded to a multiple of this, which attention kernels like."""


@dataclass(frozen=True)
class Branch:
    """A sequence that a question needs to have run.

    Attributes:
        ids: its tokens.
        first: where it is asked: the logits from this position to the end are needed.
        owner: which question it belongs to.
        group: which group its question belongs to.
        room: how many tokens are to be written after it.
    """

    ids: Ids
    first: int
    owner: int
    group: int
    room: int = 0


@dataclass
class Row:
    """Sequences that are run together, in the order of their ids; how many tokens their tree has, and how many those
    sequences have, each counted whole, that are written on.
    """

    members: list[Branch] = field(default_factory=list)
    keys: list[Ids] = field(default_factory=list)
    size: int = 0
    room: int = 0
    copied: int = 0
    bundle: int = 0

    def added(self, ids: Ids) -> int:
        """How many tokens the tree grows by with this sequence."""
        at = bisect_left(self.keys, ids)
        beside = self.keys[max(0, at - 1) : at + 1]
        return len(ids) - max((common_length(ids, other) for other in beside), default=0)

    def add(self, sequence: Branch, added: int) -> None:
        """Takes a sequence in, `added` as given by `added`."""
        at = bisect_left(self.keys, sequence.ids)
        self.keys.insert(at, sequence.ids)
        self.members.insert(at, sequence)
        self.size += added
        self.room += sequence.room
        self.copied += len(sequence.ids) if sequence.room else 0

    def gains(self, sequence: Branch, added: int) -> bool:
        """Whether it costs less to run a sequence in this row than in one of its own, and the row is not full."""
        length = len(sequence.ids)
        if sequence.room and self.copied and self.copied + length > COPIED_AT_ONCE:
            return False
        if self.size + added > max(LARGEST_ROW, 2 * length):
            return added == 0
        joined = added * (2 * self.size + added)
        return joined <= length * length + KEYS_PER_TOKEN * (length - added)

    def is_chain(self) -> bool:
        """Whether it is one sequence and starts of it: no token has two that may follow."""
        return self.size == len(self.keys[-1])


def plan(sequences: Iterable[Branch], branching: bool) -> list[Row]:
    """Lays sequences into rows, largest first; rows that share a group stay beside each other.

    Args:
        sequences: those of a group beside each other.
        branching: False lets a row hold only sequences that are starts of one another, for models that cannot take a
            tree.
    """
    groups: dict[int, list[Branch]] = {}
    for sequence in sequences:
        groups.setdefault(sequence.group, []).append(sequence)
    for members in groups.values():
        members.sort(key=lambda sequence: sequence.ids)
    rows: list[Row] = []
    for members in sorted(groups.values(), key=lambda members: (members[0].ids, members[0].group)):
        for sequence in members:
            added = rows[-1].added(sequence.ids) if rows else 0
            if not (rows and _joins(rows[-1], sequence, added, branching)):
                same = bool(rows) and any(member.group == sequence.group for member in rows[-1].members)
                rows.append(Row(bundle=rows[-1].bundle if same else len(rows)))
                added = len(sequence.ids)
            rows[-1].add(sequence, added)
    largest: dict[int, int] = {}
    for row in rows:
        largest[row.bundle] = max(row.size, largest.get(row.bundle, 0))
    return sorted(rows, key=lambda row: (-largest[row.bundle], row.bundle))


def _joins(row: Row, sequence: Branch, added: int, branching: bool) -> bool:
    if branching:
        return row.gains(sequence, added)
    return row.size + added == max(row.size, len(sequence.ids))


@dataclass
class Tree:
    """A row's tokens, each node once, in depth-first order.

    Attributes:
        ids, depths: (nodes,) token and position of each node.
        ends: (nodes,) one past the last node below each node: node i is on the path to node j where i <= j < ends[i].
        paths: the nodes of each member's sequence.
    """

    ids: list[int]
    depths: list[int]
    ends: list[int]
    paths: list[list[int]]


def grow(keys: Sequence[Ids]) -> Tree:
    """The tree of sequences that are in order."""
    tree = Tree([], [], [], [])
    before: Ids = ()
    path: list[int] = []
    for ids in keys:
        shared = common_length(before, ids)
        for node in path[shared:]:
            tree.ends[node] = len(tree.ids)
        new = len(ids) - shared
        path = path[:shared] + list(range(len(tree.ids), len(tree.ids) + new))
        tree.ids += ids[shared:]
        tree.depths += range(shared, len(ids))
        tree.ends += [0] * new
        tree.paths.append(path)
        before = ids
    for node in path:
        tree.ends[node] = len(tree.ids)
    return tree


@dataclass
class Packed:
    """Rows as arrays, (rows, columns).

    Attributes:
        ids, positions: token and position of each column.
        order, ends: depth-first number of each column's node, and one past the last node below it.
        kept: first and one past the last column whose logits are needed in any row.
        paths: per row and member, the columns of its sequence.
        chains: whether a column sees just those before it, so that a plain causal pass does.
    """

    ids: npt.NDArray[np.int64]
    positions: npt.NDArray[np.int64]
    order: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    kept: tuple[int, int]
    paths: list[list[npt.NDArray[np.int64]]]
    chains: bool

    def visible(self) -> npt.NDArray[np.bool_]:
        """(rows, columns, columns): whether the token of a column, the second axis, sees another, the third."""
        node = self.order[:, :, None]
        visible: npt.NDArray[np.bool_] = (self.order[:, None, :] <= node) & (node < self.ends[:, None, :])
        return visible


def pack(rows: Sequence[Row]) -> Packed:
    """Rows as arrays of one width.

    Where rows branch, the columns whose logits are needed come first, so that one range of columns holds them: the
    order of columns means nothing to a model that is told each token's position and what it sees.
    """
    chains = all(row.is_chain() for row in rows)
    width = -(-max(row.size for row in rows) // WIDTHS) * WIDTHS
    shape = (len(rows), width)
    # Padding, of any token, sees itself alone, so that no softmax is over nothing, and is seen by nobody.
    ids, positions = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    order = np.broadcast_to(np.arange(width, 2 * width), shape).copy()
    ends = order + 1
    paths, first, last = [], width, 0
    for at, row in enumerate(rows):
        tree = grow(row.keys)
        asked = np.zeros(row.size, dtype=bool)
        for member, path in zip(row.members, tree.paths, strict=True):
            asked[path[member.first :]] = True
        nodes = np.arange(row.size) if chains else np.argsort(~asked, kind="stable")
        column = np.empty(row.size, dtype=np.int64)
        column[nodes] = np.arange(row.size)
        ids[at, : row.size] = np.array(tree.ids)[nodes]
        positions[at, : row.size] = np.array(tree.depths)[nodes]
        order[at, : row.size] = nodes
        ends[at, : row.size] = np.array(tree.ends)[nodes]
        paths.append([column[path] for path in tree.paths])
        needed = np.flatnonzero(asked[nodes])
        first, last = min(first, int(needed[0])), max(last, int(needed[-1]) + 1)
    return Packed(ids, positions, order, ends, (first, last), paths, chains)
