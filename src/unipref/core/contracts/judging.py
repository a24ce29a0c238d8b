"""The base class of aggregates, which turn judgements into utilities of answers."""

import abc
from typing import TYPE_CHECKING

from unipref.core.contracts.base import Choice

if TYPE_CHECKING:
    from unipref.core.aggregation import Aggregation
    from unipref.core.judgements import Judgements


class Aggregate(Choice):
    """A way to turn all judgements of the same answers into one utility per answer. `example` holds `settings`."""

    @abc.abstractmethod
    def aggregate(self, judgements: "Judgements") -> "Aggregation":
        """Estimates the utilities. The result does not depend on the order of the rows, nor on names."""
