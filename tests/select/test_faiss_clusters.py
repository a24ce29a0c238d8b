"""Many rows are clustered by faiss where it is installed: the result depends on neither row order nor on a copy."""

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from unipref.select import clusters


class NearestMeans:
    """Stands in for `faiss.Kmeans`: the centres are the first rows that it is given."""

    def __init__(self, dimensions: int, count: int, **settings: Any) -> None:
        self.count, self.settings = count, settings

    def train(self, rows: "npt.NDArray[np.float32]") -> None:
        self.fitted = rows
        self.index = SimpleNamespace(search=self._search)

    def _search(self, rows: "npt.NDArray[np.float32]", k: int) -> "tuple[None, npt.NDArray[np.int64]]":
        return None, np.argmax(rows @ self.fitted[: self.count].T, axis=1)[:, None]


@pytest.fixture
def rows() -> "tuple[npt.NDArray[np.float32], npt.NDArray[np.str_]]":
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((300, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors, np.array([f"{number:032x}" for number in rng.permutation(300)])


def test_many_rows_are_clustered_by_faiss_and_few_are_not(
    rows: "tuple[npt.NDArray[np.float32], npt.NDArray[np.str_]]", monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors, ids = rows
    without = clusters.cluster(vectors, ids, 5, 2, 0)
    made: list[NearestMeans] = []

    def make(*arguments: Any, **settings: Any) -> NearestMeans:
        made.append(NearestMeans(*arguments, **settings))
        return made[-1]

    monkeypatch.setitem(sys.modules, "faiss", SimpleNamespace(Kmeans=make, __spec__=SimpleNamespace(name="faiss")))  # type: ignore[arg-type]
    assert clusters.cluster(vectors, ids, 5, 2, 0).tolist() == without.tolist()
    assert not made
    monkeypatch.setattr(clusters, "FAISS_ROWS", 300)
    monkeypatch.setattr(clusters, "FAISS_FIT_ROWS", 100)
    monkeypatch.setattr(clusters, "FAISS_FIT_ROWS_PER_CLUSTER", 30)
    monkeypatch.setattr(clusters, "ROWS_AT_ONCE", 64)
    labels = clusters.cluster(vectors, ids, 5, 2, 2**40 + 3)
    assert made[0].settings == {"seed": 3, "nredo": 2, "max_points_per_centroid": 30}
    assert made[0].fitted.tolist() == vectors[np.argsort(ids)[:150]].tolist()
    order = np.random.default_rng(1).permutation(300)
    assert clusters.cluster(vectors[order], ids[order], 5, 2, 3).tolist() == labels[order].tolist()


def test_real_faiss_finds_planted_clusters(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("faiss")
    monkeypatch.setattr(clusters, "FAISS_ROWS", 1000)
    rng = np.random.default_rng(0)
    planted = rng.integers(0, 6, 4000)
    vectors = (np.eye(6, 32)[planted] + 0.05 * rng.standard_normal((4000, 32))).astype(np.float32)
    ids = np.array([f"{number:032x}" for number in rng.permutation(4000)])
    labels = clusters.cluster(vectors, ids, 6, 5, 0)
    assert len(set(zip(labels.tolist(), planted.tolist(), strict=True))) == 6
    order = rng.permutation(4000)
    assert clusters.cluster(vectors[order], ids[order], 6, 5, 0).tolist() == labels[order].tolist()
