"""Recognises personal data in texts by their form: addresses, and numbers with their check digits.

It recognises no names, postal addresses, birthdays or user names, and phone numbers only as `PHONE` describes. A text
without anything recognised may still have personal data.
"""

import bisect
import functools
import ipaddress
import re
from collections.abc import Callable, Collection, Iterator
from typing import Any, Literal, NamedTuple

Kind = Literal["email", "phone", "card", "iban", "id", "ip"]
KINDS: tuple[Kind, ...] = ("email", "iban", "card", "id", "phone", "ip")
"""In order of precedence: of two that overlap, the earlier kind counts."""

_EMAIL = re.compile(
    r"(?<![\w.%+'-])\w(?:[\w.%+'-]{0,62}[\w+-])?@(?:\w(?:[\w-]{0,61}\w)?\.){1,8}[^\W\d_]{2,24}(?![\w@])", re.UNICODE
)
_DENSE = re.compile(r"[0-9](?:[ .()/+A-Z-]{0,2}[0-9]){4,}")
"""Five digits close together: every number of a card, an account, an identity or a phone is near such a place."""
AROUND = 48
"""Characters around such a place in which a number may begin and end."""
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)")
_CARD = re.compile(
    r"(?<![\w.,+/-])(?:(?:\d{4}[ -]){3}\d{4}(?:[ -]?\d{3})?|\d{4}[ -]\d{6}[ -]\d{4,5}|\d{13,19})(?![\w/]|[.,-]\d)"
)
_ISSUER = re.compile(r"3[0-9]|4|5[0-9]|6[0-9]|2[2-7]|81|9792")
"""First digits of the numbers of payment cards (ISO/IEC 7812)."""
PHONE = re.compile(
    r"""(?<![\w+.,-])(?:
        (?P<international>(?:\+|00)\ ?\(?[1-9](?:[ .()/-]{0,2}\d){6,14})
      | (?P<american>(?:1[ .-])?(?:\([2-9]\d{2}\)\ ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4})
    )(?![\w]|[.,-]\d)""",
    re.VERBOSE,
)
"""Numbers with their country code (`+44 20 ...`, `0044 20 ...`), and those of North America with their separators."""
_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)")
_IPV4_HINT = re.compile(r"[0-9]\.[0-9]{1,3}\.[0-9]")
_IPV6_HINT = re.compile(r"[0-9A-Fa-f]:[0-9A-Fa-f]{0,4}:")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
FEWEST_PARTS_IPV6 = 3
"""Fewer parts are more often names of code, such as `add::face`."""
_ID_HINT = re.compile(r"[0-9](?:[ ./+-]?[0-9A-Z]){6,}")
_IDS = {
    "us.ssn": r"\d{3}-\d{2}-\d{4}",
    "ca.sin": r"\d{3}[ -]\d{3}[ -]\d{3}",
    "mx.curp": r"[A-Z]{4}\d{6}[HM][A-Z]{5}[0-9A-Z]\d",
    "br.cpf": r"\d{3}\.\d{3}\.\d{3}-\d{2}",
    "cl.rut": r"\d{1,2}\.\d{3}\.\d{3}-[\dkK]",
    "es.dni": r"\d{8}-?[A-Z]",
    "es.nie": r"[XYZ]-?\d{7}-?[A-Z]",
    "it.codicefiscale": r"[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]",
    "fr.nir": r"[12] ?\d{2} ?\d{2} ?\d[\dAB] ?\d{3} ?\d{3} ?\d{2}",
    "be.nn": r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}|\d{11}",
    "de.idnr": r"\d{2} \d{3} \d{3} \d{3}|\d{11}",
    "pl.pesel": r"\d{11}",
    "no.fodselsnummer": r"\d{6} ?\d{5}",
    "tr.tckimlik": r"\d{11}",
    "ee.ik": r"\d{11}",
    "lt.asmens": r"\d{11}",
    "se.personnummer": r"(?:\d{2})?\d{6}[-+]\d{4}",
    "fi.hetu": r"\d{6}[-+A-FU-Y]\d{3}[0-9A-Z]",
    "cz.rc": r"\d{6}/\d{3,4}",
    "ro.cnp": r"\d{13}",
    "za.idnr": r"\d{13}",
    "th.pin": r"\d-\d{4}-\d{5}-\d{2}-\d",
    "in_.aadhaar": r"\d{4}[ -]\d{4}[ -]\d{4}",
    "cn.ric": r"\d{17}[\dX]",
    "kr.rrn": r"\d{6}-\d{7}",
}
"""Module of python-stdnum -> the form in which its numbers of persons are recognised. All but that of the USA have
check digits; forms without separators that one number in ten would fit by chance are left out."""
_ID = {module: re.compile(rf"(?<![\w.,+-])(?:{form})(?![\w]|[.,-]\d)") for module, form in _IDS.items()}


class Span(NamedTuple):
    """Where a text has personal data."""

    start: int
    end: int
    kind: Kind


class Recogniser:
    """Finds personal data of some kinds, and replaces them.

    Args:
        kinds: what to look for.
    """

    def __init__(self, kinds: Collection[Kind] = KINDS) -> None:
        self._finders = [(kind, _FINDERS[kind]) for kind in KINDS if kind in kinds]

    def find(self, text: str) -> list[Span]:
        """Returns the places of a text's personal data, in order; they do not overlap."""
        spans = list[Span]()
        dense = _find_windows(text)
        for kind, find in self._finders:
            for start, end in find(text, dense):
                place = bisect.bisect_left(spans, (start,))
                is_after_last = place == 0 or spans[place - 1].end <= start
                if is_after_last and (place == len(spans) or end <= spans[place].start):
                    spans.insert(place, Span(start, end, kind))
        return spans

    def replace(self, text: str) -> tuple[str, list[Kind]]:
        """Replaces each value by a placeholder such as `[EMAIL]`; returns the text and the kind of each value."""
        spans = self.find(text)
        parts, end = list[str](), 0
        for span in spans:
            parts += [text[end : span.start], f"[{span.kind.upper()}]"]
            end = span.end
        return "".join([*parts, text[end:]]) if spans else text, [span.kind for span in spans]


def mask(value: str) -> str:
    """Returns the form of a value without its content: `#` for each digit, `x` for each letter."""
    return "".join("#" if c.isdigit() else "x" if c.isalpha() else c for c in value)


Window = tuple[int, int]
"""A part of a text, from a character to another."""


def _find_windows(text: str) -> list[Window]:
    """Returns the parts of a text around close digits; numbers are only searched there, which is quicker."""
    windows: list[Window] = []
    for match in _DENSE.finditer(text):
        start, end = max(0, match.start() - AROUND), min(len(text), match.end() + AROUND)
        if windows and start <= windows[-1][1]:
            windows[-1] = (windows[-1][0], end)
        else:
            windows.append((start, end))
    return windows


def _search(pattern: re.Pattern[str], text: str, windows: list[Window]) -> Iterator[re.Match[str]]:
    """Yields the matches within the windows; one that a window may cut is left out."""
    for start, end in windows:
        for match in pattern.finditer(text, start, end):
            if match.end() < end or end == len(text):
                yield match


def _find_emails(text: str, windows: list[Window]) -> Iterator[Window]:
    del windows
    return (match.span() for match in _EMAIL.finditer(text)) if "@" in text else iter(())


def _find_ibans(text: str, windows: list[Window]) -> Iterator[Window]:
    for match in _search(_IBAN, text, windows):
        value = match[0]
        # A word in capitals after the number fits the form of its last groups.
        while value and not _is_valid("iban", value):
            value = value.rpartition(" ")[0]
        if value:
            yield match.start(), match.start() + len(value)


def _find_cards(text: str, windows: list[Window]) -> Iterator[Window]:
    for match in _search(_CARD, text, windows):
        digits = re.sub("[ -]", "", match[0])
        if _ISSUER.match(digits) and len(set(digits)) > 1 and _is_valid("luhn", digits):
            yield match.span()


def _find_ids(text: str, windows: list[Window]) -> Iterator[Window]:
    windows = [window for window in windows if _ID_HINT.search(text, *window)]
    for module, form in _ID.items() if windows else ():
        for match in _search(form, text, windows):
            if len(set(match[0])) > 2 and _is_valid(module, match[0]):
                yield match.span()


def _find_phones(text: str, windows: list[Window]) -> Iterator[Window]:
    for match in _search(PHONE, text, windows):
        if _is_phone(match[0], match["american"] is not None):
            yield match.span()


def _is_phone(number: str, is_american: bool) -> bool:
    import phonenumbers

    number = number if is_american else re.sub("^00", "+", number)
    try:
        parsed = phonenumbers.parse(number, "US" if is_american else None)
    except phonenumbers.NumberParseException:
        return False
    return bool(phonenumbers.is_valid_number(parsed))


def _find_ip_addresses(text: str, windows: list[Window]) -> Iterator[Window]:
    del windows
    if _IPV4_HINT.search(text):
        yield from (match.span() for match in _IPV4.finditer(text) if _is_address(match[0]))
    if _IPV6_HINT.search(text):
        for match in _IPV6.finditer(text):
            has_parts = len([part for part in match[0].split(":") if part]) >= FEWEST_PARTS_IPV6
            if has_parts and re.search("[0-9]", match[0]) and _is_address(match[0]):
                yield match.span()


def _is_address(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified or address.is_multicast or text.endswith(".255.255"))


def _is_valid(module: str, value: str) -> bool:
    return bool(_find_module(module).is_valid(value))


@functools.cache
def _find_module(name: str) -> Any:
    """The module of python-stdnum with a name such as `luhn` or `us.ssn`."""
    import stdnum
    from stdnum import iban, luhn

    country, _, number = name.rpartition(".")
    return stdnum.get_cc_module(country, number) if country else {"iban": iban, "luhn": luhn}[name]


_FINDERS: dict[Kind, Callable[[str, list[Window]], Iterator[Window]]] = {
    "email": _find_emails,
    "iban": _find_ibans,
    "card": _find_cards,
    "id": _find_ids,
    "phone": _find_phones,
    "ip": _find_ip_addresses,
}
