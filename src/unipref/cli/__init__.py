"""The command line: one command per stage, in order. Each command only calls one function and prints its result."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from unipref.cli import about, collect, export, models, push, review, value
from unipref.cli.shared import (
    AsJson,
    Engine,
    How,
    Out,
    Progress,
    RunArgument,
    Sets,
    Study,
    Workers,
    complete_runs,
    print_result,
    read_engine,
    show_progress,
    warn,
)
from unipref.core import terminal
from unipref.core.command_line import keep_stages, run_app
from unipref.core.errors import UserError, describe, resource_error

app = typer.Typer(
    help="Convert many kinds of feedback to one preference format, then select, train, evaluate and report.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Feedback = Annotated[
    list[str], typer.Argument(help="Files or folders of feedback, or hf://datasets/OWNER/NAME/FILES on the hub.")
]
Accelerate = Annotated[
    Path | None,
    typer.Option("--accelerate", metavar="CONFIG", help="Train in several processes, as in this accelerate CONFIG."),
]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="Number of processes that train and evaluate in parallel.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only show the stages that would run, with estimates of time and disk.")
]


@app.command()
def init(files: Feedback, as_json: AsJson = False) -> None:
    """Draft a study from feedback files, on standard output: unipref init FILES > study.yaml"""
    terminal.say_first(f"reading {_shorten_paths(files)} ...")
    from unipref.study import draft

    text = draft.draft_study(files)
    if as_json:
        from unipref.core import yaml_files

        comments = [line.removeprefix("#").strip() for line in text.splitlines() if line.startswith("#")]
        terminal.echo_json({"study": yaml_files.parse(text, "study"), "comments": comments})
    else:
        terminal.echo(text, end="")


@app.command()
def inspect(paths: Feedback, as_json: AsJson = False) -> None:
    """Show how unipref reads files: format, mapping and a few rows as prompt, chosen, rejected."""
    terminal.say_first(f"reading {_shorten_paths(paths)} ...")
    from unipref.unify import inspection

    findings = inspection.inspect(paths)
    print_result([finding.as_dict() for finding in findings], as_json, "\n\n".join(f.as_text() for f in findings))
    if not any(finding.format for finding in findings):
        raise typer.Exit(1)


def _shorten_paths(paths: list[str]) -> str:
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{terminal.show_name(paths[0])}{more}"


def _run(
    study: Path,
    overrides: list[str] | None,
    out: Path | None,
    until: str,
    as_json: bool,
    how: How = "bar",
    **options: Any,
) -> None:
    if how == "bar":
        terminal.say_first(f"reading {terminal.show_name(str(study))} ...")
    from unipref import report
    from unipref.core.run_folder import RunFolder
    from unipref.pipeline import api, execute

    keep_stages()
    folder = out or api.default_folder(study)

    def print_results(run: Path) -> None:
        """Prints the results before the report is made: a report that fails hides none."""
        with terminal.allow_closed_pipe():
            if as_json:
                import msgspec

                terminal.echo_json(msgspec.to_builtins(RunFolder(run).manifest))
            else:
                _print_run(run, listener.warn)

    with show_progress(how, print_results) as listener:
        execute.run(study, folder, overrides=overrides or [], until=until, listener=listener, **options)
    if not as_json and (folder / report.PAGE).is_file():
        with terminal.allow_closed_pipe():
            terminal.echo(f"\nReport: {folder / report.PAGE}")


def _print_run(run: Path, warn: Callable[[str], None]) -> None:
    """Prints the table of a run; if it cannot be made, a warning names the files that have the results."""
    from unipref import report

    try:
        table = report.console(run)
    except Exception as error:
        why = describe(error, with_place=True)
        warn(f"The table could not be made: {why}. The results are in scores.json and manifest.json.")
        return
    terminal.show(table)


@app.command()
def unify(
    study: Study, overrides: Sets = None, out: Out = None, as_json: AsJson = False, progress: Progress = "bar"
) -> None:
    """Convert all sources to one preference format."""
    _run(study, overrides, out, "unify", as_json, progress)


@app.command()
def select(
    study: Study, overrides: Sets = None, out: Out = None, as_json: AsJson = False, progress: Progress = "bar"
) -> None:
    """Unify, split, clean and select the preferences to train on."""
    _run(study, overrides, out, "select", as_json, progress)


@app.command()
def train(
    study: Study,
    overrides: Sets = None,
    out: Out = None,
    jobs: Jobs = 1,
    accelerate: Accelerate = None,
    check: Annotated[bool, typer.Option("--check", help="Only check the training steps; train nothing.")] = False,
    as_json: AsJson = False,
    progress: Progress = "bar",
) -> None:
    """Run everything up to the trained models."""
    _run(study, overrides, out, "check" if check else "train", as_json, progress, jobs=jobs, accelerate=accelerate)


@app.command()
def run(
    study: Study,
    overrides: Sets = None,
    out: Out = None,
    jobs: Jobs = 1,
    dry_run: DryRun = False,
    accelerate: Accelerate = None,
    as_json: AsJson = False,
    progress: Progress = "bar",
) -> None:
    """Run the whole study: unify, select, train, evaluate, report. Finished stages are skipped."""
    if not dry_run:
        _run(study, overrides, out, "evaluate", as_json, progress, jobs=jobs, accelerate=accelerate)
        return
    terminal.say_first(f"reading {terminal.show_name(str(study))} ...")
    from unipref.pipeline import api
    from unipref.pipeline.dry_run import format_estimate

    estimate = api.dry_run(study, out, overrides=overrides or [])
    print_result(estimate, as_json, format_estimate(estimate, jobs))


@app.command()
def power(
    study: Study,
    overrides: Sets = None,
    run: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="RUN",
            help="A finished run whose spread is used; default: stated.",
            autocompletion=complete_runs,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say before a run which differences its seeds and examples would show."""
    from unipref.analysis.power import format_plan
    from unipref.pipeline import api

    planned = api.power_of_study(study, run, overrides=overrides or [])
    print_result(planned, as_json, format_plan(planned))


models.add_commands(app)
collect.add_commands(app)


@app.command()
def report(folder: RunArgument, as_json: AsJson = False) -> None:
    """Write a run's report again and print its table."""
    from unipref import report as page

    failure, path = None, folder / page.PAGE
    warnings: list[str] = []
    try:
        path = page.write(folder, warnings.append if as_json else warn)
    except UserError:
        raise
    except Exception as error:
        failure = resource_error(error) or UserError(
            f"the report could not be made: {describe(error, with_place=True)}.", where=str(folder)
        )
    if failure is None and as_json:
        import msgspec

        from unipref.analysis.best_model import choose_model
        from unipref.core.run_folder import RunFolder

        run = RunFolder(folder)
        best = msgspec.to_builtins(choose_model(run.manifest_if_any, run.verdicts()))
        terminal.echo_json({"report": str(path), "model": best, "warnings": warnings})
        return
    if not as_json:
        _print_run(folder, warn)
    if failure is not None:
        raise failure
    terminal.echo(f"\nReport: {path}")


@app.command()
def watch(
    folder: RunArgument,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0: a free one.")] = 0,
    every: Annotated[int, typer.Option("--every", min=1, help="Seconds between two loads of the page.")] = 10,
) -> None:
    """Show a run in the browser while it is under way: stages and curves, then its report. Only on this machine."""
    from unipref import report as page
    from unipref.report.live_server import make_server
    from unipref.report.loopback import HOST

    with make_server(folder, folder / page.PAGE, port, every) as server:
        terminal.echo(f"http://{HOST}:{server.server_address[1]}/ shows {folder}. Ctrl-C ends it.")
        server.serve_forever()


@app.command()
def audit(
    folder: RunArgument,
    gold: Annotated[
        Path | None, typer.Option("--gold", help="Hand-labelled entries, to measure conversion accuracy.")
    ] = None,
    truth: Annotated[
        Path | None, typer.Option("--truth", help="True labels in the same form, to check the confidence.")
    ] = None,
    benchmarks: Annotated[
        Path | None, typer.Option("--benchmarks", help="Folder of benchmarks, to find overlapping prompts.")
    ] = None,
    engine: Engine = "local",
    workers: Workers = None,
    as_json: AsJson = False,
    progress: Progress = "bar",
) -> None:
    """Audit a run's unified data: counts, ties, duplicates, contradictions, lengths, languages, overlaps."""
    from unipref.analysis import audit as auditing
    from unipref.core.work_progress import show_work
    from unipref.pipeline.auditing import audit_with_engine

    given: dict[str, Any] = {"engine": read_engine(engine), "workers": workers}
    with show_progress(progress) as listener, show_work(listener.progress):
        findings = audit_with_engine(folder, gold, benchmarks, truth, **given)
        if not auditing.write_audit(findings, folder):
            listener.warn(f"{folder} is read-only, so the report will not show this audit.")
    print_result(findings.as_dict(), as_json, auditing.render_terminal(findings))


@app.command()
def explain(
    folder: RunArgument,
    preference: Annotated[
        str,
        typer.Argument(metavar="ID", help="A preference's id or the start of it, or a raw row's origin (FILE:ROW)."),
    ],
    as_json: AsJson = False,
) -> None:
    """Explain why a preference was kept or dropped, for each variant and seed: origin, scores, cluster, rank, twin."""
    from unipref.analysis import explain as explanation
    from unipref.pipeline.explained_rows import explain_with_rows

    facts = explain_with_rows(folder, preference)
    print_result(facts, as_json, explanation.as_text(facts, folder))


review.add_commands(app)
value.add_commands(app)
export.add_commands(app)
push.add_commands(app)
about.add_commands(app)


@app.command()
def demo(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the world and the run.")] = Path("demo"),
    noise: Annotated[
        Literal["careless", "gaussian", "adversarial"] | None,
        typer.Option(help="The errors of its raters; default: careless; see docs/world.md."),
    ] = None,
    full: Annotated[
        bool,
        typer.Option(
            "--full", help="Tune all kinds of arms and run the paper's whole table, hours on two cores; can be resumed."
        ),
    ] = False,
    real: Annotated[
        bool,
        typer.Option(
            "--real", help="Train a real model of 135M parameters on rules that judge its own answers (unipref[real])."
        ),
    ] = False,
    model: Annotated[
        Path | None, typer.Option("--model", help="With --real: another model folder or GGUF file.")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", min=1, help="Number of parallel processes; default: one per core, at most 4."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Build a small world with its own model and feedback, and run a study on it."""
    from unipref import demo as world
    from unipref.core.folder_lock import use_alone
    from unipref.core.workers.local import count_usable_cores
    from unipref.demo import nearest

    keep_stages()
    processes = jobs or min(count_usable_cores(), 4)
    if model is not None and not real:
        raise UserError("--model is for --real.", where="--model", mend="Add --real, or remove --model.")
    if real:
        if full or noise is not None:
            raise UserError("--real excludes --full and --noise.", where="--real", mend="Remove one of them.")
        from unipref.demo import real as own_answers

        policy = own_answers.find_model(model)
        with show_progress() as listener, use_alone(out / "real"):
            study = own_answers.build(out / "real", policy, listener, processes)
        _run(study, None, out / "real" / "run", "evaluate", as_json)
        return
    if not full:
        with use_alone(out):
            with show_progress() as listener:
                study = world.build(out, listener.progress, world.World(noise=noise or "careless"))
            baseline = nearest.write_baseline(out)
            _run(study, None, out / "run", "evaluate", as_json, jobs=processes)
            if not as_json:
                terminal.echo(f"\nBaseline, {baseline}")
        return
    if noise is not None:
        raise UserError("--full runs all noise models.", where="--noise", mend="Remove one of the two.")
    from unipref.demo import full as table
    from unipref.demo import reproduction_page

    with show_progress() as listener, use_alone(out / "full"):
        table.run(out / "full", processes, listener)
    page = reproduction_page.write_page(out / "full")
    claims = list(reproduction_page.read_claims(out / "full"))
    lines = [f"{claim}, {study}: {verdict}. {why}" for study, claim, verdict, why in claims]
    print_result(
        [dict(zip(("study", "claim", "verdict", "why"), row, strict=True)) for row in claims], as_json, "\n".join(lines)
    )
    if not as_json:
        terminal.echo(f"\nPage: {page}")


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Convert many kinds of feedback to one preference format, then select, train, evaluate and report."""
    if show:
        from unipref.core.version import __version__

        terminal.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Runs the command line; see `run_app` for errors, signals and the exit status."""
    run_app(lambda: app(standalone_mode=False))
