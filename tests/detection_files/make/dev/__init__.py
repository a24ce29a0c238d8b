"""The half of the files with which detection was written."""

from .. import dev_fifth, dev_fourth, dev_later, dev_third
from . import chat, labelling, no_feedback, public, public_more, shapes, tables, tables_more

FILES = (
    labelling.FILES
    | chat.FILES
    | public.FILES
    | public_more.FILES
    | tables.FILES
    | tables_more.FILES
    | shapes.FILES
    | no_feedback.FILES
    | dev_later.FILES
    | dev_third.FILES
    | dev_fourth.FILES
    | dev_fifth.FILES
)
