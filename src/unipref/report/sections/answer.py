"""The first screen: which model to take, how much better it is, how sure that is, what it cost and where it is."""

from unipref.analysis import best_model
from unipref.analysis.best_model import Choice, choose_model, join, join_losses
from unipref.analysis.shown_gains import GUESSES, ShownGain
from unipref.core.display import format_seconds
from unipref.core.run_folder import FigureRecord, JudgedModel, Manifest, ScoreRow, Verdicts
from unipref.core.stats.differences import EQUIVALENT, INCONCLUSIVE
from unipref.report.content import Answer, Figure, Headline, Points, Section, format_number
from unipref.report.guard import draw
from unipref.report.scores import group_by_measure, label_models
from unipref.report.sections.measures import make_measure_figure
from unipref.report.sections.trade_off import describe_side, find_direction, make_trade_off_figure
from unipref.report.sections.verdict import list_failures

TITLE = "Which model to take"
PROMPT = "Your prompt"


def make_answer_section(manifest: Manifest, verdicts: Verdicts | None, scores: list[ScoreRow]) -> Section | None:
    """The section; None if no language model was trained."""
    choice = choose_model(manifest, verdicts)
    if choice is None:
        return None
    headlines = [] if verdicts is None else _make_headlines(choice, verdicts, scores)
    facts = [("How sure is that?", text) for text in [_describe_certainty(choice, verdicts)] if text]
    facts += [("What did it cost?", text) for text in [describe_cost(manifest, choice)] if text]
    if choice.folder:
        seeds = f" Other seeds lie beside it; this is seed {choice.seed}." if len(manifest.seeds) > 1 else ""
        facts.append(
            ("Where is it?", f"{choice.folder}, in the folder of this page.{seeds} Its README.md is its card.")
        )
    answer = Answer(conclude(choice), headlines, facts, _make_commands(choice))
    signs = list_failures(verdicts)
    points = [Points("Signs of failure", signs)] if signs else []
    return Section(TITLE, points=points, figures=_draw_picture(verdicts, scores), answer=answer)


def conclude(choice: Choice) -> str:
    """Says which model to take, and what limits the evidence."""
    sentences = [_conclude_outcome(choice)]
    is_collapsed = choice.outcome == best_model.COLLAPSED
    rest = [
        f"{name}: {one.describe()}"
        for name, one in choice.shown.items()
        if is_collapsed or not (one.is_gain or one.is_loss)
    ]
    if rest:
        sentences.append(f"On {'; on '.join(rest)}.")
    return " ".join([*sentences, *best_model.describe_limits(choice)])


def _conclude_outcome(choice: Choice) -> str:
    """Says what follows from the outcome."""
    label, unless_collapsed = choice.label, choice.unless_collapsed
    if choice.outcome in (best_model.GAINS, best_model.ONE_TRAINING):
        return f"Take {label}. {_describe_gains(choice.shown)}"
    if choice.outcome == best_model.TRADES:
        return best_model.describe_trades(choice)
    if choice.outcome == best_model.LOSES:
        return (
            f"Keep the base model. The best trained model{unless_collapsed}, {label}, is worse on "
            f"{join_losses(choice.shown)} and clearly better on nothing."
        )
    if choice.outcome == best_model.NOT_SHOWN:
        is_same = not choice.missing and all(
            one.word == EQUIVALENT and not one.is_once for one in choice.shown.values()
        )
        evidence = "and it makes no difference that matters" if is_same else "but more evidence is needed"
        if choice.trades:
            return f"{best_model.describe_trades(choice)} Of the others, {label} is the best estimate, {evidence}."
        return (
            f"No trained model{unless_collapsed} is clearly better than the base model. {label} is the best estimate, "
            f"{evidence}."
        )
    if choice.outcome == best_model.COLLAPSED:
        return f"No trained model is recommended: the training of {label} collapsed."
    return f"The last language model{unless_collapsed} is {label}. No benchmark of this run says whether it is better."


def _describe_gains(shown: dict[str, ShownGain]) -> str:
    """Says on which objectives the model to take is better."""
    clearly = [name for name, one in shown.items() if one.is_gain and not one.is_once]
    once = [name for name, one in shown.items() if one.is_gain and one.is_once]
    sentences = [f"It is clearly better than the base model on {join(clearly)}."] if clearly else []
    if once:
        sentences.append(f"On these examples it is better than the base model on {join(once)}.")
    return " ".join(sentences)


def _make_headlines(choice: Choice, verdicts: Verdicts, scores: list[ScoreRow]) -> list[Headline]:
    model = choice.judged or JudgedModel("", "")
    base = next((other for other in verdicts.models if other.step == "base"), None)
    headlines = []
    for objective, side in verdicts.sides.items():
        figure = model.figures.get(objective)
        before = base.figures.get(objective) if base else None
        if figure is None:
            continue
        gain, shown = choice.gains.get(objective), choice.shown.get(objective)
        metric, better = describe_side(side, find_direction(side, scores))
        basis = f"{metric}: {better}; {_describe_size(figure)}"
        if side.skill_metric and figure.skill is not None:
            basis += f"; {side.skill_metric} {format_number(figure.skill)}"
        guesses = f"; {GUESSES}" if figure.at_chance else ""
        headlines.append(
            Headline(
                objective,
                format_number(before.value if before else None),
                format_number(figure.value),
                "" if gain is None else f"gain {gain.value:+.3f}{best_model.format_ends(gain)}",
                f"not compared with the base model{guesses}" if shown is None else shown.describe(),
                _find_tone(shown),
                f"{basis}.",
            )
        )
    return headlines


def _find_tone(shown: ShownGain | None) -> str:
    if shown is None or not (shown.is_gain or shown.is_loss):
        return "unclear"
    return "worse" if shown.is_loss else "better"


def _describe_size(figure: FigureRecord) -> str:
    return f"{figure.n:,} examples, {figure.seeds} seed{'' if figure.seeds == 1 else 's'}"


def _describe_certainty(choice: Choice, verdicts: Verdicts | None) -> str:
    """What limits the evidence; empty without a measured model."""
    if choice.judged is None or verdicts is None:
        return ""
    sentences = []
    once = [name for name, one in choice.shown.items() if one.is_once]
    if len(once) < len(choice.shown):
        alone = f"; on {join(once)}, over clusters of examples of one training" if once else ""
        sentences.append(f"Intervals are at 95 %, over seeds and clusters of examples{alone}.")
    else:
        sentences.append("Intervals are at 95 %, over clusters of examples. Seeds of training: one.")
    if len(verdicts.sides) > 1 and choice.judged.front:
        support = choice.judged.support
        share = "" if support is None else f" It is so in {support:.0%} of simulated repetitions of the run."
        sentences.append(
            "The model is Pareto-optimal: no other one is at least as good on both objectives and better on one."
            + share
        )
    if choice.rivals > 1:
        sentences.append(
            f"The model was chosen from {choice.rivals} by these scores, so its own scores are a little too good."
        )
    if choice.outcome in (best_model.NOT_SHOWN, best_model.ONE_TRAINING) or any(
        one.word == INCONCLUSIVE for one in choice.shown.values()
    ):
        sentences.append(
            "More seeds and more examples make intervals narrower: unipref power STUDY --from RUN says how many."
        )
    return " ".join(sentences)


def describe_cost(manifest: Manifest, choice: Choice) -> str:
    """The time and memory of the run and of the model's own training; empty if the manifest has no stages."""
    sentences = []
    own, step = [], choice.step
    steps = manifest.steps.get(choice.variant, {})
    trained = manifest.trained(choice.variant, choice.seed)
    while step in trained and step not in own:
        own.append(step)
        step = steps[step].start if step in steps else ""
    seconds = [trained[name].seconds for name in own]
    if seconds and all(value is not None for value in seconds):
        total = sum(value for value in seconds if value is not None)
        sentences.append(f"Training this model took {format_seconds(total)} ({' and '.join(reversed(own))}).")
    times = [stage.seconds for stage in manifest.stages if stage.seconds is not None]
    cores = [stage.cpu_seconds for stage in manifest.stages if stage.cpu_seconds is not None]
    if times:
        text = f"All {len(manifest.stages)} stages of the run took {format_seconds(sum(times))} in sum"
        text += f", {format_seconds(sum(cores))} of CPU time" if cores else ""
        most = max((stage.peak_mb for stage in manifest.stages if stage.peak_mb is not None), default=None)
        text += f", and at most {most / 1000:.1f} GB of memory" if most is not None else ""
        sentences.append(f"{text}{_describe_machine(manifest)}.")
    return " ".join(sentences)


def _describe_machine(manifest: Manifest) -> str:
    machine = manifest.machine
    if machine is None or not machine.cores:
        return ""
    return f", on {machine.cores} core{'' if machine.cores == 1 else 's'}"


def _make_commands(choice: Choice) -> list[tuple[str, str]]:
    if not choice.folder:
        return []
    command = f'unipref generate . "{PROMPT}"'
    return [("Use it, in the folder of this page", command)]


def _draw_picture(verdicts: Verdicts | None, scores: list[ScoreRow]) -> list[Figure]:
    """The trade-off, or the headline metric of the only objective."""
    if verdicts is None or not verdicts.sides:
        return []
    if len(verdicts.sides) > 1:
        return draw("Trade-off", make_trade_off_figure, verdicts, scores)
    (side,) = verdicts.sides.values()
    measures = group_by_measure(scores, also=side.slice)
    for measure, of_models in measures.items():
        if (measure.benchmark, measure.metric, measure.part) == (side.benchmark, side.metric, side.slice):
            if len(of_models) < 2:
                return []
            return draw(side.metric, make_measure_figure, measures, measure, label_models(scores))
    return []
