"""A part of `dev` that was `test` until its files were read."""

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
)
