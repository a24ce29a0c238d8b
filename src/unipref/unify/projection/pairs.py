"""Chooses the pairs of a group that become preferences. Each method is a pure function that ignores the row order."""

import heapq
from collections import Counter
from collections.abc import Callable
from itertools import islice, product
from typing import Literal, get_args

import xxhash

from unipref.core.records import Feedback, Reason
from unipref.core.text_keys import answer_hash, prompt_key
from unipref.unify.projection.order import Order, Pair, Undecided

PairMethod = Literal["best_worst", "adjacent", "all", "best_random"]
"""How pairs are chosen. best_worst: the best and the worst answer (as in the paper, A.2). adjacent: each answer and the
next best. all: all ordered pairs, the widest gaps first. best_random: the best answer and a random worse one."""


def choose_pairs(order: Order, group: Feedback, method: PairMethod, cap: int) -> list[Pair]:
    """Chooses the pairs of a group to keep.

    Args:
        order: which answers are better than which.
        group: the answers.
        method: how pairs are chosen.
        cap: most pairs per prompt.

    Raises:
        Undecided: the method needs a best answer, but the comparisons form a circle.
    """
    if order.has_verdicts and not (order.levels[0] and order.levels[1]):
        return []
    return PAIR_METHODS[method](order, group, cap)


def _best_worst(order: Order, group: Feedback, cap: int) -> list[Pair]:
    if not order.pair_judgements:
        return [(order.levels[0][0], order.levels[-1][0])]
    best = _best_answer(order, group)
    scores, by_content = _copeland_scores(order), _indices_by_content(group)
    return [(best, min((i for i in by_content if (best, i) in order.pair_judgements), key=scores.__getitem__))]


def _adjacent(order: Order, group: Feedback, cap: int) -> list[Pair]:
    if order.pair_judgements:
        above, below = _direct_neighbours(order)
        direct = [(a, b) for a, b in order.pair_judgements if below[a].isdisjoint(above[b])]
        return _sort_pairs(order, group, direct)[:cap]
    pairs: list[Pair] = []
    first_below, here = order.first_worse_levels(), 0
    while (worse := first_below[here]) < len(order.levels) and len(pairs) < cap:
        pairs.append((order.levels[here][0], order.levels[worse][0]))
        here = worse
    return pairs


def _all(order: Order, group: Feedback, cap: int) -> list[Pair]:
    """Widest gaps first. Makes only the pairs to keep, because a thousand answers have half a million pairs."""
    if order.pair_judgements:
        return _sort_pairs(order, group, list(order.pair_judgements))[:cap]
    keys = [answer_hash(response) for response in group.responses]
    first_below, last = order.first_worse_levels(), len(order.levels) - 1
    seen = {(0, last)}
    widest = [(_negative_gap(order, 0, last), 0, last)]
    pairs: list[Pair] = []
    while widest and len(pairs) < cap:
        gap, equal_pairs = widest[0][0], []
        while widest and widest[0][0] == gap:
            _, above, below = heapq.heappop(widest)
            equal_pairs.append(product(order.levels[above], order.levels[below]))
            for inner in ((above + 1, below), (above, below - 1)):
                if inner not in seen and first_below[inner[0]] <= inner[1]:
                    seen.add(inner)
                    heapq.heappush(widest, (_negative_gap(order, *inner), *inner))
        by_content = heapq.merge(*equal_pairs, key=lambda pair: (keys[pair[0]], keys[pair[1]]))
        pairs += islice(by_content, cap - len(pairs))
    return pairs


def _negative_gap(order: Order, above: int, below: int) -> float:
    """Returns the negative gap between two levels, so that the widest sorts first; rounded as margins are."""
    return -round(order.heights[above] - order.heights[below], 9)


def _best_random(order: Order, group: Feedback, cap: int) -> list[Pair]:
    if order.pair_judgements:
        best = _best_answer(order, group)
        below = [b for a, b in order.pair_judgements if a == best]
    else:
        best = order.levels[0][0]
        below = [i for level in order.levels[order.first_worse_levels()[0] :] for i in level]
    # The random choice is a hash of the contents: equal for any order of rows, different for another prompt.
    seed = prompt_key(group.prompt) + answer_hash(group.responses[best])
    hash_of = {i: xxhash.xxh3_64_intdigest((seed + answer_hash(group.responses[i])).encode()) for i in below}
    return [(best, min(below, key=hash_of.__getitem__))]


PAIR_METHODS: dict[str, Callable[[Order, Feedback, int], list[Pair]]] = {
    "best_worst": _best_worst,
    "adjacent": _adjacent,
    "all": _all,
    "best_random": _best_random,
}
if set(PAIR_METHODS) != set(get_args(PairMethod)):
    raise AssertionError("each name of PairMethod needs a function in PAIR_METHODS")


def count_implied_pairs(order: Order, pairs: list[Pair]) -> int:
    """Counts the further pairs of the order that follow from these by transitivity.

    A pair that nobody compared, or that was judged the other way round, is not counted, because it is not in the data.
    """
    kept = set(pairs)
    below: dict[int, set[int]] = {}
    for better, worse in kept:
        below.setdefault(better, set()).add(worse)
    count = 0
    for start in below:
        seen: set[int] = set()
        edge = set(below[start])
        while edge:
            seen |= edge
            edge = set().union(*(below.get(node, ()) for node in edge)) - seen
        if order.pair_judgements:
            seen = {node for node in seen if (start, node) in order.pair_judgements}
        count += len(seen)
    return count - len(kept)


def _direct_neighbours(order: Order) -> tuple[dict[int, set[int]], dict[int, set[int]]]:
    """Returns, for each answer, the answers judged better and the answers judged worse."""
    above: dict[int, set[int]] = {}
    below: dict[int, set[int]] = {}
    for better, worse in order.pair_judgements:
        above.setdefault(worse, set()).add(better)
        below.setdefault(better, set()).add(worse)
    return above, below


def _best_answer(order: Order, group: Feedback) -> int:
    """Returns the answer with the most wins minus losses (Copeland's score)."""
    scores = _copeland_scores(order)
    best = max(_indices_by_content(group), key=lambda i: scores[i])
    if scores[best] <= 0:
        detail = "the judgements form a circle: no answer is better than the others"
        raise Undecided(Reason.CONTRADICTION, detail, order, [*order.pair_judgements, *order.undecided])
    return best


def _copeland_scores(order: Order) -> Counter[int]:
    scores: Counter[int] = Counter()
    for better, worse in order.pair_judgements:
        scores[better] += 1
        scores[worse] -= 1
    return scores


def _indices_by_content(group: Feedback) -> list[int]:
    return sorted(range(len(group.responses)), key=lambda i: answer_hash(group.responses[i]))


def _sort_pairs(order: Order, group: Feedback, pairs: list[Pair]) -> list[Pair]:
    """Sorts compared pairs by strength, the strongest first, then by content."""
    keys = [answer_hash(response) for response in group.responses]

    def place(pair: Pair) -> tuple[float, str, str]:
        strength = order.pair_judgements[pair].better
        return 0.0 if strength is None else -round(strength, 9), keys[pair[0]], keys[pair[1]]

    return sorted(pairs, key=place)
