"""One judgement, one vote."""

from typing import ClassVar

from unipref.core.aggregation import Aggregation
from unipref.core.contracts import Aggregate
from unipref.core.contracts.judging import StepListener
from unipref.core.judgements import Judgements
from unipref.unify.judging.findings import describe_annotators
from unipref.unify.judging.implied_pairs import imply_pairs
from unipref.unify.judging.overlaps import find_overlaps
from unipref.unify.judging.votes import average_leads, link_pairs, share_of_votes


class Majority(Aggregate):
    """Counts votes: each judgement that orders two answers is one vote, whoever gave it.

    Confidence is the share of the votes, a tie counting half; it is null for a single vote.
    """

    example: ClassVar = {"settings": {}}
    has_shares: ClassVar[bool] = True

    def aggregate(self, judgements: Judgements, on_step: StepListener | None = None) -> Aggregation:
        """Counts the votes on each pair; an answer's utility is its mean lead over the answers it was compared with."""
        pairs = imply_pairs(judgements)
        tally = pairs.tally()
        lead = (tally[:, 2] - tally[:, 0]) / tally.sum(axis=1)
        return Aggregation(
            mean=average_leads(pairs.keys, lead, len(judgements.answers)),
            part=link_pairs(pairs.keys, len(judgements.answers)),
            pair_keys=pairs.keys,
            pair_probability=share_of_votes(tally),
            block_starts=judgements.block_starts,
            annotators=describe_annotators(judgements, find_overlaps(judgements, 1)),
            counts={"judgements": int(judgements.count.sum()), "pairs": len(pairs.keys)},
        )
