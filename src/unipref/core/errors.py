"""`UserError`, the one error that users should see.

It says what is wrong, where, and how to fix it. The command line prints it without a traceback. Any other exception is
a bug in unipref.
"""

import difflib
import re
from collections.abc import Iterable


class UserError(Exception):
    """An error that the user can fix: a setting, a file, a missing package.

    Args:
        what: what was found and what was expected, as one sentence.
        where: the file, row, field or setting it concerns.
        mend: how to fix it.
    """

    def __init__(self, what: str, *, where: str | None = None, mend: str | None = None) -> None:
        self.what, self.where, self.mend = what, where, mend
        super().__init__("\n".join(self.lines()))

    def lines(self) -> list[str]:
        """Returns the lines of the message: place and error first, then how to fix it."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        return [head, f"  {self.mend}"] if self.mend else [head]


_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Characters that control a terminal or reverse text (UAX 9), and lone surrogates, which cannot be encoded."""


def legible(text: str) -> str:
    """Replaces characters that control a terminal by their codes; keeps line ends and tabs."""
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's message without its full stop; without a message, the name of its class."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")


def near_name(name: str, known: Iterable[str]) -> str:
    """Returns 'Did you mean X?' for a similar known name, or else a sentence with all known names."""
    names = sorted(set(known))
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"Did you mean '{close[0]}'?"
    return f"Known names: {', '.join(names)}." if names else ""


def needs_extra(package: str, extra: str, used_for: str) -> UserError:
    """Returns the error for an optional package that is not installed."""
    return UserError(
        f"{used_for} needs the package '{package}', which is not installed.",
        mend=f"Install it with: pip install 'unipref[{extra}]'",
    )
