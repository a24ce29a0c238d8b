"""What the valuation of sources rests on, and what it does not tell, in sentences for its readers."""


def list_assumptions(
    reference: str, *, steps: bool, mixtures: tuple[int, int] | None, smallest_part: float | None, labels: int
) -> list[str]:
    """Lists how the figures come about.

    Args:
        reference: the model whose parts are valued.
        steps: whether training takes a fixed number of optimiser steps.
        mixtures: of the shown contributions, how many have the same sign in mixtures, and all; None without mixtures.
        smallest_part: the smallest part of a source in its learning curve; None without curves.
        labels: number of further labels.
    """
    lines = [
        f"A contribution is the gain of {reference} over a model that was trained in the same way on its selection "
        "without the source or axis. Nothing replaces what is left out; with nothing left, it is the base model.",
        "All models take the same number of optimiser steps, so a model with less data sees the rest more often."
        if steps
        else "All models train for the same number of epochs, so a model with less data also takes fewer steps.",
        "The axis of a preference is the one that decided it; of comparisons and verdicts, their objective. Further "
        "axes of a source, which decide nothing, are not valued.",
        "Intervals (95 %) are over seeds and clusters of examples; * differs from 0 after Holm's correction over all "
        "parts and objectives (docs/verdicts.md).",
    ]
    if mixtures is not None:
        same, shown = mixtures
        found = (
            f"of the contributions with p of at most .05, {same} of {shown} have the same sign in mixtures."
            if shown
            else "no contribution has a p of at most .05, so nothing shows how good it is here."
        )
        lines.append(
            "A mixture adds up the changes of models trained on one source each, weighted by their numbers of "
            f"preferences (docs/soup.md). It is an approximation of joint training: {found}"
        )
    if smallest_part is not None:
        lines.append(
            f"The value of the next {labels:,} labels is an extrapolation. It takes the gain as linear in the "
            f"logarithm of a source's number of preferences, with the slope between {smallest_part:g} of it and all "
            "of it, and all other sources as they are. The labels give preferences at the rate of the run's labels. "
            "There is none where the curve surely bends, or beyond as many times as was measured."
        )
    return lines


def list_unknowns(seeds: int, *, has_curve: bool) -> list[str]:
    """Lists what the figures do not tell.

    Args:
        seeds: their number.
        has_curve: whether learning curves were measured.
    """
    lines = [
        "Contributions do not add up: of two sources that teach the same, each seems worth nothing beside the other.",
        "Another base model, other settings or more data can have other contributions.",
    ]
    if has_curve:
        lines.append(
            "The interval of an extrapolation covers seeds and examples. It does not cover that the curve may take "
            "another form beyond the data, or that new labels may be unlike the old ones."
        )
    if seeds < 2:
        lines.append("With one seed, the intervals are over examples alone: another training may differ by more.")
    return lines
