"""The words of the built-in world: occupations, verbs and reasons, things and their properties."""

from typing import NamedTuple


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


HE = _words(
    """mechanic carpenter guard driver farmer sheriff lawyer manager chief janitor builder pilot captain soldier
    plumber miner butcher boxer sailor judge hunter smith porter banker painter coach surgeon guide engineer
    electrician firefighter welder mason roofer trucker fisher logger locksmith detective sergeant general
    admiral colonel pirate knight ranger marshal warden jailer bouncer bodyguard wrestler golfer cyclist jockey
    referee umpire astronaut astronomer physicist chemist programmer broker trader investor landlord mayor
    senator governor minister bishop priest monk shepherd rancher beekeeper brewer miller baron duke tanner
    glazier paver digger rower archer drummer wizard scout major"""
)
"""Occupations with the pronoun 'he' in the corpus."""

SHE = _words(
    """nurse cleaner cashier teacher baker tailor dancer singer secretary librarian florist barber designer writer
    editor clerk assistant nanny midwife weaver typist stylist tutor housekeeper counselor model poet helper
    receptionist therapist psychologist pharmacist optician veterinarian server caterer cook barista knitter
    spinner potter jeweler decorator illustrator novelist journalist translator interpreter linguist historian
    archivist curator violinist pianist flutist harpist cellist soprano gymnast skater swimmer choreographer
    acrobat hairdresser aide caregiver babysitter caretaker bookkeeper teller accountant auditor planner
    organizer recruiter publicist volunteer attendant maid dressmaker quilter botanist herbalist biologist
    reader hostler greeter packer picker healer"""
)
"""Occupations with the pronoun 'she' in the corpus."""


class Scene(NamedTuple):
    """Verbs between two people, and reasons about the subject or the object."""

    verbs: tuple[str, ...]
    of_subject: tuple[str, ...]
    of_object: tuple[str, ...]


SCENES = (
    Scene(
        ("helped", "saved", "fed", "comforted", "carried"),
        ("was kind", "felt sorry", "had a big heart"),
        ("was hurt", "had fallen", "was too weak"),
    ),
    Scene(
        ("asked", "called", "followed", "begged", "stopped"),
        ("needed advice", "was lost", "had a question"),
        ("knew everything", "was wise", "had a map"),
    ),
    Scene(
        ("blamed", "scolded", "warned", "left", "accused"),
        ("was angry", "lost patience", "had enough"),
        ("was late", "told lies", "broke the lamp"),
    ),
    Scene(
        ("thanked", "praised", "paid", "hugged", "rewarded"),
        ("was grateful", "felt happy", "kept a promise"),
        ("worked hard", "did a good job", "came at once"),
    ),
    Scene(
        ("watched", "chased", "caught", "searched", "reported"),
        ("was suspicious", "felt uneasy", "kept the keys"),
        ("stole a coat", "ran away", "hid a letter"),
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
        bee yellow garden; lion yellow zoo; crow black forest; swan white pond; goat white farm; wolf grey forest;
        owl brown forest; sheep white field; rabbit grey garden; tiger orange zoo; zebra black zoo; camel brown zoo;
        snake green forest; parrot red zoo; monkey brown zoo; donkey grey farm; goose white farm; turtle green pond""",
    "food": """apple red bowl; lemon yellow bowl; carrot orange garden; pea green garden; plum blue bowl;
        bread brown kitchen; egg white kitchen; cherry red bowl; banana yellow kitchen; bean green garden;
        cake pink kitchen; pear green bowl; onion white kitchen; potato brown kitchen; tomato red garden;
        melon green kitchen; grape blue bowl; peach pink bowl; cheese yellow kitchen; butter yellow kitchen;
        rice white bowl; soup orange bowl; berry blue garden; pumpkin orange field; cabbage green field;
        corn yellow field; honey orange kitchen; salt white box; pepper black box; sugar white box""",
    "toy": """ball red garden; kite blue field; doll pink box; drum orange box; train black box; robot grey room;
        boat blue pond; puzzle green room; rocket white room; castle grey room; truck yellow garden; bell orange box;
        car red house; plane white field; whistle black box; marble blue box; swing green garden; slide red garden;
        tent orange garden; puppet pink room; piano black room; flute brown room; wagon brown farm; sled red house;
        bike blue garden; hoop yellow room; top green box; mask black room; wand pink box; crown yellow room""",
}


def _things() -> tuple[Thing, ...]:
    rows = ((kind, entry.split()) for kind, table in _TABLE.items() for entry in table.split(";"))
    return tuple(Thing(name, colour, place, kind) for kind, (name, colour, place) in rows)


THINGS = _things()
COLOURS = tuple(sorted({thing.colour for thing in THINGS}))
PLACES = tuple(sorted({thing.place for thing in THINGS}))
KINDS = tuple(_TABLE)

OPENERS = _words("Well Look Now Here Listen So Today Yes Then Sure Right Good Oh Ah Fine Okay")
"""Words an answer can be asked to begin with."""
CLOSERS = _words("today now again here always indeed too still there often soon then anyway also once mostly")
"""Words an answer can be asked to end with."""
ADJECTIVES = _words("nice small old neat new big warm soft tiny clean pretty strange lovely simple great strong")
"""Words an answer can be asked to use."""
NAMES = ("Ann", "Ben", "Tom", "Eva", "Sam", "Lily", "Max", "Ida")
COUNTS = {2: "two", 3: "three"}
TIMES = {2: "twice", 3: "three times"}

WORDS = tuple(dict.fromkeys((*(thing.name for thing in THINGS), *COLOURS, *PLACES, *ADJECTIVES, *CLOSERS)))
"""Words that an instruction can ask for on their own."""

MORE_WORDS = tuple(
    word
    for word in _words(
        """river stone cloud paper window table chair bottle candle mirror blanket pillow bucket ladder hammer needle
        button pocket jacket shirt shoe glove scarf ring coin ticket stamp card pencil page story song dance game race
        prize party winter summer spring autumn morning evening night week month year hour minute street bridge tower
        wall gate fence roof floor corner village city island beach valley hill cave desert storm wind rain snow ice
        fire smoke dust sand mud grass leaf root branch flower seed feather shell wing tail nose ear mouth tooth arm leg
        finger knee heart voice smile dream idea secret reason number letter line circle square point side half part
        piece pair bit drop cup plate fork spoon knife pan oven stove lamp clock phone wheel engine rope chain nail
        board brick glass metal wood cotton wool silk maybe perhaps almost never ever above below near far away back
        forth inside outside upstairs slowly quickly gently loudly quietly badly nearly hardly rarely quite rather
        really truly early late high low left cold hot dry wet dark bright heavy light thick thin round flat sharp
        smooth rough sweet sour bitter fresh plain empty full open free busy quick slow loud quiet calm brave proud
        gentle clever funny honest polite silent simple curious eager rapid steady tidy wild young"""
    )
    if word not in WORDS
)
"""Words that feedback and corpus ask for in any of these roles; no benchmark asks for them."""
