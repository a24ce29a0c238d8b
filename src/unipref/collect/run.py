"""Runs a collection: prompts, answers, judges, files. Each part continues where an earlier run stopped."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from unipref.collect import scoring
from unipref.collect.answers import AnsweredPrompt, generate_answers
from unipref.collect.corrections_file import CORRECTIONS, write_corrections
from unipref.collect.feedback_file import ANSWERS, FEEDBACK, RULES, name_model, write_answers, write_feedback
from unipref.collect.gold_pairs import read_gold
from unipref.collect.judging import JudgeResult, run_judge
from unipref.collect.load import ResolvedCollection, load
from unipref.collect.pairs import AnswerCounts, OwnPair, make_pairs
from unipref.collect.prompts import Prompt, PromptCounts, constrain, read_prompts
from unipref.collect.report import build_report, format_report
from unipref.core import hashing, json_files, yaml_files
from unipref.core.answer_checks.constraints import iterate_rules
from unipref.core.answer_checks.ifeval import Checks
from unipref.core.contracts import Judge, JudgeJob, JudgeStopped
from unipref.core.errors import UserError
from unipref.core.folder_lock import use_alone
from unipref.core.hub import pin_in, save_pins
from unipref.core.progress import ProgressListener
from unipref.core.secrets import hide_secrets
from unipref.models import loading

REPORT, PAGE, SETTINGS, WORK, EARLIER = "collect.json", "report.md", "collect.yaml", "work", "earlier"
Until = Literal["prompts", "answers", "judges"]
KEY_LENGTH = 16
"""Characters of a hash in the names of files."""
GENERATION = 1
"""Raised if the same settings would give other answers than before."""


def collect(
    source: str | os.PathLike[str] | Mapping[str, Any],
    out: str | os.PathLike[str],
    *,
    overrides: Sequence[str] = (),
    until: Until = "judges",
    jobs: int = 1,
    listener: ProgressListener | None = None,
) -> dict[str, Any]:
    """Collects feedback on a policy's own answers.

    Args:
        source: a file for `unipref collect`, or its content as a mapping.
        out: the folder of the collection; a run that was stopped continues in it.
        overrides: `key=value` settings that replace those of the file.
        until: the last part to run. prompts: only writes `rules.jsonl`, without a model. answers: and `answers.jsonl`.
        jobs: processes that generate answers, of one thread each.
        listener: gets stages, notes and progress; default: nobody.

    Returns:
        The report, as in `collect.json`; empty if the judges are not reached. The feedback is in `feedback.jsonl`.

    Raises:
        UserError: a setting, a file or a model is wrong; no two answers can be compared and none was corrected; or a
            judge stopped for a reason that the settings did not plan. In the last case all files are written, and the
            next run goes on.
    """
    listener = listener or ProgressListener()
    folder = Path(out)
    with pin_in(folder):
        loaded = load(source, overrides)
        with use_alone(folder):
            save_pins()
            try:
                return _collect(loaded, folder, until, jobs, listener)
            finally:
                scoring.unload_models()


def _collect(
    loaded: ResolvedCollection, folder: Path, until: Until, jobs: int, listener: ProgressListener
) -> dict[str, Any]:
    work = folder / WORK
    work.mkdir(exist_ok=True)
    listener.stage("prompts", cached=False)
    prompts, prompt_counts = _read_prompts(loaded, work)
    listener.note(f"{len(prompts)} prompts of {len(loaded.sources)} sources")
    if until == "prompts":
        write_rules(loaded, prompts, folder)
        return {}
    return collect_on(prompts, prompt_counts, loaded, folder, until, jobs, listener)


def collect_on(
    prompts: Sequence[Prompt],
    prompt_counts: Mapping[str, PromptCounts],
    loaded: ResolvedCollection,
    folder: Path,
    until: Until,
    jobs: int,
    listener: ProgressListener,
) -> dict[str, Any]:
    """Collects feedback on answers to prompts that are read already; the folder is locked by the caller.

    Args:
        prompts: without constraints.
        prompt_counts: source -> what became of its rows, for the report.
        loaded: the settings; `sources` are not read.
        folder: of the collection.
        until: as in `collect`, but not 'prompts'.
        jobs: as in `collect`.
        listener: as in `collect`.

    Returns:
        As `collect`.

    Raises:
        UserError: as `collect`.
    """
    work = folder / WORK
    work.mkdir(exist_ok=True)
    prompts = write_rules(loaded, prompts, folder)
    policy = _describe_policy(loaded)
    policy_key = hashing.json_hash(policy)
    _set_aside(folder, policy_key, name_model(loaded.settings.model), listener)
    job = make_job(loaded, folder, listener)
    check_judges(loaded.settings.judges, job)
    if loaded.settings.corrections:
        Checks()  # a missing package stops the run before the policy answers
    listener.stage("answers", cached=False)
    answered = _answer(loaded, prompts, policy, work, jobs, listener)
    write_answers(folder / ANSWERS, prompts, answered)
    corrected = write_corrections(folder / CORRECTIONS, loaded, prompts, answered, listener.progress)
    if until == "answers":
        return {}
    pairs, counts = make_pairs(prompts, answered, loaded.settings.pairs)
    nothing_to_judge = _explain_missing_pairs(counts, loaded)
    if nothing_to_judge is not None:
        if corrected is None or not corrected.corrected:
            raise nothing_to_judge
        listener.warn(f"{nothing_to_judge.what} Only {CORRECTIONS} has feedback.")
    listener.stage("judges", cached=False)
    results = _judge(loaded, pairs, job, work, listener)
    rows = write_feedback(folder / FEEDBACK, loaded, prompts, pairs, results)
    report = build_report(loaded, prompts, prompt_counts, counts, pairs, results, rows, corrected)
    report["policy_key"] = policy_key
    json_files.write_json(folder / REPORT, report)
    json_files.write_text(folder / PAGE, hide_secrets(format_report(report)))
    json_files.write_text(folder / SETTINGS, hide_secrets(yaml_files.write(loaded.raw)))
    for warning in report["warnings"]:
        listener.warn(warning)
    if nothing_to_judge is None:
        _raise_stop(results, folder / FEEDBACK, rows)
    return report


def _read_prompts(loaded: ResolvedCollection, work: Path) -> tuple[list[Prompt], dict[str, PromptCounts]]:
    prompts, counts = read_prompts(loaded.sources, loaded.settings.prompts, work)
    if not prompts:
        reasons = {reason for one in counts.values() for reason in one.reasons}
        why = f" Rows were not read because of: {', '.join(sorted(reasons))}." if reasons else ""
        raise UserError(
            f"the sources have no prompts.{why}", where="sources", mend="unipref inspect FILE shows the rows."
        )
    return prompts, counts


def write_rules(loaded: ResolvedCollection, prompts: Sequence[Prompt], folder: Path) -> list[Prompt]:
    """Returns the prompts with constraints, and writes their rules into the folder."""
    constrained = constrain(prompts, loaded.settings.constraints)
    rules = [
        msgspec.json.encode(rule) for rule in iterate_rules([(one.messages, one.constraints) for one in constrained])
    ]
    if rules:
        json_files.write_text(folder / RULES, b"".join(rule + b"\n" for rule in rules).decode("utf-8"))
    else:
        (folder / RULES).unlink(missing_ok=True)  # of earlier settings
    return constrained


def _describe_policy(loaded: ResolvedCollection) -> dict[str, Any]:
    """Returns what decides the answer to a prompt: the model, the settings of the answers, and the packages."""
    settings = loaded.settings
    return {
        "version": GENERATION,
        "model": loading.model_key(settings.model),
        "answers": settings.answers.model_dump(mode="json"),
        "packages": hashing.find_versions("torch", "transformers"),
    }


def _answer(
    loaded: ResolvedCollection,
    prompts: list[Prompt],
    policy: Mapping[str, Any],
    work: Path,
    jobs: int,
    listener: ProgressListener,
) -> list[AnsweredPrompt]:
    key = hashing.json_hash({**policy, "prompts": [one.messages for one in prompts]})
    folder = work / f"answers-{key[:KEY_LENGTH]}"
    settings = loaded.settings
    return generate_answers(settings.model, prompts, settings.answers, folder, jobs, listener.progress)


def _set_aside(folder: Path, key: str, policy: str, listener: ProgressListener) -> None:
    """Moves the feedback on the answers of another policy, and its report, into the folder `earlier`.

    Args:
        folder: of the collection.
        key: of the policy and its settings now.
        policy: name of the model.
        listener: gets a note of what is moved.
    """
    if not (folder / FEEDBACK).is_file() or not (folder / REPORT).is_file():
        return
    try:
        before = msgspec.json.decode((folder / REPORT).read_bytes(), type=dict[str, Any])
    except msgspec.MsgspecError:
        before = {}  # damaged
    # Reports of earlier versions have no key.
    if before.get("policy_key", key) == key and before.get("policy") == policy:
        return
    place = folder / EARLIER / str(before.get("policy_key", "unknown"))[:KEY_LENGTH]
    place.mkdir(parents=True, exist_ok=True)
    for name in (FEEDBACK, REPORT, PAGE, ANSWERS, CORRECTIONS):
        if (folder / name).is_file():
            (folder / name).replace(place / name)
    listener.note(
        f"{FEEDBACK} is about answers of another policy, or with other settings, and is moved to {EARLIER}/; with the "
        "earlier settings it is made again from the judgements that are kept"
    )


def _explain_missing_pairs(counts: AnswerCounts, loaded: ResolvedCollection) -> UserError | None:
    """Returns the error that says why there is nothing to judge; None: there is. The answers are kept.

    Raises:
        UserError: the policy answers no prompt.
    """
    if not counts.prompts:
        whys = "; ".join(f"{why} ({count})" for why, count in counts.unanswered.items())
        raise UserError(f"the policy can answer none of the prompts: {whys}.", where="model")
    if not counts.pairs:
        mend = "Raise 'answers.temperature' or 'answers.k', or use another policy; answers.jsonl has the answers."
        same, empty = counts.same, counts.empty
        what = f"no prompt has two different answers: {same} prompts have equal ones, {empty} answers are empty."
        return UserError(what, where="answers", mend=mend)
    judges_of_whole = [judge.annotator() for judge in loaded.settings.judges if not judge.judges_unended]
    if counts.unended_pairs == counts.pairs and len(judges_of_whole) == len(loaded.settings.judges):
        most = loaded.settings.answers.max_new_tokens
        return UserError(
            f"no two answers to a prompt ended within {most} tokens, so there is nothing to judge.",
            where="answers.max_new_tokens",
            mend="Raise it, or use a policy that ends its answers; answers.jsonl has the answers.",
        )
    return None


def make_job(loaded: ResolvedCollection, folder: Path, listener: ProgressListener) -> JudgeJob:
    """Makes what the judges get; the folder has the rules of the prompts."""
    rules = folder / RULES if loaded.settings.constraints is not None and (folder / RULES).is_file() else None
    return JudgeJob(loaded.data_root, folder, rules, note=listener.note)


def check_judges(judges: Sequence[Judge], job: JudgeJob) -> None:
    """Checks what the judges need, before the policy answers.

    Raises:
        UserError: something is missing.
    """
    for judge in judges:
        try:
            judge.check(job)
        except JudgeStopped as stop:
            raise UserError(f"{stop.why}.", where=f"judges.{judge.annotator()}", mend=stop.mend) from stop


def _judge(
    loaded: ResolvedCollection, pairs: Sequence[OwnPair], job: JudgeJob, work: Path, listener: ProgressListener
) -> list[JudgeResult]:
    settings = loaded.settings
    gold = read_gold(loaded.gold, settings.gold.most, work, listener.note)
    results = []
    for judge in settings.judges:
        result = run_judge(judge, pairs, gold, job, settings.gold.keep_weak, listener)
        if result.gold is not None:
            listener.note(f"{judge.annotator()}: agreement with gold pairs {result.gold.description}")
        results.append(result)
    return results


def _raise_stop(results: Sequence[JudgeResult], feedback: Path, rows: int) -> None:
    """Raises a `UserError` if a judge stopped without a plan, or if there is no vote at all."""
    faults = [result for result in results if result.stopped is not None and not result.is_planned]
    if faults:
        whys = "\n".join(f"{result.judge.annotator()} stopped: {result.stopped}." for result in faults)
        done = f"{feedback.name} has the {rows} votes so far." if rows else "There is no vote yet."
        raise UserError(f"{whys}\n{done}", where="judges", mend=faults[0].mend)
    if not rows and not any(result.is_planned for result in results):
        left_out = [result.judge.annotator() for result in results if result.is_left_out]
        why = f" Left out, as the test on gold pairs shows no agreement above chance: {', '.join(left_out)}."
        mend = f"{PAGE} says why for each judge."
        if left_out:
            mend += " Use other judges, or set 'gold.keep_weak' to use these."
        raise UserError(f"no judge has voted on any pair.{why if left_out else ''}", where="judges", mend=mend)
