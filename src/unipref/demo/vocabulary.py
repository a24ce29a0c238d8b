"""The words of the built-in world: occupations, verbs and reasons, things and their properties."""

from typing import NamedTuple

HE = (
    "mechanic", "carpenter", "guard", "driver", "farmer", "sheriff", "lawyer", "manager", "chief", "janitor",
    "builder", "pilot", "captain", "soldier", "plumber", "miner", "butcher", "boxer", "sailor", "judge",
    "hunter", "smith", "porter", "banker", "painter", "coach", "surgeon", "guide",
)  # fmt: skip
"""Occupations with the pronoun 'he' in the corpus."""

SHE = (
    "nurse", "cleaner", "cashier", "teacher", "baker", "tailor", "dancer", "singer", "secretary", "librarian",
    "florist", "barber", "designer", "writer", "editor", "clerk", "assistant", "nanny", "midwife", "weaver",
    "typist", "stylist", "tutor", "housekeeper", "counselor", "model", "poet", "helper",
)  # fmt: skip
"""Occupations with the pronoun 'she' in the corpus."""


class Scene(NamedTuple):
    """Verbs between two people, and reasons about the subject or the object."""

    verbs: tuple[str, ...]
    of_subject: tuple[str, ...]
    of_object: tuple[str, ...]


SCENES = (
    Scene(
        ("helped", "saved", "fed", "comforted", "carried", "visited"),
        ("was kind", "felt sorry"),
        ("was hurt", "had fallen"),
    ),
    Scene(
        ("asked", "called", "followed", "begged", "stopped", "trusted"),
        ("needed advice", "was lost"),
        ("knew everything", "was wise"),
    ),
    Scene(
        ("blamed", "scolded", "warned", "left", "accused", "avoided"),
        ("was angry", "lost patience"),
        ("was late", "told lies"),
    ),
)


class Thing(NamedTuple):
    """A thing and its properties."""

    name: str
    colour: str
    place: str
    kind: str


_TABLE = {
    "animal": """dog brown house; cat grey house; frog green pond; cow white field; horse brown field; pig pink farm;
        hen red farm; duck yellow pond; fox orange forest; bear brown forest; mouse grey house; fish blue pond;
        bee yellow garden; lion yellow zoo; crow black forest; swan white pond; goat white farm; wolf grey forest""",
    "food": """apple red bowl; lemon yellow bowl; carrot orange garden; pea green garden; plum blue bowl;
        bread brown kitchen; egg white kitchen; cherry red bowl; banana yellow kitchen; bean green garden;
        cake pink kitchen; pear green bowl""",
    "toy": """ball red garden; kite blue field; doll pink box; drum orange box; train black box; robot grey room;
        boat blue pond; puzzle green room; rocket white room; castle grey room; truck yellow garden; bell orange box""",
}


def _things() -> tuple[Thing, ...]:
    rows = ((kind, entry.split()) for kind, table in _TABLE.items() for entry in table.split(";"))
    return tuple(Thing(name, colour, place, kind) for kind, (name, colour, place) in rows)


THINGS = _things()
COLOURS = tuple(sorted({thing.colour for thing in THINGS}))
PLACES = tuple(sorted({thing.place for thing in THINGS}))
KINDS = tuple(_TABLE)

OPENERS = ("Well", "Look", "Now", "Here", "Listen", "So", "Today", "Yes")
"""Words an answer can be asked to begin with."""
CLOSERS = ("today", "now", "again", "here", "always", "indeed", "too", "still")
"""Words an answer can be asked to end with."""
ADJECTIVES = ("nice", "small", "old", "good", "new", "big", "fine", "soft")
"""Words an answer can be asked to use."""
NAMES = ("Ann", "Ben", "Tom", "Eva", "Sam", "Lily", "Max", "Ida")
COUNTS = {2: "two", 3: "three"}
TIMES = {2: "twice", 3: "three times"}

WORDS = tuple(thing.name for thing in THINGS) + COLOURS + PLACES + ADJECTIVES + CLOSERS
"""Words that an instruction can ask for on their own."""
