"""A model folder that does not exist is named at once, with the near name; the hub is not asked for it."""

from pathlib import Path

import pytest

from unipref.core.errors import UserError
from unipref.models import loading
from unipref.models.missing_folders import is_missing_folder, suggest_folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "first" / "train").mkdir(parents=True)
    (tmp_path / "runs" / ".locks").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("runs/frst", "In runs: Did you mean 'first'?"),
        ("runs/nope", "In runs: Known names: first."),
        ("runs/first/tran/main", "In runs/first: Did you mean 'train'?"),
        ("./rums/first", "Did you mean 'runs'?"),
    ],
)
def test_a_missing_folder_is_an_error_with_the_near_name(name: str, mend: str) -> None:
    with pytest.raises(UserError, match="the model folder does not exist") as caught:
        loading.load_policy(name)
    assert caught.value.mend == mend


def test_a_folder_without_neighbours_suggests_nothing(here: Path) -> None:
    (here / "models").mkdir()
    assert suggest_folder("models/a") == ""
    with pytest.raises(UserError) as caught:
        loading.check_name("models/a")
    assert caught.value.mend == "Give a model folder or a hub name like org/name."


def test_names_of_the_hub_pass(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("org/name", "gpt2", "org/name@main"):
        loading.check_name(name)
    # A folder here may be called like an organisation whose model was fetched before.
    monkeypatch.setattr("unipref.models.missing_folders._is_in_cache", lambda name: name == "runs/nope")
    loading.check_name("runs/nope@main")
    assert is_missing_folder("runs/other")
    assert not is_missing_folder("runs/first")
