"""The half of the files that whoever writes the detection does not read."""

from . import (
    chat,
    crowds,
    labelling,
    no_feedback,
    parts,
    people,
    public,
    public_more,
    shapes,
    sheets,
    sheets_more,
    tables,
    tracing,
    unclear,
)

FILES = (
    labelling.FILES
    | crowds.FILES
    | chat.FILES
    | tracing.FILES
    | public.FILES
    | public_more.FILES
    | sheets.FILES
    | sheets_more.FILES
    | tables.FILES
    | people.FILES
    | parts.FILES
    | shapes.FILES
    | unclear.FILES
    | no_feedback.FILES
)
