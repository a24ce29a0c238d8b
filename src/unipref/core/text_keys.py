"""Hashes by which two texts, prompts or groups count as the same."""

import re
import unicodedata

import xxhash

from unipref.core.records import Feedback, Messages, Response


def digest(*parts: str) -> str:
    """A content hash of several texts, 32 hexadecimal digits."""
    return xxhash.xxh3_128_hexdigest("\x1f".join(parts).encode("utf-8", "surrogatepass"))


def text_hash(content: str) -> bytes:
    """The xxh3-128 hash of a text, 16 bytes."""
    return xxhash.xxh3_128_digest(content.encode("utf-8", "surrogatepass"))


_SPACES = re.compile(r"[ \t\n\r\f\v\u00a0]{2,}|[\t\n\r\f\v\u00a0]")


def normalise(content: str) -> str:
    """Normalises Unicode forms, case and white space: for comparing prompts, never for training."""
    return _SPACES.sub(" ", unicodedata.normalize("NFKC", content)).strip().casefold()


def join_turns(messages: Messages | None) -> str:
    """Messages as one text, for hashing."""
    return "" if messages is None else "\x1e".join(f"{m['role']}\x1f{m['content']}" for m in messages)


def prompt_key(prompt: Messages) -> str:
    """The hash of a prompt's normalised turns, shared by all answers to it."""
    return digest(*(f"{m['role']}:{normalise(m['content'])}" for m in prompt))


def root_key(feedback: Feedback, source: str) -> str:
    """The hash of rows that must stay on one side of the split: of the declared twins, else of the first user turn."""
    if feedback.twins is not None:
        return digest("twins", source, feedback.twins)
    return root_prompt_key(feedback.prompt)


def root_prompt_key(prompt: Messages) -> str:
    """The first user turn, normalised, as a hash: shared by all turns of one conversation."""
    first = next((m["content"] for m in prompt if m["role"] == "user"), "")
    return digest("root", normalise(first))


def answer_hash(response: Response) -> str:
    """The hash of an answer's content. It decides between equally good answers, whatever the order of rows."""
    return digest(join_turns(response.messages))
