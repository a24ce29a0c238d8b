"""Commits, files, retries, resumed downloads, offline work and private repositories, through the real client."""

import json
from pathlib import Path

import pytest

from support.hub_server import Fault, Hub
from unipref.core.errors import UserError
from unipref.core.hub import (
    Address,
    fetch,
    list_files,
    match_files,
    parse_address,
    parse_model,
    pin_in,
    resolve,
)
from unipref.core.hub.commits import repo_folder
from unipref.core.hub.pins import save_pins

DATA = Address("dataset", "owner/data")
LARGE = bytes(range(256)) * 20000


def go_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hf://datasets/a/b", Address("dataset", "a/b")),
        ("hf://datasets/a/b/data/x-*.parquet", Address("dataset", "a/b", "main", "data/x-*.parquet")),
        ("hf://datasets/a/b@v1.0/x.csv", Address("dataset", "a/b", "v1.0", "x.csv")),
        ("hf://datasets/a/b@refs/convert/parquet/default/t.parquet",
         Address("dataset", "a/b", "refs/convert/parquet", "default/t.parquet")),
        ("hf://datasets/a/b@refs%2Fpr%2F3/x", Address("dataset", "a/b", "refs/pr/3", "x")),
    ],
)  # fmt: skip
def test_addresses_are_read_as_the_hub_writes_them(text: str, expected: Address) -> None:
    assert parse_address(text, "here") == expected


@pytest.mark.parametrize("text", ["hf://a/b/x.csv", "hf://datasets/a", "hf://datasets/a/b/../../x", "hf://datasets//b"])
def test_other_addresses_are_errors_that_show_the_form(text: str) -> None:
    with pytest.raises(UserError, match=r"sources\.0\.path: .*is not the address of data on the hub") as caught:
        parse_address(text, "sources.0.path")
    assert "hf://datasets/OWNER/NAME/FILE" in str(caught.value)


def test_two_revisions_are_an_error() -> None:
    with pytest.raises(UserError, match="two revisions, 'v1' and 'v2'"):
        parse_model("a/b@v1", "model", "v2")
    assert parse_model("a/b@v1", "model", "v1") == parse_model("a/b", "model", "v1") == Address("model", "a/b", "v1")


def test_a_name_is_resolved_once_and_a_run_keeps_its_commit(hub: Hub, tmp_path: Path) -> None:
    first = hub.add("dataset", DATA.repo, {"x.csv": b"a\n1\n"})
    run = tmp_path / "run"
    with pin_in(run):
        assert resolve(DATA) == first
        assert not run.exists()
        run.mkdir()
        save_pins()
    second = hub.add("dataset", DATA.repo, {"x.csv": b"a\n2\n"})
    with pin_in(run):
        assert resolve(DATA) == first
        assert (fetch(DATA, first, ["x.csv"]) / "x.csv").read_bytes() == b"a\n1\n"
    assert json.loads((run / "hub.json").read_text()) == {"datasets/owner/data@main": first}
    with pin_in(tmp_path / "other"):
        assert resolve(DATA) == second
    asked = [one for one in hub.requests if "/revision/main" in one]
    assert len(asked) == 2


def test_the_pin_of_another_process_is_used(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = hub.add("dataset", DATA.repo, {"x.csv": b"a\n1\n"})

    def ask(address: Address) -> str:
        (tmp_path / "hub.json").write_text(json.dumps({address.key: first}))
        return hub.add("dataset", DATA.repo, {"x.csv": b"a\n2\n"})

    monkeypatch.setattr("unipref.core.hub.commits._ask", ask)
    with pin_in(tmp_path):
        assert resolve(DATA) == first


def test_a_reader_of_a_run_uses_its_pins_and_adds_none(hub: Hub, tmp_path: Path) -> None:
    first = hub.add("dataset", DATA.repo, {"x.csv": b"a\n1\n"})
    with pin_in(tmp_path, save=False):
        assert resolve(DATA) == first
    assert list(tmp_path.iterdir()) == [tmp_path / "home"]
    second = hub.add("dataset", DATA.repo, {"x.csv": b"a\n2\n"})
    with pin_in(tmp_path):
        assert resolve(DATA) == second
    hub.add("dataset", DATA.repo, {"x.csv": b"a\n3\n"})
    with pin_in(tmp_path, save=False):
        assert resolve(DATA) == second


def test_every_try_prints_a_line_and_the_last_failure_says_what_failed(
    hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    commit = hub.add("dataset", DATA.repo, {"x.csv": b"a\n1\n"})
    hub.faults = [Fault(r"GET datasets/owner/data/resolve/.*x\.csv", status=503, times=2)]
    fetch(DATA, commit, ["x.csv"])
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        f"fetching the dataset owner/data at {commit[:12]}: 1 file, 4 B",
        "owner/data: x.csv: try 1 of 5 failed (the hub answered 503); next in 0 s",
        "owner/data: x.csv: try 2 of 5 failed (the hub answered 503); next in 0 s",
    ]
    hub.add("dataset", "owner/other", {"y.csv": b"a\n"})
    hub.faults = [Fault("revision/main", status=500, times=9)]
    with pytest.raises(UserError, match=r"revision main failed after 5 tries \(the hub answered 500\)"):
        resolve(Address("dataset", "owner/other"))


def test_a_file_goes_on_where_an_earlier_try_ended(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    commit = hub.add("model", "owner/model", {"model.safetensors": LARGE})
    model = Address("model", "owner/model")
    hub.faults = [Fault("GET .*safetensors", cut=3_000_000), Fault("GET .*safetensors", cut=1_000_000)]
    folder = fetch(model, commit, ["model.safetensors"], verify=True)
    assert (folder / "model.safetensors").read_bytes() == LARGE
    assert hub.ranges == ["bytes=3000000-", "bytes=4000000-"]
    assert "resumed at 3.0 MB" in capsys.readouterr().err
    assert not list(folder.parents[1].rglob("*unipref-part"))


def test_a_part_of_another_content_is_fetched_anew(hub: Hub) -> None:
    commit = hub.add("model", "owner/model", {"model.safetensors": LARGE})
    model = Address("model", "owner/model")
    (file,) = (list_files(model, commit) or {}).values()
    part = repo_folder(model) / "blobs" / f"{file.etag}.unipref-part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 1000)
    assert (fetch(model, commit, [file.path]) / file.path).read_bytes() == LARGE


def test_offline_work_needs_the_cache_alone_and_names_the_missing_file(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = hub.add("dataset", DATA.repo, {"x.csv": b"a\n1\n", "y.csv": b"a\n"})
    fetch(DATA, resolve(DATA), ["x.csv"])
    hub.requests.clear()
    go_offline(monkeypatch)
    assert resolve(DATA) == commit
    assert fetch(DATA, commit, ["x.csv"], verify=True).name == commit
    with pytest.raises(UserError) as caught:
        fetch(DATA, commit, ["x.csv", "y.csv"])
    text = str(caught.value)
    assert f"the file y.csv of the dataset owner/data at {commit[:12]} is not in the cache" in text
    assert f"hf download owner/data y.csv --repo-type dataset --revision {commit}" in text
    with pytest.raises(UserError, match=r"the dataset owner/none \(main\) is not in the cache, and HF_HUB_OFFLINE"):
        resolve(Address("dataset", "owner/none"))
    assert hub.requests == []


def test_a_private_repository_needs_the_token_and_no_text_shows_it(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hub.add("dataset", "owner/secret", {"x.csv": b"a\n"}, is_private=True)
    secret = Address("dataset", "owner/secret")
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(UserError, match="is not on the hub, or it is private") as caught:
        resolve(secret)
    assert "set HF_TOKEN, or log in with: hf auth login" in str(caught.value)
    (tmp_path / "home").mkdir(exist_ok=True)
    (tmp_path / "home" / "token").write_text(hub.token)  # as `hf auth login` stores it
    assert (fetch(secret, resolve(secret), ["x.csv"]) / "x.csv").read_bytes() == b"a\n"
    assert hub.token not in str(UserError(f"the header was Bearer {hub.token}."))
    for path in (tmp_path / "home").rglob("*"):
        assert path.name == "token" or not path.is_file() or hub.token.encode() not in path.read_bytes()


def test_names_that_are_not_there(hub: Hub) -> None:
    commit = hub.add("dataset", DATA.repo, {"data/train.csv": b"a\n", ".gitattributes": b""})
    with pytest.raises(UserError, match="has no revision 'v9'"):
        resolve(Address("dataset", DATA.repo, "v9"))
    with pytest.raises(UserError, match=r"has no file 'data/trian\.csv'") as caught:
        match_files(DATA, commit, ["data/trian.csv"], "sources.0.path")
    assert "Did you mean 'data/train.csv'?" in str(caught.value)
    assert match_files(DATA, commit, ["data"], "x") == match_files(DATA, commit, ["*.csv"], "x") == ["data/train.csv"]


def test_a_changed_file_of_the_cache_is_an_error(hub: Hub) -> None:
    commit = hub.add("dataset", DATA.repo, {"x.csv": b"a\n1\n"})
    file = fetch(DATA, commit, ["x.csv"], verify=True) / "x.csv"
    file.resolve().write_bytes(b"a\n2\n")
    assert fetch(DATA, commit, ["x.csv"])
    with pytest.raises(UserError, match=r"x\.csv was changed: it is not the file of the dataset owner/data"):
        fetch(DATA, commit, ["x.csv"], verify=True)


def test_a_commit_that_is_gone_names_the_pin(hub: Hub, tmp_path: Path) -> None:
    hub.add("dataset", DATA.repo, {"x.csv": b"a\n1\n"})
    with pytest.raises(UserError, match="which this run pinned main, is no longer on the hub"):
        list_files(DATA, "0" * 40)


def test_corrupt_pins_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "hub.json").write_text("[1]")
    with pytest.raises(UserError, match=r"hub\.json: the file is corrupt"), pin_in(tmp_path):
        pass
