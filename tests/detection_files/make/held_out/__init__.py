"""The half of the files that whoever writes the detection does not read."""

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
