"""Reasoning in steps: the first wrong step is marked, or each step (and its alternatives) is rated."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, model_validator

from unipref.core import patterns
from unipref.core.contracts import FeedbackKind
from unipref.core.display import describe_value, name_kind
from unipref.core.records import Axis, Feedback, Messages, Reason, Reject, Response, Row
from unipref.core.values import is_missing
from unipref.unify.detection.guess import Columns, Guess, find_prompt
from unipref.unify.detection.step_gaps import ask_about_gaps
from unipref.unify.detection.step_shapes import (
    recognise_mistake_number,
    recognise_rated_items,
    recognise_rating_list,
)
from unipref.unify.format_bases.dialogue import TwoGroups
from unipref.unify.format_bases.mapped import Mapped
from unipref.unify.mapping.codes import label_hint, string_keys, to_code
from unipref.unify.mapping.fields import (
    Part,
    Path,
    Paths,
    Place,
    first_field,
    get_answer,
    read_answer,
    read_number,
    read_text,
)
from unipref.unify.mapping.paths import ITSELF, get_or_none, get_path
from unipref.unify.mapping.step_versions import (
    Verdict,
    Version,
    Versions,
    append_steps,
    compare_versions,
    count_unused_versions,
)
from unipref.unify.mapping.turns import assistant_turn

TARGET_AXIS = "target"
"""The name of the axis of the final answer: 1 if it is right."""


class Steps(Mapped):
    """A problem and a solution in steps. The right steps so far are appended to the prompt. Among the versions of the
    next step, the right ones are better than the wrong ones. With one version per step, a wrong step gives a one-sided
    preference (rejected), and a solution without a mistake gives one good answer.
    """

    prompt: Paths
    """Where the problem is."""
    steps: Path
    """Path of the list of steps: texts or mappings. With `marked`: path of one text."""
    step: Place | None = None
    """Path of the text inside a step, if the steps are mappings; or a part, as in {field: text, pattern: REGEX}. The
    path of a step that is a text is `.`."""
    versions: Path | None = None
    """Path of the list of alternatives inside a step that is a mapping. `step` and `rating` are then paths inside each
    alternative."""
    taken: Path | None = None
    """Path, inside a step with versions, of the index (from 0) of the version with which the solution continues; null:
    the solution ends there, unless a step is `written`. If not set, the first right version is used, or the only one if
    it is neutral."""
    written: Path | None = None
    """Path, inside a step with versions, of a step that a person wrote because no version was good: a text, or a
    mapping like a version. The solution continues with it where `taken` is null. There it is better than the wrong
    versions, unless it has a rating of its own."""
    first_wrong: Path | None = None
    """Path of the number of the first wrong step; null in the row: no step is wrong."""
    counted_from: Literal[0, 1] = 0
    """The number of the first step."""
    none_wrong: int | None = None
    """The number in `first_wrong` that means that no step is wrong, such as -1."""
    rating: Path | None = None
    """Path of a step's rating: inside a step that is a mapping, or of a list in the row with one rating per step."""
    marked: TwoGroups | None = None
    """If the steps are one text: a regular expression with two groups, a step and its rating."""
    codes: Annotated[dict[str, Verdict], BeforeValidator(string_keys)] = {}
    """Value of a rating -> right, wrong or neutral. A version without a rating is left out and counted, unless null has
    a code."""
    answer: Path | None = None
    """Path of the final answer of the solution, which is checked against `target`."""
    target: Path | None = None
    """Path of the right final answer. A solution without a marked mistake that misses it contradicts itself: it is
    rejected and counts against the labels. A solution that reaches it counts for them."""

    feedback_kind: ClassVar[FeedbackKind] = "single"
    example: ClassVar[dict[str, Any]] = {
        "settings": {"prompt": "problem", "steps": "steps", "first_wrong": "mistake"},
        "rows": [{"problem": "What is 2 + 3 * 4?", "steps": ["3 * 4 = 12.", "2 + 12 = 15."], "mistake": 1}],
    }

    @classmethod
    def has_pairs(cls, settings: Mapping[str, Any]) -> bool:
        """Whether a step has other versions to be compared with."""
        return "versions" in settings

    @model_validator(mode="after")
    def _judgement_is_declared(self) -> "Steps":
        if sum(setting is not None for setting in (self.first_wrong, self.rating, self.marked)) != 1:
            raise ValueError("give either 'first_wrong', or 'rating' (or 'marked') and 'codes'")
        if (self.taken is not None or self.written is not None) and self.versions is None:
            raise ValueError("'taken' and 'written' need 'versions'")
        if self.written is not None and self.taken is None:
            raise ValueError("'written' needs 'taken', whose null says that a written step follows")
        if self.first_wrong is None and not self.codes:
            raise ValueError("set what each rating means, as in codes: {-1: wrong, 0: neutral, 1: right}")
        if (self.answer is None) != (self.target is None):
            raise ValueError("set both 'answer' and 'target', or neither")
        return self

    def axes(self) -> dict[str, Axis]:
        """The axis of the final answer. It does not decide; the labels are checked against it."""
        return {} if self.target is None else {TARGET_AXIS: Axis(better="high", low=0.0, high=1.0)}

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """Recognises a list of steps with the number of the first wrong one, or with a rating for each."""
        prompt, _ = find_prompt(columns, [])
        if not prompt:
            return None
        guess = (
            recognise_mistake_number(columns, prompt)
            or recognise_rating_list(columns, prompt)
            or recognise_rated_items(columns, prompt)
        )
        return None if guess is None else ask_about_gaps(guess, columns)

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """Yields one feedback per judged step that follows right steps, and the whole solution if no step is wrong.
        Versions and steps that are not used are rejects.
        """
        items = list(self._follow(row))
        if not items:
            raise Reject(Reason.TIE, "no step is wrong, so there is nothing to compare", self.steps)
        yield from items

    def _follow(self, row: Row) -> Iterator[Feedback | Reject]:
        """Follows the solution from step to step."""
        steps = self._steps(row)
        judged_steps = (
            self._judge_by_number(row, steps) if self.first_wrong is not None else self._judge_by_rating(row, steps)
        )
        prompt = self.read_prompt(row, self.prompt)
        right_steps: list[str] = []
        verdicts: list[Verdict | None] = []
        for place, judged in enumerate(judged_steps):
            field = f"{self.steps}.{place}"
            written = self._read_written(steps[place], field)
            versions = [*judged, *([written] if written is not None else [])]
            yield from (version.reject for version in versions if version.reject is not None)
            is_compared = any(version.verdict == "wrong" for version in versions)
            if is_compared:
                yield compare_versions(append_steps(prompt, right_steps), versions)
            try:
                following, why = self._next_step(steps[place], judged, written)
            except Reject as reject:
                yield reject
                following, why = None, "which version the solution continues with cannot be read"
            yield from count_unused_versions(versions, following, is_compared, field)
            if following is None:
                if later := len(judged_steps) - place - 1:
                    count = "1 later step is" if later == 1 else f"{later} later steps are"
                    yield Reject(Reason.NOT_REACHED, f"{count} not used: {why}", f"{self.steps}.{place + 1}")
                return
            right_steps.append(following.content or "")
            verdicts.append(following.verdict)
        if all(len(versions) == 1 and versions[0].verdict != "wrong" for versions in judged_steps):
            yield from self._judge_solution(row, prompt, right_steps, verdicts)

    def _judge_solution(
        self, row: Row, prompt: Messages, right_steps: list[str], verdicts: list[Verdict | None]
    ) -> Iterator[Feedback | Reject]:
        """Yields the whole solution as a good answer, if no step is wrong. A neutral step is no mistake where the data
        say that the solution was continued with it.
        """
        good = {"right", "neutral"} if self.taken is not None else {"right"}
        if {*verdicts} <= good:
            whole = Response(
                messages=assistant_turn("\n".join(right_steps)), scores=self._check_target(row), approved=True
            )
            yield Feedback(prompt=prompt, responses=[whole])
        elif "wrong" not in verdicts and "neutral" in verdicts:
            detail = "no step is wrong, but not all are right: the solution is not used as a good answer"
            yield Reject(Reason.NEUTRAL, detail, self.steps)

    def _steps(self, row: Row) -> list[Any]:
        steps = get_path(row, self.steps)
        if self.marked is not None:
            steps = patterns.find_all(self.marked, read_text(steps, self.steps), self.steps)
            if not steps:
                raise Reject(Reason.BAD_LABEL, "the pattern 'marked' does not match any step", self.steps)
        if steps == []:
            raise Reject(Reason.WRONG_TYPE, "the list of steps is empty", self.steps)
        if not isinstance(steps, list):
            raise Reject(Reason.WRONG_TYPE, f"expected a list of steps, found {name_kind(steps)}", self.steps)
        return steps

    def _next_step(self, step: Any, versions: Versions, written: Version | None) -> tuple[Version | None, str]:
        """Returns the version with which the solution continues; or None and why it ends.

        Raises:
            Reject: `taken` is missing or names no version.
        """
        if self.taken is None:
            right = next((version for version in versions if version.verdict == "right"), None)
            only = versions[0] if len(versions) == 1 else None
            if right is not None or (only is not None and only.verdict == "neutral"):
                return right or only, ""
            if only is not None:
                return None, "the step before is wrong" if only.verdict == "wrong" else "the step before has no rating"
            return None, "no version of the step before is right; set 'taken' if a field says which one was taken"
        place = read_number(get_path(step, self.taken), self.taken)
        if place is None and written is not None and written.content is not None:
            return _use_written(written)
        if place is None:
            hint = "" if self.written else "; set 'written' if a field holds a step that a person wrote"
            return None, f"'{self.taken}' is null in the step before{hint}"
        if place not in range(len(versions)):
            raise Reject(
                Reason.BAD_LABEL,
                f"version {place:g} is out of range: the step has {len(versions)} versions, counted from 0",
                self.taken,
            )
        taken = versions[int(place)]
        if taken.verdict == "wrong":
            return None, "the version taken in the step before is wrong"
        if taken.reject is not None and taken.reject.reason is Reason.BAD_LABEL:
            return None, "the rating of the version taken in the step before cannot be read"
        return (taken, "") if taken.content is not None else (None, "the version taken before cannot be read")

    def _judge_by_number(self, row: Row, steps: list[Any]) -> list[Versions]:
        texts = [self._read_step(step, f"{self.steps}.{i}") for i, step in enumerate(steps)]
        place = read_number(get_path(row, self.first_wrong or ""), self.first_wrong or "")
        if place is None or place == self.none_wrong:
            return [[Version(content, "right")] for content in texts]
        wrong = place - self.counted_from
        if wrong != int(wrong) or not 0 <= wrong < len(texts):
            detail = f"step {place:g} is out of range: {len(texts)} steps, counted from {self.counted_from}"
            raise Reject(Reason.BAD_LABEL, detail, self.first_wrong)
        return [
            [Version(content, "right" if i < wrong else "wrong")] for i, content in enumerate(texts[: int(wrong) + 1])
        ]

    def _judge_by_rating(self, row: Row, steps: list[Any]) -> list[Versions]:
        fields = [f"{self.steps}.{i}" for i in range(len(steps))]
        if self.marked is not None:
            return [[self._judge(step, mark, field)] for (step, mark), field in zip(steps, fields, strict=True)]
        if self.versions is not None:
            return [self._judge_versions(step, field) for step, field in zip(steps, fields, strict=True)]
        if self.step is not None and first_field(self.step) != ITSELF:
            return [[self._judge_item(step, field)] for step, field in zip(steps, fields, strict=True)]
        rating = self.rating or ""
        ratings = get_path(row, rating)
        if not isinstance(ratings, list) or len(ratings) != len(steps):
            size = len(ratings) if isinstance(ratings, list) else name_kind(ratings)
            raise Reject(Reason.WRONG_TYPE, f"expected {len(steps)} ratings, one per step, found {size}", rating)
        return [[self._judge(*step)] for step in zip(steps, ratings, fields, strict=True)]

    def _judge_versions(self, step: Any, field: str) -> Versions:
        try:
            versions = get_path(step, self.versions or "")
        except Reject as reject:
            return [Version(None, reject=Reject(reject.reason, reject.detail, f"{field}.{self.versions}"))]
        if not isinstance(versions, list) or not versions:
            detail = f"expected a list of versions, found {describe_value(versions)}"
            return [Version(None, reject=Reject(Reason.WRONG_TYPE, detail, f"{field}.{self.versions}"))]
        return [self._judge_item(version, f"{field}.{self.versions}.{i}") for i, version in enumerate(versions)]

    def _judge_item(self, item: Any, field: str) -> Version:
        """Reads the text and the rating of a mapping."""
        try:
            rating = get_path(item, self.rating or "")
        except Reject as reject:
            version = self._judge(item, None, field)
            if version.content is None:
                return version
            return version._replace(reject=Reject(reject.reason, reject.detail, f"{field}.{self.rating}"))
        return self._judge(item, rating, field)

    def _judge(self, step: Any, rating: Any, field: str) -> Version:
        try:
            content = self._read_step(step, field)
        except Reject as reject:
            return Version(None, reject=reject)
        code = to_code(rating)
        if code in self.codes:
            return Version(content, self.codes[code])
        if is_missing(rating):
            return Version(content, reject=Reject(Reason.UNSCORED, "the step has no rating", field))
        codes = ", ".join(f"{key!r}: {verdict}" for key, verdict in self.codes.items())
        detail = f"rating {code[:40]!r} is not in codes ({codes}){label_hint(rating, self.codes)}"
        return Version(content, reject=Reject(Reason.BAD_LABEL, detail, field))

    def _read_written(self, step: Any, field: str) -> Version | None:
        """Reads the step that a person wrote; None if there is none."""
        if self.written is None:
            return None
        place = f"{field}.{self.written}"
        try:
            value = get_or_none(step, self.written)
        except Reject as reject:
            return Version(None, reject=Reject(reject.reason, reject.detail, place))
        if is_missing(value):
            return None
        if isinstance(value, str):
            return self._judge_written(step, value.strip(), place)
        version = self._judge_item(value, place)
        is_unrated = version.reject is not None and version.reject.reason in (Reason.UNSCORED, Reason.MISSING_FIELD)
        return self._judge_written(step, version.content, place) if version.content and is_unrated else version

    def _judge_written(self, step: Any, content: str, place: str) -> Version:
        """Judges a written step without a rating: a person wrote it because no version was good enough to be taken."""
        if get_or_none(step, self.taken or "") is None:
            return Version(content, "right")
        detail = "the written step has no rating, and the solution continues with another version"
        return Version(content, reject=Reject(Reason.UNSCORED, detail, place))

    def _read_step(self, step: Any, field: str) -> str:
        if isinstance(self.step, Part):
            try:
                return get_answer(step, self.step)
            except Reject as reject:
                raise Reject(reject.reason, reject.detail, field) from reject
        return read_answer(step if self.step is None else get_path(step, self.step), field)

    def _check_target(self, row: Row) -> dict[str, float]:
        """Checks the final answer of a solution without a wrong step; returns its score on the axis `target`."""
        if self.answer is None or self.target is None:
            return {}
        answer, target = (to_code(get_path(row, path)) for path in (self.answer, self.target))
        if answer != target:
            detail = f"no step is marked wrong, but the answer {answer[:40]!r} differs from the target {target[:40]!r}"
            raise Reject(Reason.CONTRADICTION, detail, self.target)
        return {TARGET_AXIS: 1.0}


def _use_written(written: Version) -> tuple[Version | None, str]:
    """Returns the step that a person wrote, if the solution can continue with it; or None and why not."""
    if written.verdict == "wrong":
        return None, "the written step before is wrong"
    if written.verdict is None:
        return None, "the rating of the written step before cannot be read"
    return written, ""
