"""Languages: what is named, what is not, and a draw that no order of rows changes."""

import pytest

from unipref.analysis.audit import languages
from unipref.analysis.audit.languages import LanguageSample, detect_language


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("Could you tell me which trains leave for Paris tomorrow morning?", "en"),
        ("Welche Züge fahren morgen früh nach Paris, und was kostet die Fahrt?", "de"),
        ("¿Puedes decirme qué trenes salen mañana por la mañana hacia París?", "es"),
        ("请告诉我明天早上有哪些火车开往巴黎。", "zh"),
        ("Какие поезда отправляются завтра утром в Париж?", "ru"),
        ("Hello there", "unknown"),  # ten letters
        ("2 + 2 * 17 = ?, 4 / 3, 99 - 1, 1234567890", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_language_is_named_or_said_to_be_unknown(content, code):
    assert detect_language(content) == code


def test_the_draw_is_bounded_and_blind_to_order_and_repeats(monkeypatch):
    looked_at = []
    monkeypatch.setattr(languages, "SAMPLE", 5)
    monkeypatch.setattr(languages, "detect_language", lambda prompt: looked_at.append(prompt) or prompt[-1])
    prompts = [f"prompt {i % 30}" for i in range(60)]
    forwards, backwards = LanguageSample(), LanguageSample()
    for prompt in prompts:
        forwards.add(prompt)
    assert len(looked_at) < 30
    for prompt in reversed(prompts):
        backwards.add(prompt)
    assert forwards.count_languages(30) == backwards.count_languages(30)
    assert forwards.count_languages(30).sampled == sum(forwards.count_languages(30).found.values()) == 5


def test_the_commonest_language_comes_first(monkeypatch):
    monkeypatch.setattr(languages, "detect_language", lambda prompt: prompt[:2])
    sample = LanguageSample()
    for prompt in ("de 1", "en 1", "en 2", "ar 1", "en 2"):
        sample.add(prompt)
    found = sample.count_languages(4)
    assert list(found.found.items()) == [("en", 2), ("ar", 1), ("de", 1)]
    assert (found.sampled, found.prompts) == (4, 4)
