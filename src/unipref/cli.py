"""The command line: one command per stage, in flow order. No logic: each command calls one function and prints."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from unipref.core.errors import UserError, legible

app = typer.Typer(
    help="Many kinds of feedback, one preference: unify, select, train, evaluate, report.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

INTERRUPTED = 130
"""Exit status of a command stopped by Ctrl-C."""

Study = Annotated[Path, typer.Argument(help="The study file (YAML).")]
Beside = Annotated[list[str] | None, typer.Option("--beside", metavar="MODEL", help="Another model; repeatable.")]
Sets = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting; repeatable.")]
Out = Annotated[Path | None, typer.Option("-o", "--out", help="The run folder; default: runs/NAME-OF-THE-STUDY.")]
Accelerate = Annotated[
    Path | None, typer.Option("--accelerate", metavar="CONFIG", help="Train in the processes of accelerate's CONFIG.")
]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="Processes that train and evaluate side by side.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done, and what it may take.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


@app.command()
def init(files: Annotated[list[Path], typer.Argument(help="Files or folders of feedback.")]) -> None:
    """Write a study for some files, to standard output: unipref init FILES > study.yaml"""
    from unipref.study import draft

    typer.echo(draft.study_for(files), nl=False)


@app.command()
def inspect(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders of feedback.")], as_json: AsJson = False
) -> None:
    """Show how files would be read: format, mapping and a few rows as prompt, chosen, rejected."""
    from unipref.unify import inspection

    findings = inspection.inspect(paths)
    _answer([finding.as_dict() for finding in findings], as_json, "\n\n".join(f.as_text() for f in findings))
    if not any(finding.format for finding in findings):
        raise typer.Exit(1)


def _run(
    study: Path,
    overrides: list[str] | None,
    out: Path | None,
    until: str,
    as_json: bool,
    **how: Any,
) -> None:
    from unipref import report
    from unipref.core.progress import ConsoleProgress
    from unipref.core.run_folder import RunFolder
    from unipref.pipeline import api, execute

    folder = out or api.default_folder(study)
    with ConsoleProgress() as listener:
        execute.run(study, folder, overrides=overrides or [], until=until, listener=listener, **how)
    if as_json:
        import msgspec

        _print_json(msgspec.to_builtins(RunFolder(folder).manifest))
        return
    _show(report.console(folder))
    typer.echo(f"\nReport: {folder / 'report.html'}")


@app.command()
def unify(study: Study, overrides: Sets = None, out: Out = None, as_json: AsJson = False) -> None:
    """Read all sources into one preference format."""
    _run(study, overrides, out, "unify", as_json)


@app.command()
def select(study: Study, overrides: Sets = None, out: Out = None, as_json: AsJson = False) -> None:
    """Unify, split, clean and choose the preferences to train on."""
    _run(study, overrides, out, "select", as_json)


@app.command()
def train(
    study: Study,
    overrides: Sets = None,
    out: Out = None,
    accelerate: Accelerate = None,
    check: Annotated[bool, typer.Option("--check", help="Only look for what would fail; train nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Everything up to the trained models."""
    _run(study, overrides, out, "check" if check else "train", as_json, accelerate=accelerate)


@app.command()
def run(
    study: Study,
    overrides: Sets = None,
    out: Out = None,
    jobs: Jobs = 1,
    dry_run: DryRun = False,
    accelerate: Accelerate = None,
    as_json: AsJson = False,
) -> None:
    """The whole study: unify, select, train, evaluate, report. Finished stages are skipped."""
    if not dry_run:
        _run(study, overrides, out, "evaluate", as_json, jobs=jobs, accelerate=accelerate)
        return
    from unipref.pipeline import api
    from unipref.pipeline.dry_run import as_text

    found = api.dry_run(study, out, overrides=overrides or [])
    _answer(found, as_json, as_text(found, jobs))


@app.command()
def evaluate(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Model folders or hub names.")],
    data: Annotated[Path, typer.Option("--data", help="Folder that holds a folder per benchmark.")],
    benchmarks: Annotated[
        list[str] | None,
        typer.Option(
            "--benchmark", "-b", metavar="NAME[=FOLDER]", help="Repeatable; default: all whose data are there."
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Measure only so many examples of each benchmark, evenly spread.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for the tables of examples, for compare.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure models on benchmarks, reading DATA/<benchmark>."""
    from unipref import report
    from unipref.pipeline import api

    rows = api.evaluate_models(models, benchmarks, data, out, limit=limit, on_note=_note)
    _answer(rows, as_json, report.score_table(rows))


@app.command()
def compare(
    evaluations: Annotated[
        list[Path], typer.Argument(metavar="A B...", help="Folders of evaluations; each is compared with the first.")
    ],
    every_slice: Annotated[bool, typer.Option("--slices", help="Show every subgroup.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare evaluated models example by example, with paired intervals: unipref compare A B"""
    from unipref import report
    from unipref.pipeline import api

    rows, notes = api.compare_models(evaluations)
    _answer({"rows": rows, "notes": notes}, as_json, report.comparison(rows, notes, every_slice))


@app.command()
def generate(
    model: Annotated[str, typer.Argument(help="A model folder or a hub name.")],
    prompts: Annotated[list[str], typer.Argument(help="One or several prompts.")],
    beside: Beside = None,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest answer, in tokens.")] = 64,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 for the likeliest answer.")] = 0.0,
    seed: int = 0,
    as_json: AsJson = False,
) -> None:
    """Let a model answer prompts, side by side with others: unipref generate MODEL "prompt" --beside MODEL"""
    from unipref.models import side_by_side as generation

    answers = generation.generate_answers([model, *(beside or [])], prompts, max_new_tokens, temperature, seed)
    _answer(answers, as_json, generation.format_side_by_side(answers))


@app.command()
def soup(  # noqa: PLR0913, options of one command
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    weights: Annotated[
        str | None, typer.Option("--weights", metavar="OBJECTIVE=W,...", help="Write the model with these weights.")
    ] = None,
    trace: Annotated[
        int | None, typer.Option("--trace", "--front", metavar="N", help="Measure N mixtures from end to end.")
    ] = None,
    method: Annotated[
        Literal["linear", "ties", "dare_linear", "dare_ties"], typer.Option(help="How changes are combined.")
    ] = "linear",
    density: Annotated[float, typer.Option(help="Share of the entries that TIES and DARE keep.")] = 0.5,
    adapters: Annotated[
        list[str] | None,
        typer.Option("--adapter", metavar="OBJECTIVE=PLACE", help="VARIANT/SEED/STEP, or a folder; repeatable."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="The run's seed, and that of DARE's draw; default: the first.")
    ] = None,
    by: Annotated[
        list[str] | None, typer.Option("--by", metavar="BENCHMARK.METRIC", help="A figure to trade off; repeatable.")
    ] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Where the model is written.")] = None,
    as_json: AsJson = False,
) -> None:
    """Combine models trained on one objective each, by weight, without training: unipref soup RUN --trace 5"""
    from unipref import report as page
    from unipref.core.progress import ConsoleProgress
    from unipref.models.weight_merging import Recipe
    from unipref.pipeline.merge import merge

    recipe = Recipe(method, density, seed or 0)
    with ConsoleProgress() as listener:
        options: dict[str, Any] = {"adapters": adapters or [], "seed": seed, "listener": listener}
        rows = [] if trace is None else merge.trace(folder, trace, recipe, by=by or [], **options)
        wants_model = weights is not None or trace is None
        made = merge.make(folder, weights or "", out, recipe, **options) if wants_model else None
    _answer({"model": str(made) if made else None, "rows": rows}, as_json, page.trade_off(rows, by or [], made))


@app.command()
def report(folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]) -> None:
    """Write a run's report again, and print its table."""
    from unipref import report as page

    written = page.write(folder)
    _show(page.console(folder))
    typer.echo(f"\nReport: {written}")


@app.command()
def audit(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    gold: Annotated[Path | None, typer.Option("--gold", help="Entries judged by hand: conversion accuracy.")] = None,
    benchmarks: Annotated[
        Path | None, typer.Option("--benchmarks", help="Folder of benchmarks: which prompts occur in them.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look through a run's unified data: books, ties, copies, contradictions, length, languages, overlaps."""
    from unipref.analysis import audit as auditing

    found = auditing.audit(folder, gold, benchmarks)
    if not auditing.keep(found, folder):
        typer.echo(f"{folder} may not be written to: the report will not have this.", err=True)
    _answer(found.as_dict(), as_json, auditing.terminal(found))


@app.command()
def explain(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    preference: Annotated[
        str, typer.Argument(metavar="ID", help="A preference's id or its beginning, or a raw row's origin (FILE:ROW).")
    ],
    as_json: AsJson = False,
) -> None:
    """Say why a preference was kept or dropped: origin, scores, cluster, rank, twin, for each variant and seed."""
    from unipref.analysis import explain as explanation

    found = explanation.explain(folder, preference)
    _answer(found, as_json, explanation.as_text(found))


@app.command("list")
def list_choices(
    what: Annotated[str, typer.Argument(help="formats, datasets, scorers, strategies, trainers or benchmarks")],
    as_json: AsJson = False,
) -> None:
    """List what a study can name, with each one's settings."""
    from unipref.study import options

    found = options.entries(what)
    _answer(found, as_json, options.as_text(found))


@app.command()
def demo(
    out: Annotated[Path, typer.Option("-o", "--out", help="Where the world and the run are written.")] = Path("demo"),
    noise: Annotated[
        Literal["careless", "gaussian", "adversarial"] | None,
        typer.Option(help="How its raters err; default: careless; see docs/world.md."),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="The paper's whole table, in about two hours on two cores; can be resumed.")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="Processes side by side; default: one per core, at most 4.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Build a small world with its own model and feedback, and run a study on it."""
    from unipref import demo as world
    from unipref.core.progress import ConsoleProgress
    from unipref.core.workers.local import count_usable_cores

    side_by_side = jobs or min(count_usable_cores(), 4)
    if not full:
        with ConsoleProgress() as listener:
            study = world.build(out, listener.progress, world.World(noise=noise or "careless"))
        _run(study, None, out / "run", "evaluate", as_json, jobs=side_by_side)
        return
    if noise is not None:
        raise UserError("--full has all models of noise.", where="--noise", mend="Leave one of the two out.")
    from unipref.demo import full as table
    from unipref.demo import reproduction_page

    with ConsoleProgress() as listener:
        table.run(out / "full", side_by_side, listener)
    page = reproduction_page.write(out / "full")
    found = list(reproduction_page.claims(out / "full"))
    told = "\n".join(f"{claim}, {study}: {verdict}. {why}" for study, claim, verdict, why in found)
    _answer([dict(zip(("study", "claim", "verdict", "why"), row, strict=True)) for row in found], as_json, told)
    if not as_json:
        typer.echo(f"\nPage: {page}")


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Many kinds of feedback, one preference."""
    if show:
        from unipref.core.version import __version__

        typer.echo(__version__)
        raise typer.Exit


def _note(text: str) -> None:
    typer.echo(text, err=True)


def _answer(value: Any, as_json: bool, text: Any) -> None:
    _print_json(value) if as_json else _show(text)


def _show(content: Any) -> None:
    if isinstance(content, str):
        typer.echo(legible(content))
        return
    from rich.console import Console as RichConsole

    RichConsole(highlight=False).print(content)


def _print_json(value: Any) -> None:
    typer.echo(legible(json.dumps(value, ensure_ascii=False, indent=1)))


def main() -> None:
    """Entry point: a user's error is shown without a traceback, exit status 2."""
    # Last, so that a module of the user's own is found where it is run and hides no installed one.
    sys.path.append(os.getcwd())
    try:
        app(standalone_mode=True)
    except UserError as error:
        for line in error.lines():
            typer.echo(legible(line), err=True)
        sys.exit(2)
    except (KeyboardInterrupt, SystemExit) as stop:
        # typer turns an interrupt inside a command into this exit status.
        if isinstance(stop, SystemExit) and stop.code != INTERRUPTED:
            raise
        typer.echo("Stopped. Run the same command again to go on: finished stages are kept.", err=True)
        sys.exit(INTERRUPTED)
