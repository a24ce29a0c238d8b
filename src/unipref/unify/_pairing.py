"""Which pairs of a group become preferences. One function per way; all are pure, and blind to the order of rows."""

from collections import Counter
from collections.abc import Callable
from typing import Literal, get_args

import xxhash

from unipref.records import Feedback, Reason, Reject
from unipref.unify._keys import content_key
from unipref.unify._order import Order, Pair

Way = Literal["best_worst", "adjacent", "all", "best_random"]
"""How pairs are chosen: the best against the worst answer (the paper's, A.2); each against the next best; all ordered
pairs, the widest gaps first; the best against one drawn from those below it."""


def chosen_pairs(order: Order, group: Feedback, way: Way, cap: int) -> list[Pair]:
    """The pairs of a group that are kept.

    Args:
        order: which answers are better than which.
        group: the answers.
        way: how pairs are chosen.
        cap: most pairs of one prompt, for `all` and `adjacent`.

    Raises:
        Reject: the comparisons go round in a circle, so that no answer is the best.
    """
    if order.verdicts and not (order.levels[0] and order.levels[1]):
        return []
    return WAYS[way](order, group)[:cap]


def _best_worst(order: Order, group: Feedback) -> list[Pair]:
    if not order.compared:
        return [(order.levels[0][0], order.levels[-1][0])]
    best = _best(order, group)
    standing, by_content = _standing(order), _by_content(group)
    return [(best, min((i for i in by_content if (best, i) in order.compared), key=standing.__getitem__))]


def _adjacent(order: Order, group: Feedback) -> list[Pair]:
    if not order.compared:
        return [(above[0], below[0]) for above, below in zip(order.levels, order.levels[1:], strict=False)]
    pairs = set(order.compared)
    between = {
        (a, b) for a, b in pairs if any((a, c) in pairs and (c, b) in pairs for c in range(len(group.responses)))
    }
    return _sorted(order, group, pairs - between)


def _all(order: Order, group: Feedback) -> list[Pair]:
    return _sorted(order, group, set(order.pairs()))


def _best_random(order: Order, group: Feedback) -> list[Pair]:
    best = _best(order, group) if order.compared else order.levels[0][0]
    below = [b for a, b in order.pairs() if a == best]
    # The draw is a hash of both contents: the same for any order of rows, another for another prompt.
    keys = {i: content_key(group.responses[i]) for i in (best, *below)}
    return [(best, min(below, key=lambda i: xxhash.xxh3_64_intdigest((keys[best] + keys[i]).encode())))]


WAYS: dict[str, Callable[[Order, Feedback], list[Pair]]] = {
    "best_worst": _best_worst,
    "adjacent": _adjacent,
    "all": _all,
    "best_random": _best_random,
}
if set(WAYS) != set(get_args(Way)):
    raise AssertionError("every way that can be named has its function")


def implied(pairs: list[Pair]) -> int:
    """How many further ordered pairs follow from these by transitivity."""
    below: dict[int, set[int]] = {}
    for better, worse in pairs:
        below.setdefault(better, set()).add(worse)
    closure = 0
    for start in below:
        seen: set[int] = set()
        stack = list(below[start])
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.add(node)
                stack += below.get(node, ())
        closure += len(seen - {start})
    return closure - len(set(pairs))


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
    return sorted(range(len(group.responses)), key=lambda i: content_key(group.responses[i]))


def _sorted(order: Order, group: Feedback, pairs: set[Pair]) -> list[Pair]:
    """Widest gap first, then by content."""
    keys = [content_key(response) for response in group.responses]

    def place(pair: Pair) -> tuple[float, str, str]:
        known = order.judged(pair)
        gap = 0.0 if known.better is None or known.worse is None else abs(known.better - known.worse)
        return -round(gap, 9), keys[pair[0]], keys[pair[1]]

    return sorted(pairs, key=place)
