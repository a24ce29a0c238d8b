"""Judges for benchmarks: what a judge says of a pair is kept in a file, so that a stopped measurement continues."""

from collections.abc import Sequence

from unipref.collect.judged_file import JudgedFile
from unipref.collect.judging import judge_missing
from unipref.core.contracts import AnswerJudge, Judge, JudgeJob, JudgeStopped, Opinion, PairToJudge
from unipref.core.errors import UserError
from unipref.core.progress import ProgressListener

FOLDER = "judged"
"""The folder of the files with what a judge said."""


def open_judge(judge: Judge, job: JudgeJob, listener: ProgressListener) -> AnswerJudge:
    """Makes a judge that benchmarks can ask.

    Args:
        judge: the judge.
        job: its folder `out` keeps what was judged.
        listener: gets the progress.

    Raises:
        UserError: the judge can judge only answers of a policy of ours, or something that it needs is missing. Later,
            when it is asked: it stopped. What it has judged is kept.
    """
    if not judge.can_judge_others:
        what = f"the judge '{judge.annotator()}' judges only what a policy answers in a collection."
        raise UserError(what, where="judges", mend="Leave it out: a benchmark has answers of others.")
    try:
        judge.check(job)
    except JudgeStopped as stop:
        raise UserError(f"{stop.why}.", where=f"judges.{judge.annotator()}", mend=stop.mend) from stop

    def judge_pairs(pairs: Sequence[PairToJudge]) -> list[list[Opinion]]:
        file = JudgedFile(job.out / FOLDER, judge, job, pairs)
        why = mend = None
        try:
            judge_missing(judge, pairs, file, [], job, listener, "pairs")
        except JudgeStopped as stop:
            why, mend = stop.why, stop.mend
        done = sum(pair.key in file.opinions for pair in pairs)
        if why is not None or done < len(pairs):
            what = f"{why or 'it could not judge all pairs now'}; {done} of {len(pairs)} pairs are judged and kept."
            mend = mend or "Run the same command again."
            raise UserError(what, where=f"judges.{judge.annotator()}", mend=mend)
        return [file.opinions[pair.key] for pair in pairs]

    return AnswerJudge(judge.annotator(), judge_pairs)
