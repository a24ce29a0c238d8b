"""Secrets of the environment, of URLs and of known shapes are replaced; other texts stay as they are."""

import pytest

from unipref.core.errors import UserError
from unipref.core.secrets import REDACTED, hide_secrets, hide_secrets_in

HF = "hf_" + "AbCdEfGhIjKlMnOpQrStUvWxYz01234567"
SK = "sk-" + "proj-Ab12Cd34Ef56Gh78Ij90Kl12"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"token {HF}.", f"token {REDACTED}."),
        (f"key={SK}", f"key={REDACTED}"),
        ("ghp_" + "a1" * 18, REDACTED),
        ("AKIA" + "ABCDEFGH12345678", REDACTED),
        ("https://me:pass@host/x", f"https://{REDACTED}@host/x"),
        ("https://h/x?token=abc&b=1", f"https://h/x?token={REDACTED}&b=1"),
        ("s3://b/k?X-Amz-Signature=0a1b&X-Amz-Date=1", f"s3://b/k?X-Amz-Signature={REDACTED}&X-Amz-Date=1"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----", REDACTED),
    ],
)
def test_known_shapes(text: str, expected: str) -> None:
    assert hide_secrets(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "sk-learn-is-a-library-for-python",
        "hf_home",
        "https://huggingface.co/datasets/x?split=train",
        "mail@example.org",
        "Is it token=abc? Yes.",
        "a key: value",
        "5:30 at://noon",
    ],
)
def test_other_texts_stay(text: str) -> None:
    assert hide_secrets(text) == text


@pytest.mark.parametrize("name", ["HF_TOKEN", "WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY", "MY_SECRET", "DB_PASSWORD_2"])
def test_values_of_the_environment(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    value = 'pla"nted & value'
    monkeypatch.setenv(name, value)
    assert hide_secrets(f"<{value}>") == f"<{REDACTED}>"
    assert hide_secrets(str([value])) == f"['{REDACTED}']"
    assert hide_secrets("pla%22nted%20%26%20value") == REDACTED
    assert hide_secrets("cut: pla&quot;nted &am…") == f"cut: {REDACTED}…"
    assert hide_secrets(value[:9]) == value[:9]
    assert hide_secrets_in({value: [value, 1]}) == {REDACTED: [REDACTED, 1]}
    assert str(UserError(f"no {value}.", where=value)) == f"{REDACTED}: no {REDACTED}."


def test_short_values_paths_and_other_variables_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X_TOKEN", "short")
    monkeypatch.setenv("X_KEY", "/usr/bin")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false-or-true")
    assert hide_secrets("short /usr/bin false-or-true") == "short /usr/bin false-or-true"


def test_two_keys_never_become_one() -> None:
    values = hide_secrets_in({f"a {HF}": 1, f"a {HF[:-1]}9": 2})
    assert sorted(values.values()) == [1, 2]
