"""Guards the parts of a report: a section or figure that raises becomes a note, and the other parts are made.

`guard_section` runs one section; `draw` runs one figure within it. Outside of `guard_section`, `draw` raises.
"""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import replace
from typing import ParamSpec, TypeVar

from unipref.core.errors import describe, raise_if_resource
from unipref.report.content import Figure, Section

P = ParamSpec("P")
T = TypeVar("T")

_failures: ContextVar[list[str] | None] = ContextVar("failures", default=None)
"""Sentences on the figures of the current section that could not be drawn; None outside of a section."""


def draw(title: str, make: Callable[P, Figure | None], *args: P.args, **kwargs: P.kwargs) -> list[Figure]:
    """Makes one figure.

    Args:
        title: names the figure if it cannot be drawn.
        make: returns the figure, or None if there is nothing to draw.
        args: of `make`.
        kwargs: of `make`.

    Returns:
        The figure; empty if there is nothing to draw, or if it could not be drawn.

    Raises:
        ResourceError: memory, disk space or a permission is missing.
    """
    failures = _failures.get()
    if failures is None:
        figure = make(*args, **kwargs)
    else:
        try:
            figure = make(*args, **kwargs)
        except Exception as error:
            raise_if_resource(error)
            failures.append(f"The figure '{title}' could not be drawn: {describe(error, with_place=True)}.")
            return []
    return [figure] if figure is not None else []


def guard_section(title: str, make: Callable[[], list[Section]]) -> tuple[list[Section], list[str]]:
    """Makes the sections of one part of the report.

    Args:
        title: names the part if it cannot be made.
        make: returns its sections.

    Returns:
        The sections, and a sentence for each failure; the sections have these sentences too.

    Raises:
        ResourceError: memory, disk space or a permission is missing.
    """
    failures: list[str] = []
    token = _failures.set(failures)
    try:
        sections = make()
    except Exception as error:
        raise_if_resource(error)
        sentence = f"The section '{title}' could not be made: {describe(error, with_place=True)}."
        return [Section(title, paragraphs=[*failures, sentence])], [*failures, sentence]
    finally:
        _failures.reset(token)
    if failures and sections:
        sections = [replace(sections[0], paragraphs=[*sections[0].paragraphs, *failures]), *sections[1:]]
    elif failures:
        sections = [Section(title, paragraphs=list(failures))]
    return sections, failures
