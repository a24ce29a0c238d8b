"""Bounds on a model's chat template, which is a program that came with the model: time and memory of one rendering."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from unipref.core.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MAX_CPU_SECONDS = 5
MAX_SECONDS = 30
MAX_BYTES = 1 << 30
PROBES = (
    [{"role": "user", "content": "a"}],
    [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
)
"""Dialogues that are rendered; a template that loops without end does so for short ones too."""
_within_bounds: set[str] = set()
"""Templates, with the special tokens that they render, that this process has found to end: a fork takes long."""


def check_template_bounds(tokenizer: "PreTrainedTokenizerBase", name: str) -> None:
    """Renders two short dialogues in a child process with limits of time and memory.

    Nothing can stop a rendering inside this process. Only Linux has these limits; elsewhere nothing is checked.

    Args:
        tokenizer: with a chat template.
        name: the model's, for errors.

    Raises:
        UserError: the template takes too long or too much memory.
    """
    if not sys.platform.startswith("linux") or not tokenizer.chat_template:
        return
    template = repr((tokenizer.chat_template, tokenizer.special_tokens_map))
    if template in _within_bounds:
        return
    child = os.fork()
    if child == 0:
        _render_within_limits(tokenizer)
    if not _ends_well(child):
        raise UserError(
            f"the chat template takes more than {MAX_CPU_SECONDS} s or {MAX_BYTES >> 20} MiB for a short dialogue.",
            where=f"{name}: chat_template",
            mend="Correct the chat template, or remove it to use unipref's own.",
        )
    _within_bounds.add(template)


def _render_within_limits(tokenizer: "PreTrainedTokenizerBase") -> None:
    """Renders the probes and ends this process, which is a fork: with status 1 only if a limit was reached."""
    import resource

    status = 0
    try:
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)
        used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_DATA, (used + MAX_BYTES, used + MAX_BYTES))
        spent = resource.getrusage(resource.RUSAGE_SELF)
        seconds = int(spent.ru_utime + spent.ru_stime) + MAX_CPU_SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        for probe in PROBES:
            try:
                tokenizer.apply_chat_template(list(probe), tokenize=False)
            except MemoryError:
                status = 1
            except Exception:  # a template may refuse a dialogue; whoever renders one handles that
                continue
    finally:
        os._exit(status)


def _ends_well(child: int) -> bool:
    """Waits for the child, and ends it if it takes too long. Returns whether it ended with status 0."""
    deadline = time.monotonic() + MAX_SECONDS
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status == 0
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False
