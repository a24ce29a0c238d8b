"""What unify writes stays the same, for every format, any number of processes and any size of buckets.

Where a change is meant, `python -m support.small_studies` writes the hashes anew.
"""

import json
from pathlib import Path

import pytest

from support import trials
from support.small_studies import HASHES, hash_bytes, hash_study, iterate_studies, run_study

STUDIES = dict(iterate_studies())


@pytest.fixture(scope="module")
def hashes() -> dict[str, str]:
    return json.loads(HASHES.read_text(encoding="utf-8"))


def test_every_study_has_a_hash(hashes: dict[str, str]) -> None:
    assert hashes.keys() == STUDIES.keys()


@pytest.mark.parametrize("name", STUDIES)
def test_artefacts_are_as_before(name: str, hashes: dict[str, str], tmp_path: Path) -> None:
    assert hash_study(STUDIES[name], tmp_path) == hashes[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rated/3", "golden/ratings", "golden/steps"][: trials.count(1, 3)])
def test_artefacts_do_not_depend_on_processes(name: str, tmp_path: Path) -> None:
    one, two = (run_study(STUDIES[name], tmp_path / str(workers), workers) for workers in (1, 2))
    assert (hash_bytes(one[0]), one[1]) == (hash_bytes(two[0]), two[1])
