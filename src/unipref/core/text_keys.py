"""Hashes that identify equal texts, prompts, answers and groups."""

import json
import re
import unicodedata
from collections.abc import Callable

import xxhash

from unipref.core.messages import identify_parts
from unipref.core.records import Feedback, Message, Messages, Response


def digest(*parts: str) -> str:
    """Hashes several texts to 32 hexadecimal digits."""
    return xxhash.xxh3_128_hexdigest("\x1f".join(parts).encode("utf-8", "surrogatepass"))


def text_hash(content: str) -> bytes:
    """Hashes a text with xxh3-128 to 16 bytes."""
    return xxhash.xxh3_128_digest(content.encode("utf-8", "surrogatepass"))


_SPACES = re.compile(r"[ \t\n\r\f\v\u00a0]{2,}|[\t\n\r\f\v\u00a0]")


def normalise(content: str) -> str:
    """Normalises Unicode forms, case and white space: for comparing prompts, never for training."""
    text = content if content.isascii() else unicodedata.normalize("NFKC", content)
    # The expression looks at every space, and most texts have none that it changes. NFKC leaves no \u00a0.
    if "  " in text or "\n" in text or "\t" in text or "\r" in text or "\f" in text or "\v" in text:
        text = _SPACES.sub(" ", text)
    return text.strip().casefold()


def join_turns(messages: Messages | None) -> str:
    """Joins messages to one text, for hashing."""
    return "" if messages is None else "\x1e".join(f"{m['role']}\x1f{m['content']}{_join_parts(m)}" for m in messages)


def _join_parts(message: Message) -> str:
    """The parts of a message besides role and content as text, after a separator; empty for plain text."""
    parts = identify_parts(message) if len(message) > 2 else None
    return f"\x1f{json.dumps(parts, ensure_ascii=False, sort_keys=True)}" if parts else ""


def prompt_key(prompt: Messages) -> str:
    """Hashes the normalised turns of a prompt; all answers to it share the hash."""
    return digest(*(f"{m['role']}:{normalise(m['content'])}{_join_parts(m)}" for m in prompt))


def plain_prompt_keys(content: str) -> tuple[bytes, bytes]:
    """Returns the bytes of `prompt_key` and `root_prompt_key` of one turn of the user that is plain text.

    Raises:
        UnicodeEncodeError: the text holds half a surrogate pair.
    """
    normalised = normalise(content).encode()
    return xxhash.xxh3_128_digest(b"user:" + normalised), xxhash.xxh3_128_digest(b"root\x1f" + normalised)


def plain_answer_key(content: bytes) -> bytes:
    """Returns the bytes of `answer_key` of one turn of the assistant that is plain text, in UTF-8."""
    return xxhash.xxh3_128_digest(b"assistant\x1f" + content)


def plain_preference_id(source: str) -> Callable[..., str]:
    """Returns a function that hashes prompt, chosen and rejected of a source's preference, each one turn of plain text
    in UTF-8, to its id.
    """
    head = f"{source}\x1fuser\x1f".encode("utf-8", "surrogatepass")
    between = b"\x1fassistant\x1f"
    return lambda *texts: xxhash.xxh3_128_hexdigest(head + between.join(texts))


def root_key(feedback: Feedback, source: str) -> str:
    """Hashes what keeps rows on one side of the split: the declared twins, or else the first user turn."""
    if feedback.twins is not None:
        return digest("twins", source, feedback.twins)
    return root_prompt_key(feedback.prompt)


def root_prompt_key(prompt: Messages) -> str:
    """Hashes the first user turn, normalised, with its images; all turns of one conversation share the hash."""
    first = next((m for m in prompt if m["role"] == "user"), None)
    if first is None:
        return digest("root", "")
    images = identify_parts(first).get("images")
    return digest("root", normalise(first["content"]), *([json.dumps(images, ensure_ascii=False)] if images else []))


def answer_hash(response: Response) -> str:
    """Hashes the content of an answer. It breaks ties between answers, independent of the order of rows."""
    return answer_key(response.messages)


def answer_key(messages: Messages) -> str:
    """Hashes the turns of an answer; the table of judgements names answers so."""
    return digest(join_turns(messages))
