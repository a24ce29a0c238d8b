"""Packs sequences with shared prefixes into rows that hold each prefix once.

A row is a tree of tokens: a sequence is a path from the root, and a token attends only to the tokens on its own path.
One forward pass over the row gives the same results as one pass per sequence. A prompt with nine candidate words is
computed once instead of nine times (the tree attention of SpecInfer, Miao et al. 2024).
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from unipref.models.rendered_dialogue import common_length

Ids = tuple[int, ...]

KEYS_PER_TOKEN = 256
"""Number of tokens whose attention costs as much as running one token through the layers. For a model of 260 thousand
parameters on a CPU, half and twice this value are both slower. For larger models it is thousands, and then the exact
value matters little."""

MAX_ROW_TOKENS = 512
"""Maximum tokens of a row with shared prefixes (or twice a single sequence, if more): attention spans the whole row."""

MAX_COPIED_TOKENS = 2**14
"""Maximum tokens of the prompts for generation in one pass, each counted in full: a shared prefix is computed once, but
its keys and values are copied for each text."""

WIDTH_MULTIPLE = 8
"""Rows are padded to a multiple of this, because attention kernels are faster then."""


@dataclass(frozen=True)
class Branch:
    """A sequence to run for a question.

    Attributes:
        ids: its tokens.
        first: the logits from this position to the end are needed.
        owner: number of its question.
        group: number of its question's group.
        room: maximum number of tokens to generate after it.
    """

    ids: Ids
    first: int
    owner: int
    group: int
    room: int = 0


@dataclass
class Row:
    """Sequences that run together as one tree.

    Attributes:
        members: the sequences, sorted by their ids.
        keys: their ids.
        size: number of tokens of the tree.
        room: maximum number of tokens to generate after all members.
        copied: tokens of the members with generation, each counted in full.
        bundle: rows that share a group have the same bundle number.
    """

    members: list[Branch] = field(default_factory=list)
    keys: list[Ids] = field(default_factory=list)
    size: int = 0
    room: int = 0
    copied: int = 0
    bundle: int = 0

    def growth(self, ids: Ids) -> int:
        """Number of tokens by which this sequence would enlarge the tree."""
        at = bisect_left(self.keys, ids)
        neighbours = self.keys[max(0, at - 1) : at + 1]
        return len(ids) - max((common_length(ids, other) for other in neighbours), default=0)

    def add(self, sequence: Branch, added: int) -> None:
        """Adds a sequence; `added` is the result of `growth`."""
        at = bisect_left(self.keys, sequence.ids)
        self.keys.insert(at, sequence.ids)
        self.members.insert(at, sequence)
        self.size += added
        self.room += sequence.room
        self.copied += len(sequence.ids) if sequence.room else 0

    def is_cheaper_with(self, sequence: Branch, added: int) -> bool:
        """Whether a sequence costs less in this row than in a row of its own, and the row has space for it."""
        length = len(sequence.ids)
        if sequence.room and self.copied and self.copied + length > MAX_COPIED_TOKENS:
            return False
        if self.size + added > max(MAX_ROW_TOKENS, 2 * length):
            return added == 0
        extra_attention = added * (2 * self.size + added)
        return extra_attention <= length * length + KEYS_PER_TOKEN * (length - added)

    def is_chain(self) -> bool:
        """Whether the tree is a single sequence and prefixes of it, without branches."""
        return self.size == len(self.keys[-1])


def pack_into_rows(sequences: Iterable[Branch], branching: bool) -> list[Row]:
    """Packs sequences into rows, largest first; rows that share a group stay together.

    Args:
        sequences: the sequences; those of one group must be consecutive.
        branching: if False, a row holds only prefixes of one sequence, for models that do not support trees.
    """
    groups: dict[int, list[Branch]] = {}
    for sequence in sequences:
        groups.setdefault(sequence.group, []).append(sequence)
    for members in groups.values():
        members.sort(key=lambda sequence: sequence.ids)
    rows: list[Row] = []
    for members in sorted(groups.values(), key=lambda members: (members[0].ids, members[0].group)):
        for sequence in members:
            added = rows[-1].growth(sequence.ids) if rows else 0
            if not (rows and _should_join(rows[-1], sequence, added, branching)):
                shares_group = bool(rows) and any(member.group == sequence.group for member in rows[-1].members)
                rows.append(Row(bundle=rows[-1].bundle if shares_group else len(rows)))
                added = len(sequence.ids)
            rows[-1].add(sequence, added)
    largest: dict[int, int] = {}
    for row in rows:
        largest[row.bundle] = max(row.size, largest.get(row.bundle, 0))
    return sorted(rows, key=lambda row: (-largest[row.bundle], row.bundle))


def _should_join(row: Row, sequence: Branch, added: int, branching: bool) -> bool:
    if branching:
        return row.is_cheaper_with(sequence, added)
    return row.size + added == max(row.size, len(sequence.ids))


@dataclass
class Tree:
    """The tree of a row's tokens, in depth-first order.

    Attributes:
        ids, depths: (nodes,) token and position of each node.
        ends: (nodes,) one past the last descendant of each node: node i is on the path to node j if i <= j < ends[i].
        paths: the nodes of each member's sequence.
    """

    ids: list[int]
    depths: list[int]
    ends: list[int]
    paths: list[list[int]]


def build_tree(keys: Sequence[Ids]) -> Tree:
    """Builds the tree of sorted sequences."""
    tree = Tree([], [], [], [])
    previous: Ids = ()
    path: list[int] = []
    for ids in keys:
        shared = common_length(previous, ids)
        for node in path[shared:]:
            tree.ends[node] = len(tree.ids)
        n_new = len(ids) - shared
        path = path[:shared] + list(range(len(tree.ids), len(tree.ids) + n_new))
        tree.ids += ids[shared:]
        tree.depths += range(shared, len(ids))
        tree.ends += [0] * n_new
        tree.paths.append(path)
        previous = ids
    for node in path:
        tree.ends[node] = len(tree.ids)
    return tree


@dataclass
class Packed:
    """Rows as arrays, (rows, columns).

    Attributes:
        ids, positions: token and position of each column.
        order, ends: depth-first number of each column's node, and one past its last descendant.
        kept: first and one past the last column whose logits are needed in any row.
        paths: per row and member, the columns of its sequence.
        chains: whether no row branches, so that plain causal attention is enough.
    """

    ids: npt.NDArray[np.int64]
    positions: npt.NDArray[np.int64]
    order: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    kept: tuple[int, int]
    paths: list[list[npt.NDArray[np.int64]]]
    chains: bool

    def visible(self) -> npt.NDArray[np.bool_]:
        """(rows, columns, columns): whether the column of the second axis attends to the column of the third."""
        node = self.order[:, :, None]
        visible: npt.NDArray[np.bool_] = (self.order[:, None, :] <= node) & (node < self.ends[:, None, :])
        return visible


def pack(rows: Sequence[Row]) -> Packed:
    """Packs rows into arrays of one width.

    If rows branch, the columns whose logits are needed come first, so that one range of columns holds them. The order
    of columns does not matter to a model that gets explicit positions and a mask.
    """
    chains = all(row.is_chain() for row in rows)
    width = -(-max(row.size for row in rows) // WIDTH_MULTIPLE) * WIDTH_MULTIPLE
    shape = (len(rows), width)
    # Padding attends only to itself, so that no softmax is empty, and no other token attends to it.
    ids, positions = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    order = np.broadcast_to(np.arange(width, 2 * width), shape).copy()
    ends = order + 1
    paths, first, last = [], width, 0
    for at, row in enumerate(rows):
        tree = build_tree(row.keys)
        is_needed = np.zeros(row.size, dtype=bool)
        for member, path in zip(row.members, tree.paths, strict=True):
            is_needed[path[member.first :]] = True
        nodes = np.arange(row.size) if chains else np.argsort(~is_needed, kind="stable")
        column = np.empty(row.size, dtype=np.int64)
        column[nodes] = np.arange(row.size)
        ids[at, : row.size] = np.array(tree.ids)[nodes]
        positions[at, : row.size] = np.array(tree.depths)[nodes]
        order[at, : row.size] = nodes
        ends[at, : row.size] = np.array(tree.ends)[nodes]
        paths.append([column[path] for path in tree.paths])
        needed_columns = np.flatnonzero(is_needed[nodes])
        first, last = min(first, int(needed_columns[0])), max(last, int(needed_columns[-1]) + 1)
    return Packed(ids, positions, order, ends, (first, last), paths, chains)
