"""The commands for models: measure, compare, ask and merge them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from unipref.cli.shared import (
    AsJson,
    Engine,
    Progress,
    RunArgument,
    Workers,
    complete_choices,
    complete_runs,
    print_note,
    print_result,
    read_engine,
    show_progress,
)
from unipref.core import terminal
from unipref.core.command_line import keep_stages
from unipref.core.errors import UserError

if TYPE_CHECKING:
    from unipref.core.progress import ProgressListener

Beside = Annotated[list[str] | None, typer.Option("--beside", metavar="MODEL", help="A further model; repeatable.")]


def evaluate(  # noqa: PLR0913, options of one command
    data: Annotated[Path, typer.Option("--data", help="Folder with a folder for each benchmark.")],
    models: Annotated[list[str] | None, typer.Argument(metavar="MODEL...", help="Model folders or hub names.")] = None,
    judges: Annotated[
        Path | None,
        typer.Option("--judges", metavar="FILE", help="Measure the judges of a file for collect; needs --out."),
    ] = None,
    benchmarks: Annotated[
        list[str] | None,
        typer.Option(
            "--benchmark",
            "-b",
            metavar="NAME[=FOLDER]",
            help="Repeatable; default: all benchmarks with data in the folder.",
            autocompletion=complete_choices("benchmark"),
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Number of examples of each benchmark to measure, evenly spread.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            help="Folder for the tables of examples, which compare reads; what it has is not measured again.",
        ),
    ] = None,
    precision: Annotated[
        Literal["float32", "bfloat16", "float16"] | None,
        typer.Option(help="Type of the weights while a model is measured; default: float32 for every model."),
    ] = None,
    new_tokens: Annotated[
        int | None,
        typer.Option(
            "--new-tokens", min=1, help="Longest answer, in tokens, of benchmarks that generate; default: theirs."
        ),
    ] = None,
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs", min=1, help="Processes that answer on a CPU, of one thread and one copy of the model each."
        ),
    ] = 1,
    engine: Engine = "local",
    workers: Workers = None,
    as_json: AsJson = False,
    progress: Progress = "bar",
) -> None:
    """Measure models or judges on benchmarks, with data in DATA/<benchmark>."""
    if progress == "bar":
        terminal.say_first("reading benchmarks ...")
    from unipref import report
    from unipref.core.work_progress import show_work
    from unipref.pipeline import api
    from unipref.pipeline.model_tasks import ModelsFailedError

    if judges is None and not models:
        raise UserError("there is nothing to measure.", mend="Give model folders or hub names, or --judges FILE.")
    if out is not None:
        keep_stages("benchmarks")
    with show_progress(progress) as listener, show_work(listener.progress):
        options: dict[str, Any] = {"precision": precision, "new_tokens": new_tokens, "jobs": jobs, "workers": workers}
        if judges is not None:
            own = {"jobs": None if jobs == 1 else jobs, "engine": None if engine == "local" else engine}
            _refuse_options({**options, **own})
            rows = _evaluate_judges(judges, models or [], benchmarks, data, out, limit, listener)
        else:
            options |= {"limit": limit, "engine": read_engine(engine)}
            options |= {"on_note": listener.note, "on_start": listener.note}
            try:
                rows = api.evaluate_models(models or [], benchmarks, data, out, **options)
            except ModelsFailedError as error:
                if error.rows:
                    print_result(error.rows, as_json, report.score_table(error.rows))
                raise
    print_result(rows, as_json, report.score_table(rows))


def _refuse_options(options: dict[str, Any]) -> None:
    """Refuses options that have no effect on judges."""
    given = [f"--{name.replace('_', '-')}" for name, value in options.items() if value is not None]
    if given:
        raise UserError(f"{' and '.join(given)}: for models, not for judges.", mend="Leave it out.")


def _evaluate_judges(
    judges: Path,
    models: list[str],
    benchmarks: list[str] | None,
    data: Path,
    out: Path | None,
    limit: int | None,
    listener: "ProgressListener",
) -> list[dict[str, Any]]:
    """Measures the judges of a file."""
    from unipref.pipeline import api

    if models:
        what = f"models ({', '.join(models)}) and judges are measured one after the other."
        raise UserError(what, mend="Give either models or --judges.")
    if out is None:
        what = "judges need a folder that keeps what they said, so that a stopped measurement continues."
        raise UserError(what, where="--out", mend="Give a folder with --out.")
    return api.evaluate_judges(judges, benchmarks, data, out, limit=limit, listener=listener)


def compare(
    evaluations: Annotated[
        list[Path],
        typer.Argument(
            metavar="A B...",
            help="Folders of evaluations: the first is compared with each other one. Or one run, with its base model.",
        ),
    ],
    every_slice: Annotated[bool, typer.Option("--slices", help="Show every slice of the examples.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare evaluated models example by example, with paired intervals: unipref compare A B, or compare RUN"""
    terminal.say_first("comparing ...")
    from unipref import report
    from unipref.pipeline import api

    rows, notes = api.compare_models(evaluations)
    print_result({"rows": rows, "notes": notes}, as_json, report.comparison(rows, notes, every_slice))


def generate(
    model: Annotated[
        str,
        typer.Argument(help="A model folder, hub name, or run folder: its best model.", autocompletion=complete_runs),
    ],
    prompts: Annotated[list[str], typer.Argument(help="One or several prompts.")],
    beside: Beside = None,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest answer, in tokens.")] = 64,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 takes the likeliest token each time.")] = 0.0,
    seed: int = 0,
    as_json: AsJson = False,
) -> None:
    """Let one or several models answer prompts: unipref generate MODEL "prompt" --beside MODEL"""
    terminal.say_first(f"loading {terminal.show_name(model)} ...")
    from unipref.analysis.best_model import resolve_model
    from unipref.core.work_progress import show_work
    from unipref.models import side_by_side as generation

    names = []
    for name, why in map(resolve_model, [model, *(beside or [])]):
        names.append(name)
        if why:
            print_note(why)
    with show_progress() as listener, show_work(listener.progress):
        answers = generation.generate_answers(names, prompts, max_new_tokens, temperature, seed)
    print_result(answers, as_json, generation.format_side_by_side(answers))


def soup(  # noqa: PLR0913, options of one command
    folder: RunArgument,
    weights: Annotated[
        str | None, typer.Option("--weights", metavar="OBJECTIVE=W,...", help="Write the model with these weights.")
    ] = None,
    trace: Annotated[
        int | None,
        typer.Option(
            "--trace", "--front", metavar="N", help="Measure N mixtures, from one objective's model to the other's."
        ),
    ] = None,
    method: Annotated[
        Literal["linear", "ties", "dare_linear", "dare_ties"],
        typer.Option(help="How to merge the changes of the weights."),
    ] = "linear",
    density: Annotated[float, typer.Option(help="Share of the changes that TIES and DARE keep.")] = 0.5,
    adapters: Annotated[
        list[str] | None,
        typer.Option("--adapter", metavar="OBJECTIVE=PLACE", help="VARIANT/SEED/STEP, or a folder; repeatable."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="The run's seed, also the seed of DARE's draw; default: the first.")
    ] = None,
    by: Annotated[
        list[str] | None, typer.Option("--by", metavar="BENCHMARK.METRIC", help="A metric to trade off; repeatable.")
    ] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Folder for the model.")] = None,
    as_json: AsJson = False,
) -> None:
    """Merge the weights of models trained on one objective each, without training: unipref soup RUN --trace 5"""
    from unipref import report as page
    from unipref.models.weight_merging import Recipe
    from unipref.pipeline.merge import merge

    recipe = Recipe(method, density, seed or 0)
    with show_progress() as listener:
        options: dict[str, Any] = {"adapters": adapters or [], "seed": seed, "listener": listener}
        rows = [] if trace is None else merge.trace(folder, trace, recipe, by=by or [], **options)
        wants_model = weights is not None or trace is None
        model = merge.write_mixture(folder, weights or "", out, recipe, **options) if wants_model else None
    print_result({"model": str(model) if model else None, "rows": rows}, as_json, page.trade_off(rows, by or [], model))


def add_commands(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (evaluate, compare, generate, soup):
        app.command()(command)
