"""Which pairs of a group become preferences. One function per way; all are pure, and blind to the order of rows."""

import heapq
from collections import Counter
from collections.abc import Callable
from itertools import islice, product
from typing import Literal, get_args

import xxhash

from unipref.core.records import Feedback, Reason, Reject
from unipref.core.text_keys import answer_hash, prompt_key
from unipref.unify.projection.order import Order, Pair

Way = Literal["best_worst", "adjacent", "all", "best_random"]
"""How pairs are chosen: the best against the worst answer (the paper's, A.2); each against the next best; all ordered
pairs, the widest gaps first; the best against one drawn from those below it."""


def chosen_pairs(order: Order, group: Feedback, way: Way, cap: int) -> list[Pair]:
    """The pairs of a group that are kept.

    Args:
        order: which answers are better than which.
        group: the answers.
        way: how pairs are chosen.
        cap: most pairs of one prompt.

    Raises:
        Reject: an answer is to be the best, and the comparisons go round in a circle so that none is.
    """
    if order.verdicts and not (order.levels[0] and order.levels[1]):
        return []
    return WAYS[way](order, group, cap)


def _best_worst(order: Order, group: Feedback, cap: int) -> list[Pair]:
    if not order.compared:
        return [(order.levels[0][0], order.levels[-1][0])]
    best = _best(order, group)
    standing, by_content = _standing(order), _by_content(group)
    return [(best, min((i for i in by_content if (best, i) in order.compared), key=standing.__getitem__))]


def _adjacent(order: Order, group: Feedback, cap: int) -> list[Pair]:
    if order.compared:
        above, below = _neighbours(order)
        direct = [(a, b) for a, b in order.compared if below[a].isdisjoint(above[b])]
        return _sorted(order, group, direct)[:cap]
    pairs: list[Pair] = []
    first_below, here = order.first_below(), 0
    while (worse := first_below[here]) < len(order.levels) and len(pairs) < cap:
        pairs.append((order.levels[here][0], order.levels[worse][0]))
        here = worse
    return pairs


def _all(order: Order, group: Feedback, cap: int) -> list[Pair]:
    """Widest gaps first; only as many pairs are made as are kept, for a thousand answers have half a million."""
    if order.compared:
        return _sorted(order, group, list(order.compared))[:cap]
    keys = [answer_hash(response) for response in group.responses]
    first_below, last = order.first_below(), len(order.levels) - 1
    seen = {(0, last)}
    widest = [(_gap(order, 0, last), 0, last)]
    pairs: list[Pair] = []
    while widest and len(pairs) < cap:
        gap, alike = widest[0][0], []
        while widest and widest[0][0] == gap:
            _, above, below = heapq.heappop(widest)
            alike.append(product(order.levels[above], order.levels[below]))
            for inner in ((above + 1, below), (above, below - 1)):
                if inner not in seen and first_below[inner[0]] <= inner[1]:
                    seen.add(inner)
                    heapq.heappush(widest, (_gap(order, *inner), *inner))
        by_content = heapq.merge(*alike, key=lambda pair: (keys[pair[0]], keys[pair[1]]))
        pairs += islice(by_content, cap - len(pairs))
    return pairs


def _gap(order: Order, above: int, below: int) -> float:
    """The gap between two levels, negative so that the widest comes first; rounded, as margins are."""
    return -round(order.heights[above] - order.heights[below], 9)


def _best_random(order: Order, group: Feedback, cap: int) -> list[Pair]:
    if order.compared:
        best = _best(order, group)
        below = [b for a, b in order.compared if a == best]
    else:
        best = order.levels[0][0]
        below = [i for level in order.levels[order.first_below()[0] :] for i in level]
    # The draw is a hash of the contents: the same for any order of rows, another for another prompt.
    asked = prompt_key(group.prompt) + answer_hash(group.responses[best])
    drawn = {i: xxhash.xxh3_64_intdigest((asked + answer_hash(group.responses[i])).encode()) for i in below}
    return [(best, min(below, key=drawn.__getitem__))]


WAYS: dict[str, Callable[[Order, Feedback, int], list[Pair]]] = {
    "best_worst": _best_worst,
    "adjacent": _adjacent,
    "all": _all,
    "best_random": _best_random,
}
if set(WAYS) != set(get_args(Way)):
    raise AssertionError("every way that can be named has its function")


def implied(order: Order, pairs: list[Pair]) -> int:
    """How many further pairs of the order follow from these by transitivity.

    What follows but was compared by nobody, or was judged the other way round, is not counted: it is not in the data.
    """
    kept = set(pairs)
    below: dict[int, set[int]] = {}
    for better, worse in kept:
        below.setdefault(better, set()).add(worse)
    found = 0
    for start in below:
        seen: set[int] = set()
        edge = set(below[start])
        while edge:
            seen |= edge
            edge = set().union(*(below.get(node, ()) for node in edge)) - seen
        if order.compared:
            seen = {node for node in seen if (start, node) in order.compared}
        found += len(seen)
    return found - len(kept)


def _neighbours(order: Order) -> tuple[dict[int, set[int]], dict[int, set[int]]]:
    """For each answer those judged better, and those judged worse."""
    above: dict[int, set[int]] = {}
    below: dict[int, set[int]] = {}
    for better, worse in order.compared:
        above.setdefault(worse, set()).add(better)
        below.setdefault(better, set()).add(worse)
    return above, below


def _best(order: Order, group: Feedback) -> int:
    """The answer that beats the most others, less those that beat it (Copeland's count)."""
    standing = _standing(order)
    best = max(_by_content(group), key=lambda i: standing[i])
    if standing[best] <= 0:
        raise Reject(Reason.CONTRADICTION, "the judgements go round in a circle: no answer stands above the others")
    return best


def _standing(order: Order) -> Counter[int]:
    standing: Counter[int] = Counter()
    for better, worse in order.compared:
        standing[better] += 1
        standing[worse] -= 1
    return standing


def _by_content(group: Feedback) -> list[int]:
    return sorted(range(len(group.responses)), key=lambda i: answer_hash(group.responses[i]))


def _sorted(order: Order, group: Feedback, pairs: list[Pair]) -> list[Pair]:
    """Compared pairs, the strongest first, then by content."""
    keys = [answer_hash(response) for response in group.responses]

    def place(pair: Pair) -> tuple[float, str, str]:
        strength = order.compared[pair].better
        return 0.0 if strength is None else -round(strength, 9), keys[pair[0]], keys[pair[1]]

    return sorted(pairs, key=place)
