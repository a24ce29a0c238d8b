"""Which texts count as personal data, and that no text takes long to search."""

import time

import pytest

from unipref.clean.personal_data import KINDS, Recogniser, mask

ALL = Recogniser()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to jane.doe+x@mail.example.co.uk, or <b_b@x.de>.", "Write to [EMAIL], or <[EMAIL]>."),
        ("Call +1 415 555 2671, 0049 30 123456 or (415) 555-2671.", "Call [PHONE], [PHONE] or [PHONE]."),
        ("Tel:+442079460958", "Tel:[PHONE]"),
        ("Card 4111 1111 1111 1111, 5500-0000-0000-0004.", "Card [CARD], [CARD]."),
        ("378282246310005 and 3782 822463 10005", "[CARD] and [CARD]"),
        ("DE89 3704 0044 0532 0130 00 PLEASE", "[IBAN] PLEASE"),
        ("GB29NWBK60161331926819.", "[IBAN]."),
        ("SSN 536-90-4399, DNI 12345678Z, NIE X1234567L", "SSN [ID], DNI [ID], NIE [ID]"),
        ("RSSMRA85T10A562S; 529.982.247-25; 11010519491231002X", "[ID]; [ID]; [ID]"),
        ("From 203.0.113.9 and 2001:db8::1.", "From [IP] and [IP]."),
    ],
)
def test_recognised(text: str, expected: str) -> None:
    assert ALL.replace(text)[0] == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "No data, twice @home, a@b, x @ y.z and @app.route.",
        "Version 1.2.3 of 2020-01-05 12:30:11 costs $4,111,111.00.",
        "Pi is 3.14159265358979; 0.4111111111111111; 4111111111111111111111",
        "1234567890123456 and 4111 1111 1111 1112",  # wrong check digits
        "DE89 3704 0044 0532 0130 01",
        "SSN 000-12-3456, DNI 12345678A",
        "Time 1700000000000, std::vector, a::b, ::1, 127.0.0.1, 256.1.1.1, 10:20:30:40",
        "1 + 2 3 4 5 6 = 7",
        "0000 0000 0000 0000",
    ],
)
def test_not_recognised(text: str) -> None:
    assert ALL.find(text) == []
    assert ALL.replace(text) == (text, [])


def test_only_the_given_kinds() -> None:
    text = "a@b.org 4111111111111111"
    assert Recogniser(["card"]).replace(text) == ("a@b.org [CARD]", ["card"])
    assert Recogniser([]).find(text) == []


def test_what_surrounds_a_value_does_not_matter() -> None:
    """Values at the ends of texts, and far inside long ones, are the same values."""
    for value, kind in (("4111 1111 1111 1111", "card"), ("+44 20 7946 0958", "phone"), ("536-90-4399", "id")):
        for before in ("", "x " * 100, "12 " * 100, "(", "\n"):
            for after in ("", " x" * 100, ".", "\n", ")"):
                spans = ALL.find(before + value + after)
                if "12 " in before:
                    # The digits before may belong to it, so that another number is read.
                    continue
                assert [(span.kind, span.start, span.end) for span in spans] == [
                    (kind, len(before), len(before) + len(value))
                ]


def test_a_mask_keeps_the_form_only() -> None:
    assert mask("a.B1@x.org") == "x.x#@x.xxx"


@pytest.mark.parametrize(
    "unit", ["1 ", "a@", "1-", "A1", "AB12 ", "1.1.", ":", "+1 ", "1:", "(1", "a@b.", "a@b-", "1", "a", "a.", "2001:"]
)
def test_the_time_grows_with_the_length_alone(unit: str) -> None:
    ALL.find("+1 415 555 2671 4111111111111111 GB29NWBK60161331926819")

    def seconds(n: int) -> float:
        text = unit * (n // len(unit))
        start = time.process_time()
        ALL.find(text)
        return time.process_time() - start

    small, large = min(seconds(20_000) for _ in range(2)), seconds(160_000)
    # Eight times the length; quadratic time would be 64 times.
    assert large < 25 * small + 0.2


def test_the_kinds_are_those_of_the_settings() -> None:
    assert set(KINDS) == {"email", "phone", "card", "iban", "id", "ip"}
