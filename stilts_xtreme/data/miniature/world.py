"""The latent world, the same for every language: who does what to whom, where and when, and how often."""

import hashlib
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import NamedTuple, TypeVar

from stilts_xtreme.data.miniature.words import (
    ANTONYMS,
    CLASS_OF,
    FIRM_VERBS,
    NOUNS,
    PERSON_VERBS,
    PLACE_WORDS,
    THINGS,
    TIMES,
    VERBS,
)

T = TypeVar("T")

PEOPLE = tuple(f"PER{i}" for i in range(40))
TOWNS = tuple(f"LOC{i}" for i in range(24))
FIRMS = tuple(f"ORG{i}" for i in range(16))


class Phrase(NamedTuple):
    """A noun phrase. `head`: a noun, a name ("PER3"), a pronoun or a question word; `number`: 0 means a bare plural,
    -1 asks for the number ("how many"); `origin`: the town or firm a named person is from."""

    head: str
    adjective: str | None = None
    number: int | None = None
    definite: bool = False
    origin: str | None = None


class Event(NamedTuple):
    """A clause. `place` comes with `relation` ("in", "near", ..), `time` may stand first (`fronted`); `also` is a second
    verb phrase of the same subject, `cause` an adjective true of the object ("because it was dirty")."""

    subject: Phrase
    verb: str
    object: Phrase | None = None
    synonym: bool = False
    place: Phrase | None = None
    relation: str = "in"
    time: Phrase | None = None
    fronted: bool = False
    negated: bool = False
    then: bool = False
    cause: str | None = None
    also: "Event | None" = None

    def phrase(self, part: str) -> Phrase | None:
        """Return the phrase that is a `part` ("subject", "object", "place" or "time"); None where the event has none."""
        phrase: Phrase | None = getattr(self, part)
        return phrase

    def required(self, part: str) -> Phrase:
        """Return the phrase that is a `part`, as `phrase` does; ValueError where the event has none."""
        phrase = self.phrase(part)
        if phrase is None:
            raise ValueError(f"no {part} in {self}")
        return phrase

    def with_phrase(self, part: str, phrase: Phrase) -> "Event":
        """Return the event with `phrase` as its subject, object, place or time; ValueError for any other part."""
        match part:
            case "subject":
                return self._replace(subject=phrase)
            case "object":
                return self._replace(object=phrase)
            case "place":
                return self._replace(place=phrase)
            case "time":
                return self._replace(time=phrase)
        raise ValueError(f"{part} is no part of an event")


class Rates(NamedTuple):
    """How often a drawn event carries each optional part."""

    adjective: float = 0.3
    number: float = 0.15
    place: float = 0.4
    time: float = 0.4
    fronted: float = 0.25
    negated: float = 0.1
    origin: float = 0.1
    cause: float = 0.05
    synonym: float = 0.3
    named: float = 0.4


class Table(NamedTuple):
    """Things and their cumulative probabilities."""

    items: tuple[str, ...]
    bounds: tuple[float, ...]


@dataclass(frozen=True)
class World:
    """Preferences and facts. Every preference is very uneven: this is what lets a masked-language model find out which
    words of two languages mean the same, without any translated text."""

    people: Table
    towns: Table
    firms: Table
    workers: Table
    animals: Table
    verbs: dict[str, Table]  # by worker, animal or firm
    objects: dict[str, Table]  # by verb
    adjectives: dict[str, Table]  # by noun
    places: dict[str, Table]  # by verb
    times: dict[str, Table]  # by verb
    relations: dict[str, Table]  # by verb
    causes: dict[str, Table]  # by verb
    nexts: dict[str, Table]  # by verb: what its object then undergoes
    numbers: dict[str, Table]  # by noun
    jobs: dict[str, str]  # person -> worker noun
    homes: dict[str, str]  # person -> town
    employers: dict[str, str]  # person -> firm
    sites: dict[str, str]  # firm -> town
    products: dict[str, str]  # firm -> noun


def generator(*parts: object) -> Random:
    """Return a random generator that depends on `parts` alone, the same in every process."""
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).digest()
    return Random(int.from_bytes(digest[:8], "big"))


def pick(rng: Random, table: Table) -> str:
    """Draw an item by its probability."""
    return table.items[bisect(table.bounds, rng.random())]


def one_of(rng: Random, items: Sequence[T]) -> T:
    """Draw an item, each with the same probability."""
    return items[int(rng.random() * len(items))]


def _table(rng: Random, items: tuple[str, ...], peak: float | None = 0.35) -> Table:
    """Draw probabilities: Zipf(0.7) times Gamma(`peak`) in a random order; without a peak, Zipf alone in the order given."""
    order = list(items)
    if peak is not None:
        rng.shuffle(order)
    weights = [(i + 1) ** -0.7 * (rng.gammavariate(peak, 1.0) + 0.01 if peak is not None else 1.0) for i in range(len(order))]
    total, bounds, so_far = sum(weights), [], 0.0
    for weight in weights:
        so_far += weight / total
        bounds.append(so_far)
    bounds[-1] = 1.0
    return Table(tuple(order), tuple(bounds))


def _things(kind: str | None) -> tuple[str, ...]:
    if kind == "thing":
        return tuple(noun for name in THINGS for noun in NOUNS[name])
    return NOUNS[kind] if kind else ()


@lru_cache(maxsize=4)
def world(seed: int) -> World:
    """Draw the world of a seed: the words stay, the preferences and the facts change."""
    rng = generator("world", seed)
    by_person = tuple(v.stem for v in VERBS.values() if v.subject != "animal")
    by_animal = tuple(v.stem for v in VERBS.values() if v.subject != "person")
    nouns = tuple(noun for members in NOUNS.values() for noun in members)
    fitting = {kind: tuple(w for a, b, kinds in ANTONYMS if kind in kinds for w in (a, b)) for kind in NOUNS}
    chain = {kind: tuple(v.stem for v in VERBS.values() if v.object == kind and v.subject != "animal") for kind in NOUNS}
    return World(
        people=_table(rng, PEOPLE, None),
        towns=_table(rng, TOWNS, None),
        firms=_table(rng, FIRMS, None),
        workers=_table(rng, NOUNS["worker"], None),
        animals=_table(rng, NOUNS["animal"], None),
        verbs={
            actor: _table(rng, verbs, peak)
            for actors, verbs, peak in (
                (NOUNS["worker"], by_person, 0.5),
                (NOUNS["animal"], by_animal, 0.35),
                (FIRMS, FIRM_VERBS, 0.35),
            )
            for actor in actors
        },
        objects={v.stem: _table(rng, _things(v.object)) for v in VERBS.values() if v.object},
        adjectives={noun: _table(rng, fitting[CLASS_OF[noun]]) for noun in nouns},
        places={verb: _table(rng, NOUNS["place"]) for verb in VERBS},
        times={verb: _table(rng, TIMES) for verb in VERBS},
        relations={verb: _table(rng, PLACE_WORDS) for verb in VERBS},
        causes={v.stem: _table(rng, fitting[v.object]) for v in VERBS.values() if v.object in fitting},
        nexts={v: _table(rng, tuple(w for w in verbs if w != v)) for verbs in chain.values() for v in verbs},
        numbers={noun: _table(rng, tuple(str(n) for n in range(2, 21))) for noun in nouns},
        jobs={person: one_of(rng, NOUNS["worker"]) for person in PEOPLE},
        homes={person: one_of(rng, TOWNS) for person in PEOPLE},
        employers={person: one_of(rng, FIRMS) for person in PEOPLE},
        sites={firm: one_of(rng, TOWNS) for firm in FIRMS},
        products={firm: one_of(rng, _things("thing")) for firm in FIRMS},
    )


def named(rng: Random, here: World, person: str, rates: Rates) -> Phrase:
    """Name a person, at times with the town or firm they belong to."""
    if rng.random() < rates.origin:
        return Phrase(person, origin=(here.homes if rng.random() < 0.6 else here.employers)[person])
    return Phrase(person)


def described(rng: Random, here: World, noun: str, rates: Rates, countable: bool = False) -> Phrase:
    """Return a common noun with the adjective, number and article it is likely to have."""
    adjective = pick(rng, here.adjectives[noun]) if rng.random() < rates.adjective else None
    number = int(pick(rng, here.numbers[noun])) if countable and rng.random() < rates.number else None
    return Phrase(noun, adjective, number, rng.random() < 0.5)


def someone(rng: Random, here: World, rates: Rates) -> Phrase:
    """Draw a person, by name or by their work; at times a firm."""
    chance = rng.random()
    if chance < rates.named:
        return named(rng, here, pick(rng, here.people), rates)
    if chance < rates.named * 1.2:
        return Phrase(pick(rng, here.firms))
    return described(rng, here, pick(rng, here.workers), rates)


def subject(rng: Random, here: World, rates: Rates, animals: float = 0.2) -> Phrase:
    """Draw whoever acts: a person, a firm or (with probability `animals`) an animal."""
    if rng.random() < animals:
        return described(rng, here, pick(rng, here.animals), rates)
    return someone(rng, here, rates)


def verb_for(rng: Random, here: World, who: Phrase) -> str:
    """Draw what this subject is likely to do; a named person does what their work does."""
    return pick(rng, here.verbs[here.jobs.get(who.head, who.head)])


def object_for(rng: Random, here: World, verb: str, rates: Rates, avoid: str = "") -> Phrase | None:
    """Draw what the verb is likely to be done to (never the subject itself, given as `avoid`); None for a verb without object."""
    kind = VERBS[verb].object
    if kind is None:
        return None
    while True:
        if kind == "worker":
            phrase = someone(rng, here, rates)
        elif kind == "place" and verb != "cross" and rng.random() < rates.named:
            phrase = Phrase(pick(rng, here.towns))
        else:
            phrase = described(rng, here, pick(rng, here.objects[verb]), rates, kind != "place")
        if phrase.head != avoid:
            return phrase


def place_for(rng: Random, here: World, who: Phrase, verb: str, rates: Rates) -> tuple[Phrase, str]:
    """Draw where it is likely to happen (at home for 42 % of named people, a town, a usual place) and its preposition."""
    chance = rng.random()
    if who.head in here.homes and chance < 0.42:
        return Phrase(here.homes[who.head]), "in"
    if chance < 0.5:
        return Phrase(pick(rng, here.towns)), "in"
    adjective = pick(rng, here.adjectives["park"]) if rng.random() < rates.adjective * 0.4 else None
    return Phrase(pick(rng, here.places[verb]), adjective, definite=rng.random() < 0.7), pick(rng, here.relations[verb])


def event(
    rng: Random,
    here: World,
    rates: Rates = Rates(),
    who: Phrase | None = None,
    verb: str | None = None,
    what: Phrase | None = None,
) -> Event:
    """Draw an event; `who`, `verb` and `what` stand in it where they are given."""
    who = who or subject(rng, here, rates)
    verb = verb or verb_for(rng, here, who)
    known = VERBS[verb]
    what = what or object_for(rng, here, verb, rates, who.head)
    place, relation = None, "in"
    if known.object != "place" and rng.random() < rates.place:
        place, relation = place_for(rng, here, who, verb, rates)
    time = Phrase(pick(rng, here.times[verb])) if rng.random() < rates.time else None
    cause = None
    if verb in here.causes and rng.random() < rates.cause and what and what.number is None and what.head in CLASS_OF:
        cause = pick(rng, here.causes[verb])
    return Event(
        who,
        verb,
        what,
        known.synonym is not None and rng.random() < rates.synonym,
        place,
        relation,
        time,
        time is not None and rng.random() < rates.fronted,
        rng.random() < rates.negated,
        cause=cause,
    )


def follow_up(rng: Random, here: World, first: Event, rates: Rates) -> Event | None:
    """Draw what the same subject then does to the same object; None where the world has no custom for it."""
    if first.verb not in here.nexts or first.object is None or first.object.head not in CLASS_OF:
        return None
    verb = pick(rng, here.nexts[first.verb])
    same = Phrase(first.object.head, definite=True, number=first.object.number)
    following = event(rng, here, rates, first.subject._replace(adjective=None, origin=None), verb, same)
    return following._replace(negated=False, then=True, cause=None)


def person_event(rng: Random, here: World, rates: Rates) -> Event:
    """Draw an event in which a person does something to another."""
    who = someone(rng, here, rates)
    return event(rng, here, rates, who, one_of(rng, PERSON_VERBS))
