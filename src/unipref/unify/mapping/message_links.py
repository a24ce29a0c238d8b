"""Messages that name their parent, and messages that hold speaker and text under other names.

Chat tools store a dialogue as a tree: a list of messages with ids, or a mapping id -> message. Each message names the
one that it follows. Root messages name none, or the nil UUID.
"""

from collections.abc import Collection
from typing import Any, NamedTuple

from unipref.core.contracts import Settings
from unipref.core.display import describe_value
from unipref.core.records import Reason, Reject
from unipref.core.values import value_key
from unipref.unify.mapping.fields import Path, PathList
from unipref.unify.mapping.paths import get_or_none, get_path

NO_PARENTS = {None, "", "00000000-0000-0000-0000-000000000000"}
"""What a root message holds as its parent."""
CIRCLE = "the parents of the message form a circle"
CHILDREN = ("id", "children", "childrenIds")
"""Fields of a node that hold no part of a message."""


class TurnFields(Settings):
    """Where a message holds its speaker and its text. Paths inside the message."""

    role: Path
    """Path of the speaker's name."""
    content: Path | PathList
    """Path of the text, or of a list of texts, which are joined with a blank line. Of several paths, the first one that
    is not empty is read."""

    @property
    def texts(self) -> list[str]:
        """The paths of the text."""
        return [self.content] if isinstance(self.content, str) else self.content

    @property
    def _shared_path(self) -> str:
        """The path of the innermost mapping that holds both; empty for the message itself."""
        shared: list[str] = []
        for one, other in zip(self.role.split(".")[:-1], self.texts[0].split(".")[:-1], strict=False):
            if one != other:
                break
            shared.append(one)
        return ".".join(shared)

    def rename(self, message: Any, field: str) -> dict[str, Any]:
        """Returns the message with the keys role and content, and its other fields.

        Args:
            message: the raw message.
            field: its path, for errors.

        Raises:
            Reject: the speaker or the text is missing.
        """
        role = get_inside(message, self.role, field)
        path = next((path for path in self.texts if get_or_none(message, path) not in (None, "", [])), self.texts[0])
        content = get_inside(message, path, field)
        if isinstance(content, list) and all(isinstance(part, str) for part in content):
            content = "\n\n".join(part for part in content if part.strip())
        shared = self._shared_path
        holder = get_or_none(message, shared) if shared else message
        skipped = len(shared.split(".")) if shared else 0
        used = [read for read in (self.role, *self.texts) if not shared or read.startswith(f"{shared}.")]
        read = {path.split(".")[skipped] for path in used} | {self.role, *self.texts}
        others = {key: value for key, value in holder.items() if key not in read} if isinstance(holder, dict) else {}
        return {**others, "role": role, "content": content}


class LinkedMessage(NamedTuple):
    """A raw message, its path for errors, and the id of the message that it follows; None for a root."""

    message: Any
    field: str
    parent: str | None


LinkedMessages = dict[str, LinkedMessage]
"""Id -> message, in the order of the data."""


def link_messages(value: Any, field: str, id_path: str, parent_path: str) -> LinkedMessages:
    """Reads messages that name their parents.

    Args:
        value: a mapping id -> message, or a list of messages.
        field: its path, for errors.
        id_path: path of the id inside a message of a list.
        parent_path: path of the parent's id inside a message.

    Raises:
        Reject: the value is neither, a message has no id, or two messages have the same one.
    """
    if isinstance(value, dict):
        pairs = [(value_key(key), message, f"{field}.{key}") for key, message in value.items()]
    elif isinstance(value, list):
        places = [f"{field}.{i}" for i in range(len(value))]
        pairs = [
            (value_key(get_inside(message, id_path, place)), message, place)
            for message, place in zip(value, places, strict=True)
        ]
    else:
        raise Reject(Reason.WRONG_TYPE, f"expected messages with ids, found {describe_value(value)}", field)
    linked: LinkedMessages = {}
    for key, message, place in pairs:
        if key is None or key in linked:
            what = "the message has no id" if key is None else f"two messages have the id {key[:60]!r}"
            raise Reject(Reason.WRONG_TYPE, what, place)
        parent = value_key(get_or_none(message, parent_path))
        linked[key] = LinkedMessage(message, place, None if parent in NO_PARENTS else parent)
    return linked


def link_replies(value: Any, field: str, replies_path: str) -> LinkedMessages:
    """Reads messages that hold the replies to them; the ids are their paths.

    Args:
        value: a list of root messages.
        field: its path, for errors.
        replies_path: path, inside a message, of the list of replies to it.

    Raises:
        Reject: the value is not a list.
    """
    if not isinstance(value, list):
        raise Reject(Reason.WRONG_TYPE, f"expected a list of messages, found {describe_value(value)}", field)
    linked: LinkedMessages = {}
    # An explicit stack, because hostile input can be nested deeper than Python's recursion limit.
    stack: list[tuple[Any, str, str | None]] = [
        (message, f"{field}.{i}", None) for i, message in reversed([*enumerate(value)])
    ]
    while stack:
        message, place, parent = stack.pop()
        linked[place] = LinkedMessage(message, place, parent)
        below = get_or_none(message, replies_path)
        replies = below if isinstance(below, list) else []
        stack += [(reply, f"{place}.{replies_path}.{i}", place) for i, reply in reversed([*enumerate(replies)])]
    return linked


def measure_depths(linked: LinkedMessages, counted: Collection[str]) -> dict[str, int | Reject]:
    """Returns how many of the counted messages there are from the root to each message, itself included.

    The time is linear in the number of messages. A message that a root does not lead to has the reject that
    `find_ancestors` raises.
    """
    depths: dict[str, int | Reject] = {}
    for key in linked:
        chain: dict[str, None] = {}
        last = key
        current: str | None = key
        while current is not None and current in linked and current not in depths and current not in chain:
            chain[current] = None
            last, current = current, linked[current].parent
        above: int | Reject = 0
        if current is None:
            pass
        elif current in depths:
            above = depths[current]
        elif current in chain:
            above = Reject(Reason.WRONG_TYPE, CIRCLE)
        else:
            above = _missing_parent(linked[last])
        for each in reversed(chain):
            if isinstance(above, int):
                above += each in counted
            depths[each] = above if isinstance(above, int) or above.field else _circle(linked[each])
    return depths


def _circle(message: LinkedMessage) -> Reject:
    return Reject(Reason.WRONG_TYPE, CIRCLE, message.field)


def _missing_parent(message: LinkedMessage) -> Reject:
    detail = f"its parent {str(message.parent)[:60]!r} is missing, so the dialogue before it is not known"
    return Reject(Reason.MISSING_FIELD, detail, message.field)


def first_keys(path: str) -> set[str]:
    """Returns the keys of a mapping that a path can begin with: its first part, or all of it if the key has dots."""
    return {path, path.split(".")[0]}


def find_ancestors(linked: LinkedMessages, key: str) -> list[str]:
    """Returns the ids from the root to a message, that message included.

    Raises:
        Reject: a parent is missing, or the parents form a circle.
    """
    chain: dict[str, None] = {}
    current: str | None = key
    while current is not None:
        if current in chain:
            raise _circle(linked[key])
        chain[current] = None
        parent = linked[current].parent
        if parent is not None and parent not in linked:
            raise _missing_parent(linked[current])
        current = parent
    return list(reversed(chain))


def read_branch(linked: LinkedMessages, key: str, turns: TurnFields | None, links: set[str]) -> list[Any]:
    """Returns the raw messages from the root to a message. Nodes without a message are left out.

    Args:
        linked: the messages.
        key: id of the last message.
        turns: where a message holds its speaker and its text; None: under common names.
        links: the fields that link messages, which are left out, because they are not unread.

    Raises:
        Reject: a parent is missing, the parents form a circle, or a message has no speaker or text.
    """
    nodes = [linked[ancestor] for ancestor in find_ancestors(linked, key)]
    kept = [node for node in nodes[:-1] if not is_empty_node(node.message, turns, links)]
    return [prepare_message(node.message, node.field, turns, links) for node in [*kept, nodes[-1]]]


def prepare_message(message: Any, field: str, turns: TurnFields | None, links: set[str]) -> Any:
    """Returns a message with the keys role and content, if `turns` says where they are, and without its links."""
    if turns is not None:
        message = turns.rename(message, field)
    if not isinstance(message, dict):
        return message
    return {name: value for name, value in message.items() if name not in links}


def is_empty_node(message: Any, turns: TurnFields | None, links: set[str]) -> bool:
    """Whether a node of a tree holds no message, such as the root of a ChatGPT export."""
    if message is None:
        return True
    if turns is not None:
        return all(get_or_none(message, path) is None for path in (turns.role, *turns.texts))
    return isinstance(message, dict) and message.keys() <= {*links, *CHILDREN}


def get_inside(message: Any, path: str, field: str) -> Any:
    """Returns the value at a path inside a message; a reject names the whole path.

    Raises:
        Reject: `missing_field` if the path does not exist.
    """
    try:
        return get_path(message, path)
    except Reject as reject:
        raise Reject(reject.reason, reject.detail, f"{field}.{path}") from None
