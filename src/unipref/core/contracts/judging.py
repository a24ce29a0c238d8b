"""The base class of aggregates, which turn judgements into utilities of answers."""

import abc
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from unipref.core.contracts.base import Choice

if TYPE_CHECKING:
    from unipref.core.aggregation import Aggregation
    from unipref.core.judgements import Judgements

StepListener = Callable[[int, int], None]


class Aggregate(Choice):
    """A way to turn all judgements of the same answers into one utility per answer. `example` holds `settings`."""

    needs_overlaps: ClassVar[bool] = True
    """Whether nothing is known of answers that one person judged once. Sources with such judgements alone are then not
    loaded."""
    has_shares: ClassVar[bool] = False
    """Whether confidence is a share of votes, so that a preference with one answer has that of its own votes."""

    @abc.abstractmethod
    def aggregate(self, judgements: "Judgements", on_step: StepListener | None = None) -> "Aggregation":
        """Estimates the utilities. The result does not depend on the order of the rows, nor on names.

        Args:
            judgements: the table.
            on_step: called with the number of finished steps and the most steps that there can be.
        """
