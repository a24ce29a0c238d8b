"""Hashes that identify equal texts, prompts, answers and groups."""

import re
import unicodedata

import xxhash

from unipref.core.records import Feedback, Messages, Response


def digest(*parts: str) -> str:
    """Hashes several texts to 32 hexadecimal digits."""
    return xxhash.xxh3_128_hexdigest("\x1f".join(parts).encode("utf-8", "surrogatepass"))


def text_hash(content: str) -> bytes:
    """Hashes a text with xxh3-128 to 16 bytes."""
    return xxhash.xxh3_128_digest(content.encode("utf-8", "surrogatepass"))


_SPACES = re.compile(r"[ \t\n\r\f\v\u00a0]{2,}|[\t\n\r\f\v\u00a0]")


def normalise(content: str) -> str:
    """Normalises Unicode forms, case and white space: for comparing prompts, never for training."""
    return _SPACES.sub(" ", unicodedata.normalize("NFKC", content)).strip().casefold()


def join_turns(messages: Messages | None) -> str:
    """Joins messages to one text, for hashing."""
    return "" if messages is None else "\x1e".join(f"{m['role']}\x1f{m['content']}" for m in messages)


def prompt_key(prompt: Messages) -> str:
    """Hashes the normalised turns of a prompt; all answers to it share the hash."""
    return digest(*(f"{m['role']}:{normalise(m['content'])}" for m in prompt))


def root_key(feedback: Feedback, source: str) -> str:
    """Hashes what keeps rows on one side of the split: the declared twins, or else the first user turn."""
    if feedback.twins is not None:
        return digest("twins", source, feedback.twins)
    return root_prompt_key(feedback.prompt)


def root_prompt_key(prompt: Messages) -> str:
    """Hashes the first user turn, normalised; all turns of one conversation share the hash."""
    first = next((m["content"] for m in prompt if m["role"] == "user"), "")
    return digest("root", normalise(first))


def answer_hash(response: Response) -> str:
    """Hashes the content of an answer. It breaks ties between answers, independent of the order of rows."""
    return digest(join_turns(response.messages))
