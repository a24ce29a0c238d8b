"""What a dry run says of stages that it cannot know to be done."""

from typing import Any

from unipref.core.stage_cache import PendingStage
from unipref.pipeline.dry_run import find_maybe_done, format_estimate


def test_stages_behind_unknown_content_may_be_done_and_those_behind_a_key_are_not() -> None:
    pending = [
        PendingStage("unified", "a1", {"settings": {}}),
        PendingStage("clean", "b2", {"unified": "a1"}),
        PendingStage("selected/main/0", "c3", {"cleaned": "of b2"}),
        PendingStage("train/main/0/sft", "d4", {"rows": ["train of c3"]}),
        PendingStage("evaluated/main/0/sft/x", "e5", {"model": "d4"}),
        PendingStage("evaluated/base/x", "f6", {"model": "other"}),
    ]
    assert find_maybe_done(pending) == ["selected/main/0", "train/main/0/sft", "evaluated/main/0/sft/x"]
    assert find_maybe_done(pending[:1]) == []


def test_an_estimate_that_is_a_limit_says_at_most() -> None:
    stages = [{"name": "clean", "done": False, "seconds": 60.0, "bytes": 10}]
    about: dict[str, Any] = {"stages": stages, "to_do": 1, "seconds": 60.0, "bytes": 10, "unknown": 0, "free": 1000}
    text = format_estimate(about | {"maybe_done": 1})
    assert "\nAt most about 60 s and" in text
    assert "1 of the stages to do are done already if the stages before them give the same data again." in text
    text = format_estimate(about | {"maybe_done": 0})
    assert "\nAbout 60 s and" in text
    assert "done already if" not in text
