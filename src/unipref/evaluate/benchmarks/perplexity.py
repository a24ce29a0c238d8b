"""Perplexity: how well does a model still predict text that it was not trained on?"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from unipref.core.contracts import Benchmark
from unipref.core.errors import UserError
from unipref.core.records import Reject
from unipref.core.scores import Example
from unipref.core.stats.bootstrap import Statistic, pooled
from unipref.core.stats.sampling import evenly_spaced
from unipref.evaluate.readers.documents import Document, documents, no_text
from unipref.evaluate.subsample import sampled_note
from unipref.models.inference import Request, encode, log_likelihoods, opening_ids
from unipref.models.loading import Policy, RewardModel

AT_ONCE = 256
"""Documents that are asked for together."""
LONGEST = 1024
"""Tokens of the longest window that nobody asked for: all its logits are in memory at once."""


class Perplexity(Benchmark):
    """How surprising held-out text is to a model: what training forgets shows here as a rise.

    nats = - sum of log p of a document's tokens, each given the ones before it within a window.

    | metric | formula, over all documents | best |
    |---|---|---|
    | `nats_per_token` | sum of nats / sum of tokens | low |
    | `perplexity` | exp(nats_per_token) | low |
    | `bits_per_byte` | sum of nats / ln 2 / sum of UTF-8 bytes | low |

    The first two depend on the tokenizer: only `bits_per_byte` compares models with different ones. It flatters a
    tokenizer that has no tokens for some of the text; a note counts those.

    A document that is longer than the window is read in windows that overlap: each predicts `stride` new tokens, from
    at least `window` - `stride` tokens before them. The first token is predicted from BOS, or from eos where the
    tokenizer has no BOS; the end of a document is not predicted. Slices: all, and each file. Units are documents.

    Data: a `.txt` file, which is one document; a file in any other format that sources read, each row a document; or a
    folder of data files or, where it has none, of `.txt` files. Rows without text are counted in a note.
    """

    example: ClassVar[Mapping[str, Any]] = {"settings": {"data": "heldout.jsonl", "text": "text", "stride": 256}}

    data: str | None = "perplexity"
    """File or folder with the text, relative to `data_root`."""
    text: str = "text"
    """Path of the text in a row, with dots between fields; `*` stands for all values of an object or list."""
    window: Annotated[int, Field(ge=2)] | None = None
    """Longest sequence to read at once, in tokens; None: the model's context, 1024 at most."""
    stride: Annotated[int, Field(ge=1)] | None = None
    """Tokens by which the window moves on; None: half of it."""
    limit: int | None = None
    """Measure only so many documents, evenly spread; None: all."""
    batch_size: int | None = None
    """Most rows of one forward pass; None: as many as a number of tokens allows."""

    def examine(self, model: Policy | RewardModel, data: Path, split: str) -> tuple[list[Example], list[str]]:
        """Asks a policy; one row is one document."""
        assert isinstance(model, Policy)
        window, stride = self._window(model)
        examples: list[Example] = []
        counts: Counter[str] = Counter()
        chunk: list[Document] = []
        for document in self._wanted(data, counts):
            chunk.append(document)
            if len(chunk) == AT_ONCE:
                examples += self._read(model, chunk, window, stride, split, counts)
                chunk = []
        examples += self._read(model, chunk, window, stride, split, counts)
        return examples, [f"windows of {window} tokens, moved on by {stride}.", *self._notes(counts, len(examples))]

    @classmethod
    def statistics(cls, examples: Sequence[Example]) -> Iterator[Statistic]:
        """All figures: over all documents and per file; units are documents."""
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
            yield pooled("nats_per_token", ids, nats, tokens, **about)
            yield pooled("perplexity", ids, nats, tokens, np.exp, **about)
            yield pooled("bits_per_byte", ids, np.array(nats) / math.log(2), n_bytes, **about)

    def _window(self, policy: Policy) -> tuple[int, int]:
        """Window and stride in tokens.

        Raises:
            UserError: the window does not fit in the context, or the stride not in the window.
        """
        window = self.window or min(policy.context, LONGEST)
        stride = self.stride or window // 2
        if window > policy.context:
            raise UserError(
                f"a window of {window} tokens is longer than the model's context of {policy.context}.",
                where="evaluate.perplexity.window",
                mend="Leave it out, or set it to the context at most.",
            )
        if stride >= window:
            raise UserError(
                f"a stride of {stride} tokens leaves nothing before it in a window of {window}.",
                where="evaluate.perplexity.stride",
                mend="Set it lower than the window.",
            )
        return window, stride

    def _wanted(self, data: Path, counts: Counter[str]) -> Iterator[Document]:
        """The documents that the limit keeps; what is not used is counted."""
        n = sum(_is_text(one) for one in documents(data, self.text))
        if not n:
            raise no_text(data, self.text)
        kept = set(evenly_spaced(n, self.limit))
        counts["found"] = n
        at = 0
        for one in documents(data, self.text):
            if not _is_text(one):
                counts["empty" if isinstance(one, Document) else "rejected"] += 1
                continue
            if at in kept:
                assert isinstance(one, Document)
                yield one
            at += 1

    def _read(
        self,
        policy: Policy,
        chunk: Sequence[Document],
        window: int,
        stride: int,
        split: str,
        counts: Counter[str],
    ) -> list[Example]:
        ids = [encode(policy, document.text) for document in chunk]
        requests = [windows(opening_ids(policy), own, window, stride) for own in ids]
        log_p = iter(log_likelihoods(policy, [one for own in requests for one in own], self.batch_size).tolist())
        unknown = policy.tokenizer.unk_token_id
        counts["tokens"] += sum(map(len, ids))
        counts["unknown"] += sum(own.count(unknown) for own in ids) if unknown is not None else 0
        return [
            {
                "split": split,
                "file": document.file,
                "id": document.id,
                "nats": -sum(next(log_p) for _ in own),
                "tokens": len(tokens),
                "bytes": len(document.text.encode("utf-8", "surrogatepass")),
            }
            for document, tokens, own in zip(chunk, ids, requests, strict=True)
        ]

    def _notes(self, counts: Counter[str], n: int) -> Iterator[str]:
        yield from sampled_note(n, counts["found"], "documents", self.limit)
        if counts["empty"]:
            yield f"{counts['empty']} documents skipped: they are empty."
        if counts["rejected"]:
            yield f"{counts['rejected']} rows skipped: they cannot be read, or have no text at '{self.text}'."
        if counts["unknown"]:
            yield (
                f"{counts['unknown']} of {counts['tokens']} tokens stand for text that the tokenizer does not know: "
                "bits_per_byte flatters this model."
            )


def windows(before: Sequence[int], ids: Sequence[int], window: int, stride: int) -> list[Request]:
    """A document as requests that predict each of its tokens once.

    Args:
        before: what stands before its first token; shorter than the window.
        ids: its tokens.
        window: most tokens in a request.
        stride: most new tokens in every request but the first, which fills its window.
    """
    whole = [*before, *ids]
    first = min(len(whole), window)
    requests: list[Request] = [(whole[: len(before)], whole[len(before) : first])]
    for start in range(first, len(whole), stride):
        end = min(start + stride, len(whole))
        requests.append((whole[max(0, end - window) : start], whole[start:end]))
    return requests


def _is_text(found: Document | Reject) -> bool:
    return isinstance(found, Document) and bool(found.text.strip())
