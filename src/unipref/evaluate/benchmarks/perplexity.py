"""Perplexity: how well does a model still predict held-out text?"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from unipref.core.chat_models import Policy, RewardModel
from unipref.core.contracts import Benchmark
from unipref.core.errors import UserError
from unipref.core.records import Reject
from unipref.core.scores import Example
from unipref.core.stats.sampling import sample_evenly
from unipref.core.stats.statistic import Statistic, pool_clusters
from unipref.evaluate.readers.documents import Document, no_text_error, read_documents
from unipref.evaluate.subsample import sampling_notes
from unipref.models.inference import Request, encode, log_likelihoods, opening_ids

DOCUMENTS_PER_CALL = 256
"""Documents scored in one call."""
MAX_DEFAULT_WINDOW = 1024
"""Maximum tokens of the default window: all its logits are in memory at once."""


class Perplexity(Benchmark):
    """Perplexity of held-out text: a rise shows what the model forgot in training.

    nats = - sum of log p of a document's tokens, each given the ones before it within a window.

    | metric | formula, over all documents | best |
    |---|---|---|
    | `nats_per_token` | sum of nats / sum of tokens | low |
    | `perplexity` | exp(nats_per_token) | low |
    | `bits_per_byte` | sum of nats / ln 2 / sum of UTF-8 bytes | low |

    The first two depend on the tokenizer: compare models with different tokenizers by `bits_per_byte` only. It is too
    low for a tokenizer that has no tokens for some of the text; a note counts its unknown tokens.

    A document that is longer than the window is scored in overlapping windows: each predicts `stride` new tokens from
    at least `window` - `stride` tokens before them. The first token is predicted from BOS, or from eos if the
    tokenizer has no BOS; the end of a document is not predicted. Slices: all, and each file. Units are documents.

    Data: a `.txt` file, which is one document; a file in any other format that sources can read, one document per row;
    or a folder of data files or, if it has none, of `.txt` files. A note counts the rows without text.
    """

    example: ClassVar[Mapping[str, Any]] = {
        "settings": {"data": "heldout.jsonl", "text": "text", "stride": 256},
        "files": {
            "documents.jsonl": [
                {"text": "The nurse was late."},
                {"text": "Who was it?"},
                {"text": "The frog is green."},
            ]
        },
    }

    data: str | None = "perplexity"
    """File or folder with the text, relative to `data_root`."""
    text: str = "text"
    """Path of the text in a row, with dots between fields; `*` matches all values of an object or list."""
    window: Annotated[int, Field(ge=2)] | None = None
    """Maximum length of a window, in tokens; None: the model's context, at most 1024."""
    stride: Annotated[int, Field(ge=1)] | None = None
    """Tokens by which the window moves; None: half the window."""
    limit: int | None = None
    """Number of documents to measure, evenly spread; None: all."""
    batch_size: int | None = None
    """Most rows of one forward pass; None: as many as a number of tokens allows."""

    def examine(self, model: Policy | RewardModel, data: Path, split: str) -> tuple[list[Example], list[str]]:
        """Scores a policy; one row is one document."""
        assert isinstance(model, Policy)
        window, stride = self._window(model)
        examples: list[Example] = []
        counts: Counter[str] = Counter()
        chunk: list[Document] = []
        for document in self._sample_documents(data, counts):
            chunk.append(document)
            if len(chunk) == DOCUMENTS_PER_CALL:
                examples += self._score_documents(model, chunk, window, stride, split, counts)
                chunk = []
        examples += self._score_documents(model, chunk, window, stride, split, counts)
        return examples, [f"windows of {window} tokens, stride {stride}.", *self._notes(counts, len(examples))]

    @classmethod
    def statistics(cls, examples: Sequence[Example]) -> Iterator[Statistic]:
        """All metrics: over all documents and per file; units are documents."""
        files = sorted({example["file"] for example in examples})
        parts = {"all": list(examples)} if examples else {}
        for file in files if len(files) > 1 else []:
            parts[f"file:{file}"] = [example for example in examples if example["file"] == file]
        for name, rows in parts.items():
            ids, nats = [row["id"] for row in rows], [row["nats"] for row in rows]
            tokens, n_bytes = [row["tokens"] for row in rows], [row["bytes"] for row in rows]
            about: dict[str, Any] = {
                "direction": "lower", "slice": name, "split": rows[0]["split"], "unit": "documents"
            }  # fmt: skip
            yield pool_clusters("nats_per_token", ids, nats, tokens, **about)
            yield pool_clusters("perplexity", ids, nats, tokens, np.exp, **about)
            yield pool_clusters("bits_per_byte", ids, np.array(nats) / math.log(2), n_bytes, **about)

    def _window(self, policy: Policy) -> tuple[int, int]:
        """Window and stride in tokens.

        Raises:
            UserError: the window is longer than the context, or the stride is not shorter than the window.
        """
        window = self.window or min(policy.context, MAX_DEFAULT_WINDOW)
        stride = self.stride or window // 2
        if window > policy.context:
            raise UserError(
                f"a window of {window} tokens is longer than the model's context of {policy.context} tokens.",
                where="evaluate.perplexity.window",
                mend="Remove the setting, or set it to the context or less.",
            )
        if stride >= window:
            raise UserError(
                f"a stride of {stride} tokens leaves no tokens to predict from in a window of {window}.",
                where="evaluate.perplexity.stride",
                mend="Set it to less than the window.",
            )
        return window, stride

    def _sample_documents(self, data: Path, counts: Counter[str]) -> Iterator[Document]:
        """The documents that the limit keeps. Counts all documents, and the empty and rejected rows."""
        n = sum(_is_text(document) for document in read_documents(data, self.text))
        if not n:
            raise no_text_error(data, self.text)
        sampled = set(sample_evenly(n, self.limit))
        counts["documents"] = n
        number = 0
        for document in read_documents(data, self.text):
            if not _is_text(document):
                counts["empty" if isinstance(document, Document) else "rejected"] += 1
                continue
            if number in sampled:
                assert isinstance(document, Document)
                yield document
            number += 1

    def _score_documents(
        self,
        policy: Policy,
        chunk: Sequence[Document],
        window: int,
        stride: int,
        split: str,
        counts: Counter[str],
    ) -> list[Example]:
        ids = [encode(policy, document.text) for document in chunk]
        requests = [split_into_windows(opening_ids(policy), tokens, window, stride) for tokens in ids]
        flat = [request for document_requests in requests for request in document_requests]
        log_p = iter(log_likelihoods(policy, flat, self.batch_size).tolist())
        unknown = policy.tokenizer.unk_token_id
        counts["tokens"] += sum(map(len, ids))
        counts["unknown"] += sum(tokens.count(unknown) for tokens in ids) if unknown is not None else 0
        return [
            {
                "split": split,
                "file": document.file,
                "id": document.id,
                "nats": -sum(next(log_p) for _ in document_requests),
                "tokens": len(tokens),
                "bytes": len(document.text.encode("utf-8", "surrogatepass")),
            }
            for document, tokens, document_requests in zip(chunk, ids, requests, strict=True)
        ]

    def _notes(self, counts: Counter[str], n: int) -> Iterator[str]:
        yield from sampling_notes(n, counts["documents"], "documents", self.limit)
        if counts["empty"]:
            yield f"{counts['empty']} documents skipped: they are empty."
        if counts["rejected"]:
            yield f"{counts['rejected']} rows skipped: they cannot be read, or have no text at '{self.text}'."
        if counts["unknown"]:
            yield (
                f"{counts['unknown']} of {counts['tokens']} tokens are unknown to the tokenizer: "
                "bits_per_byte is too low for this model."
            )


def split_into_windows(opening: Sequence[int], ids: Sequence[int], window: int, stride: int) -> list[Request]:
    """Splits a document into requests that predict each of its tokens once.

    Args:
        opening: tokens before the first one; fewer than the window.
        ids: its tokens.
        window: maximum number of tokens in a request.
        stride: maximum number of new tokens in a request, except the first one, which fills its window.
    """
    whole = [*opening, *ids]
    first = min(len(whole), window)
    requests: list[Request] = [(whole[: len(opening)], whole[len(opening) : first])]
    for start in range(first, len(whole), stride):
        end = min(start + stride, len(whole))
        requests.append((whole[max(0, end - window) : start], whole[start:end]))
    return requests


def _is_text(document: Document | Reject) -> bool:
    return isinstance(document, Document) and bool(document.text.strip())
