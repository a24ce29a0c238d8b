"""Reads one row with a format, as the stage does: its feedback, and the rejects of the row or of its parts."""

from unipref.core.contracts import Format
from unipref.core.records import Feedback, Reject, RejectedRow, Row


def read_row(form: Format, row: Row) -> tuple[list[Feedback], list[Reject]]:
    """Returns the feedback and the rejects of a row; of a rejected row, its reject, then those of its parts."""
    feedbacks: list[Feedback] = []
    rejects: list[Reject] = []
    try:
        for item in form.read(row):
            if isinstance(item, Reject):
                rejects.append(item)
            else:
                feedbacks.append(item)
    except Reject as reject:
        return [], [reject, *rejects, *(reject.parts if isinstance(reject, RejectedRow) else [])]
    return feedbacks, rejects
