"""Replaces secrets in texts that are shown or written: keys and tokens in the environment, in URLs and by their shape.

A secret that no environment variable holds, and that has no known shape, is not recognised.
"""

import html
import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

REDACTED = "REDACTED"
"""Replaces a secret. A plain word, so that YAML, JSON, Markdown, HTML and URLs stay what they are."""
SHORTEST = 8
"""Fewest characters of an environment variable's value that counts as a secret."""
_NAMES = re.compile(
    r"(^|_)(TOKEN|KEY|APIKEY|SECRET|PASSWD|PASSPHRASE|CREDENTIALS?|PAT)$|PASSWORD|SECRET|ACCESS_KEY|API_KEY",
    re.IGNORECASE,
)
"""Names of environment variables that hold secrets."""
_QUERY = re.compile(
    r"([?&;][^=&;\s]*(?:token|key|secret|signature|password|passwd|credential|auth|\bsig)[^=&;\s]*=)[^&;#\s\"'<>]+",
    re.IGNORECASE,
)
"""A parameter of a URL, such as `?token=` or `&X-Amz-Signature=`."""
_USER = re.compile(r"(\w://)[^\s/@:\"'<>]*:[^\s/@\"'<>]+@")
"""User and password before the host of a URL."""
_SHAPES = re.compile(
    r"""\b(?:
        hf_[A-Za-z0-9]{16,}                              # Hugging Face
      | api_org_[A-Za-z0-9]{16,}
      | gh[pousr]_[A-Za-z0-9]{20,} | github_pat_\w{20,}  # GitHub
      | glpat-[\w-]{16,}                                 # GitLab
      | sk-(?=[\w-]*\d)(?:[A-Za-z]+-)*[A-Za-z0-9_]{16,}[\w-]*  # OpenAI, Anthropic
      | (?:AKIA|ASIA)[0-9A-Z]{16}                        # AWS
      | AIza[\w-]{30,}                                   # Google
      | xox[abeprs]-[\w-]{10,}                           # Slack
      | eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}            # a JSON web token
    )|-----BEGIN\ [A-Z ]*PRIVATE\ KEY-----.*?(?:-----END\ [A-Z ]*PRIVATE\ KEY-----|\Z)""",
    re.VERBOSE | re.DOTALL,
)
"""Keys that can be told by their shape."""
_HINTS = (
    "://",
    "?",
    "&",
    ";",
    "hf_",
    "api_org_",
    "gh",
    "glpat-",
    "sk-",
    "AKIA",
    "ASIA",
    "AIza",
    "xox",
    "eyJ",
    "-----BEGIN",
)
"""A text without one of these has no secret of a known shape."""


_remembered: set[str] = set()
"""Secrets that no environment variable holds, such as the token of a login."""


def remember(secret: str) -> None:
    """Hides a secret in all texts from now on, like one in the environment."""
    if secret.strip() not in _remembered and len(secret.strip()) >= SHORTEST:
        _remembered.add(secret.strip())
        _cached[0] = None


def hide_secrets(text: str) -> str:
    """Returns a text with REDACTED in place of each secret."""
    for secret in _read_environment():
        if secret[:SHORTEST] in text:
            text = _replace(text, secret)
    if any(hint in text for hint in _HINTS):
        text = _USER.sub(rf"\1{REDACTED}@", text)
        text = _QUERY.sub(rf"\1{REDACTED}", text)
        text = _SHAPES.sub(REDACTED, text)
    return text


def hide_secrets_in(value: Any) -> Any:
    """Returns a JSON value with the secrets in its texts replaced; keys too, unless two would become equal."""
    if isinstance(value, str):
        return hide_secrets(value)
    if isinstance(value, Mapping):
        keys = [hide_secrets(key) if isinstance(key, str) else key for key in value]
        if len(set(keys)) < len(keys):
            keys = [f"{key} {number}" for number, key in enumerate(keys, 1)]
        return {key: hide_secrets_in(inner) for key, inner in zip(keys, value.values(), strict=True)}
    if isinstance(value, list | tuple):
        return [hide_secrets_in(inner) for inner in value]
    return value


def _replace(text: str, secret: str) -> str:
    """Replaces a secret, also where a shortened text shows only its beginning and an ellipsis."""
    head, parts, start = secret[:SHORTEST], list[str](), 0
    while (place := text.find(head, start)) >= 0:
        end = place + SHORTEST
        while end - place < len(secret) and end < len(text) and text[end] == secret[end - place]:
            end += 1
        is_whole = end - place == len(secret)
        is_cut = text.startswith(("…", " …", "..."), end)
        parts += [text[start:place], REDACTED if is_whole or is_cut else text[place:end]]
        start = end
    return "".join([*parts, text[start:]])


def _read_environment() -> list[str]:
    """The secrets in the environment, as they are and as JSON, Python, HTML and URLs write them; the longest first.

    They are found again only if the environment has changed: every text that is shown passes through here.
    """
    # The mapping below `os.environ` compares in microseconds; reading `os.environ` decodes every variable.
    variables = getattr(os.environ, "_data", os.environ)
    if _cached[0] != variables:
        secrets = [value for name, value in os.environ.items() if _NAMES.search(name) and _is_secret(value)]
        values = {form for value in (*secrets, *_remembered) for form in _forms(value.strip())}
        _cached[:] = [dict(variables), sorted(values, key=lambda value: (-len(value), value))]
    secrets_by_length: list[str] = _cached[1]
    return secrets_by_length


_cached: list[Any] = [None, []]
"""The environment as it was read last, and its secrets."""


def _is_secret(value: str) -> bool:
    """Whether a variable's value may be a secret: long enough, and not the path of a file that holds one."""
    value = value.strip()
    return len(value) >= SHORTEST and not (value.startswith(("/", "~")) and os.path.exists(os.path.expanduser(value)))


def _forms(value: str) -> Iterator[str]:
    yield from (value, quote(value, safe=""), quote(value), html.escape(value))
    yield from (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1])
