"""Lets judges judge: first gold pairs, then the policy's own answers."""

from collections.abc import Sequence

import msgspec

from unipref.collect.gold_pairs import Agreement, GoldPair, compute_agreement
from unipref.collect.judged_file import JudgedFile
from unipref.collect.pairs import OwnPair
from unipref.core.contracts import Judge, JudgeJob, JudgeStopped, Opinion, PairToJudge
from unipref.core.progress import ProgressListener
from unipref.core.votes import decide_vote


class JudgeResult(msgspec.Struct):
    """What a judge did.

    Attributes:
        judge: the judge.
        asked: number of own pairs that it was to judge.
        opinions: key of an own pair -> its opinions, without those of no use.
        gold: its agreement with the gold pairs; None if it was not tested.
        untested: why it was not tested.
        stopped: why it did not judge all; mend: what to do; is_planned: whether the settings asked for it.
        is_left_out: whether it judged nothing because its test shows no agreement above chance.
        gold_opinions: about the gold pairs.
    """

    judge: Judge
    asked: int = 0
    opinions: dict[str, list[Opinion]] = {}
    gold: Agreement | None = None
    untested: str | None = None
    stopped: str | None = None
    mend: str = ""
    is_planned: bool = False
    is_left_out: bool = False
    gold_opinions: list[list[Opinion]] = []


def run_judge(
    judge: Judge,
    pairs: Sequence[OwnPair],
    gold: Sequence[GoldPair],
    job: JudgeJob,
    keep_weak: bool,
    listener: ProgressListener,
) -> JudgeResult:
    """Tests a judge on gold pairs, unless its rule is right by definition, and lets it judge the policy's answers.

    What it judged before is read from its files. If it stops, the result has what it judged.

    Args:
        judge: the judge.
        pairs: of the policy's answers.
        gold: for the test; empty: it stays untested.
        job: what the judge gets.
        keep_weak: whether it judges even if the test shows no agreement above chance.
        listener: gets the progress.

    Raises:
        UserError: a file of the judge is damaged, or a model or rule cannot be used.
    """
    own = [pair.to_judge for pair in pairs if judge.judges_unended or (pair.first.ended and pair.second.ended)]
    result = JudgeResult(judge, asked=len(own))
    folder = job.out / "judged"
    is_tested = bool(gold) and judge.is_fallible and judge.can_judge_others
    gold_file = JudgedFile(folder / "gold", judge, job, [one.pair for one in gold]) if is_tested else None
    own_file = JudgedFile(folder, judge, job, own)
    try:
        if gold_file is not None:
            judge_missing(judge, [one.pair for one in gold], gold_file, [own_file], job, listener, "gold pairs")
        if gold_file is not None:
            _conclude_test(result, gold, gold_file)
        else:
            result.untested = _explain_untested(judge, gold)
        if result.gold is not None and result.gold.is_weak and not keep_weak:
            result.is_left_out = True
            return result
        earlier = [gold_file] if gold_file is not None else []
        judge_missing(judge, own, own_file, earlier, job, listener, "pairs")
    except JudgeStopped as stop:
        result.stopped, result.mend, result.is_planned = stop.why, stop.mend, stop.is_planned
        if gold_file is not None and result.gold is None:
            _conclude_test(result, gold, gold_file)
    keys = {pair.key for pair in own}
    result.opinions = {key: given for key, given in own_file.opinions.items() if key in keys}
    return result


def _conclude_test(result: JudgeResult, gold: Sequence[GoldPair], file: JudgedFile) -> None:
    result.gold_opinions = [file.opinions.get(one.pair.key, []) for one in gold]
    result.gold = compute_agreement([one.better for one in gold], result.gold_opinions, [one.prompt for one in gold])


def _explain_untested(judge: Judge, gold: Sequence[GoldPair]) -> str:
    if not judge.is_fallible:
        return "its rule decides by itself"
    if not judge.can_judge_others:
        return "it judges only the policy's answers"
    return "there are no gold pairs" if not gold else "it was not asked"


def judge_missing(
    judge: Judge,
    pairs: Sequence[PairToJudge],
    file: JudgedFile,
    others: Sequence[JudgedFile],
    job: JudgeJob,
    listener: ProgressListener,
    what: str,
) -> None:
    """Lets a judge judge the pairs that its file lacks, and adds each to the file at once."""
    missing = [pair for pair in pairs if pair.key not in file.opinions]
    if missing:
        label = f"{judge.annotator()}: {what}"
        past = [details for one in (file, *others) for details in one.details()]
        job = JudgeJob(job.data_root, job.out, job.rules, past, job.note)
        with file.append() as appender:
            opinions = judge.judge(missing, job)
            done = len(pairs) - len(missing)
            for pair, given in zip(missing, opinions, strict=True):
                if given:
                    appender.add(pair.key, given)
                    done += 1
                    listener.progress(label, done, len(pairs))


def compare_judges(
    one: JudgeResult, other: JudgeResult, pairs: Sequence[OwnPair], prompts: Sequence[str]
) -> Agreement | None:
    """Computes how often a judge agrees with another one on the policy's own answers that the other finds different.

    Args:
        one: the judge in question.
        other: the judge that is taken to be right.
        pairs: of the policy's answers.
        prompts: key of each prompt, by place.

    Returns:
        None if the other judge finds no two answers different.
    """
    expected, given, clusters = [], [], []
    for pair in pairs:
        key = pair.to_judge.key
        vote = decide_vote(other.opinions.get(key, []))
        if vote is not None and vote != "tie" and key in one.opinions:
            expected.append(vote)
            given.append(one.opinions[key])
            clusters.append(prompts[pair.place])
    return compute_agreement(expected, given, clusters) if expected else None
