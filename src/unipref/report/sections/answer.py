"""The first screen: which model to take, how much better it is, how sure that is, what it cost and where it is."""

from unipref.analysis import best_model
from unipref.analysis.best_model import Choice, choose_model, is_better_on_examples, is_clearly_better
from unipref.core.display import format_seconds
from unipref.core.run_folder import FigureRecord, GainRecord, JudgedModel, Manifest, ScoreRow, Verdicts
from unipref.core.stats.differences import BETTER, EQUIVALENT, WORSE
from unipref.report.content import Answer, Figure, Headline, Points, Section, format_number
from unipref.report.guard import draw
from unipref.report.scores import group_by_measure, label_models
from unipref.report.sections.measures import make_measure_figure
from unipref.report.sections.trade_off import describe_side, find_direction, make_trade_off_figure
from unipref.report.sections.verdict import list_failures

TITLE = "Which model to take"
PROMPT = "Your prompt"
GUESSES = "no better than guessing"


def make_answer_section(manifest: Manifest, verdicts: Verdicts | None, scores: list[ScoreRow]) -> Section | None:
    """The section; None if no language model was trained."""
    choice = choose_model(manifest, verdicts)
    if choice is None:
        return None
    headlines = [] if verdicts is None or choice.judged is None else _make_headlines(choice.judged, verdicts, scores)
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
    """Says which model to take."""
    better = [name for name, gain in choice.gains.items() if is_clearly_better(gain) or is_better_on_examples(gain)]
    worse = [name for name, gain in choice.gains.items() if _is_worse(gain)]
    rest = [f"{name}: {_describe_gain(gain)}" for name, gain in choice.gains.items() if name not in (*better, *worse)]
    more = f" On {'; on '.join(rest)}." if rest else ""
    if choice.outcome == best_model.GAINS:
        return f"Take {choice.label}. It is clearly better than the base model on {_join(better)}.{more}"
    if choice.outcome == best_model.ONE_TRAINING:
        return (
            f"Take {choice.label}. On these examples it is better than the base model on {_join(better)}. It was "
            f"trained with one seed, so another training may turn out differently.{more}"
        )
    if choice.outcome == best_model.TRADES:
        return (
            f"No model is best on all objectives. {choice.label} is better than the base model on {_join(better)} and "
            f"worse on {_join(worse)}.{more}"
        )
    if choice.outcome == best_model.LOSES:
        return (
            f"Keep the base model. The best trained model, {choice.label}, is worse on {_join(worse)} and clearly "
            f"better on nothing.{more}"
        )
    if choice.outcome == best_model.NOT_SHOWN:
        return (
            f"No trained model is clearly better than the base model. {choice.label} is the best estimate, but more "
            f"evidence is needed.{more}"
        )
    return f"The last language model is {choice.label}. No benchmark of this run says whether it is better."


def _join(names: list[str]) -> str:
    return " and ".join(names)


def _is_worse(gain: GainRecord) -> bool:
    return gain.verdict == WORSE or best_model.is_worse_on_examples(gain)


def _describe_gain(gain: GainRecord) -> str:
    """The verdict on a gain in plain words."""
    if is_clearly_better(gain):
        return "clearly better"
    if gain.verdict == BETTER:
        return "better by its own interval, not after Holm's correction for all comparisons"
    if gain.verdict == WORSE:
        return "clearly worse" if gain.has_star else "worse by its own interval"
    if gain.verdict == EQUIVALENT:
        return "no difference that matters"
    if is_better_on_examples(gain):
        return "better on these examples, one training"
    if best_model.is_worse_on_examples(gain):
        return "worse on these examples, one training"
    return "inconclusive"


def _make_headlines(model: JudgedModel, verdicts: Verdicts, scores: list[ScoreRow]) -> list[Headline]:
    base = next((other for other in verdicts.models if other.step == "base"), None)
    headlines = []
    for objective, side in verdicts.sides.items():
        figure = model.figures.get(objective)
        before = base.figures.get(objective) if base else None
        if figure is None:
            continue
        gain = model.gains.get("base", {}).get(objective)
        metric, better = describe_side(side, find_direction(side, scores))
        basis = f"{metric}: {better}; {_describe_size(figure)}"
        if side.skill_metric and figure.skill is not None:
            basis += f"; {side.skill_metric} {format_number(figure.skill)}"
        guesses = f"; the model is {GUESSES}" if figure.at_chance else ""
        headlines.append(
            Headline(
                objective,
                format_number(before.value if before else None),
                format_number(figure.value),
                "" if gain is None else f"gain {gain.value:+.3f}{best_model.format_ends(gain)}",
                ("not compared with the base model" if gain is None else _describe_gain(gain)) + guesses,
                _find_tone(gain),
                f"{basis}.",
            )
        )
    return headlines


def _find_tone(gain: GainRecord | None) -> str:
    if gain is None:
        return "unclear"
    if is_clearly_better(gain) or is_better_on_examples(gain):
        return "better"
    return "worse" if _is_worse(gain) else "unclear"


def _describe_size(figure: FigureRecord) -> str:
    return f"{figure.n:,} examples, {figure.seeds} seed{'' if figure.seeds == 1 else 's'}"


def _describe_certainty(choice: Choice, verdicts: Verdicts | None) -> str:
    """What limits the evidence; empty without a measured model."""
    if choice.judged is None or verdicts is None:
        return ""
    sentences = []
    if any(gain.seeds > 1 for gain in choice.gains.values()):
        sentences.append("Intervals are at 95 %, over seeds and clusters of examples.")
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
        _describe_gain(gain) == "inconclusive" for gain in choice.gains.values()
    ):
        sentences.append("More seeds and more examples make intervals narrower: unipref power STUDY says how many.")
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
