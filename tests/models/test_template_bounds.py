"""A chat template that never ends, or that fills the memory, is refused when the tokenizer is opened."""

import shutil
import sys
from pathlib import Path

import pytest

from unipref.core.errors import UserError
from unipref.models import template_bounds
from unipref.models.loading import load_tokenizer

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of a process are Linux's")


def model_with_template(model: Path, folder: Path, template: str) -> str:
    shutil.copytree(model, folder)
    (folder / "chat_template.jinja").write_text(template)
    return str(folder)


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{{ 'x' * 9999999999 }}",
    ],
)
def test_a_template_without_end_is_refused(
    tiny_model: Path, tmp_path: Path, template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(template_bounds, "MAX_CPU_SECONDS", 1)
    with pytest.raises(UserError, match="the chat template takes more than 1 s or 1024 MiB for a short dialogue"):
        load_tokenizer(model_with_template(tiny_model, tmp_path / "m", template))


def test_a_template_that_refuses_a_dialogue_is_accepted(tiny_model: Path, tmp_path: Path) -> None:
    template = "{{ raise_exception('no') if messages | length > 1 }}{{ messages[0]['content'] }}"
    tokenizer, _ = load_tokenizer(model_with_template(tiny_model, tmp_path / "m", template))
    assert tokenizer.apply_chat_template([{"role": "user", "content": "a"}], tokenize=False) == "a"
