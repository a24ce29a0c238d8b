"""A second part of `dev` that was `test` until its files were read."""

from . import chat, labelling, nested, no_feedback, orders, public, shapes, tables, tables_more, tracing, unclear

FILES = (
    labelling.FILES
    | chat.FILES
    | tracing.FILES
    | public.FILES
    | tables.FILES
    | tables_more.FILES
    | nested.FILES
    | orders.FILES
    | shapes.FILES
    | unclear.FILES
    | no_feedback.FILES
)
