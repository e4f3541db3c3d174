"""What the tasks do to events: drop, add or replace a part, or ask for it."""

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from stilts_xtreme.data.miniature.words import ANTONYMS, CLASS_OF, NOUNS, OPPOSITE, VERBS
from stilts_xtreme.data.miniature.world import (
    Event,
    Phrase,
    Rates,
    World,
    described,
    object_for,
    one_of,
    pick,
    place_for,
    subject,
)

RICH = Rates(adjective=0.5, number=0.25, place=0.6, time=0.6, negated=0.0, cause=0.0)


class Item(NamedTuple):
    """An example before it is put into words of a language."""

    first: tuple[Event, ...]  # premise, context, or the sentence itself
    second: tuple[Event, ...] = ()  # hypothesis, question, other sentence
    label: str = ""
    slot: str = ""  # of a question: which part of sentence `label` of the context answers it
    options: tuple[Event | Phrase, ...] = ()


Maker = Callable[[Random, World, int], Item | None]  # draws an example; None: not this time. The int is the example's index


def is_person(phrase: Phrase) -> bool:
    """Return whether a question about it says "who"."""
    return CLASS_OF.get(phrase.head, "worker") == "worker" and not phrase.head.startswith("LOC")


def turn(rng: Random, event: Event, chance: float = 0.5) -> Event:
    """Word the same statement differently: the time moves, the verb becomes its synonym, each with probability `chance`."""
    if event.time and rng.random() < chance:
        event = event._replace(fronted=not event.fronted)
    if VERBS[event.verb].synonym and rng.random() < chance:
        event = event._replace(synonym=not event.synonym)
    return event


def parts(event: Event) -> list[str]:
    """List the optional parts of an event: "place", "time", "subject adjective", "object origin" and the like."""
    names = [name for name in ("place", "time") if event.phrase(name)]
    for name in ("subject", "object"):
        phrase = event.phrase(name)
        if phrase and phrase.adjective:
            names.append(f"{name} adjective")
        if phrase and phrase.origin:
            names.append(f"{name} origin")
    return names


def without(event: Event, part: str) -> Event:
    """Take an optional part (see `parts`) out of an event; ValueError where it does not have the phrase."""
    if part == "place":
        return event._replace(place=None, relation="in")
    if part == "time":
        return event._replace(time=None, fronted=False)
    name, field = part.split()
    phrase = event.required(name)
    return event.with_phrase(name, phrase._replace(origin=None) if field == "origin" else phrase._replace(adjective=None))


def thin(rng: Random, event: Event, chance: float, keep: str = "") -> Event:
    """Take optional parts out, each but `keep` with probability `chance`."""
    for part in parts(event):
        if part != keep and rng.random() < chance:
            event = without(event, part)
    return event


def generalise(event: Event) -> Event | None:
    """Call the object, or else an animal that acts, by the name of its class; None where neither has a class."""
    for name in ("object", "subject"):
        phrase = event.phrase(name)
        kind = CLASS_OF.get(phrase.head) if phrase else None
        if phrase and kind and kind not in ("worker", phrase.head):
            return event.with_phrase(name, phrase._replace(head=kind))
    return None


def enrich(rng: Random, here: World, event: Event, only_subject: bool = False) -> tuple[Event, str] | None:
    """Add a part that the event does not have; returns the event and the part, None where nothing can be added."""
    options = ["subject adjective"] if event.subject.head in NOUNS["worker"] + NOUNS["animal"] else []
    if not only_subject:
        options += ["time"] + (["place"] if VERBS[event.verb].object != "place" else [])
        options += ["object adjective"] if event.object and event.object.head in here.adjectives else []
    options = [name for name in options if name not in parts(event)]
    if not options:
        return None
    part = one_of(rng, options)
    if part == "time":
        return event._replace(time=Phrase(pick(rng, here.times[event.verb])), fronted=rng.random() < 0.25), part
    if part == "place":
        place, relation = place_for(rng, here, event.subject, event.verb, RICH)
        return event._replace(place=place, relation=relation), part
    name = part.split()[0]
    phrase = event.required(name)
    return event.with_phrase(name, phrase._replace(adjective=pick(rng, here.adjectives[phrase.head]))), part


def opposed(rng: Random, here: World, event: Event) -> tuple[Event, str] | None:
    """Replace a part by what excludes it (opposite adjective, other number, place or time); returns the event and the part."""
    options = [part for part in parts(event) if not part.endswith("origin")]
    if event.object and event.object.number:
        options.append("number")
    if not options:
        return None
    part = one_of(rng, options)
    if part == "number":
        phrase = event.required("object")
        number = other(rng, tuple(map(str, range(2, 21))), str(phrase.number))
        return event._replace(object=phrase._replace(number=int(number))), part
    if part == "time":
        return event._replace(time=Phrase(other(rng, here.times[event.verb].items, event.required("time").head))), part
    if part == "place":
        place = event.required("place")
        kind = here.towns.items if place.head in here.towns.items else NOUNS["place"]
        return event._replace(place=place._replace(head=other(rng, kind, place.head))), part
    name = part.split()[0]
    phrase = event.required(name)
    assert phrase.adjective is not None  # as `parts` says
    return event.with_phrase(name, phrase._replace(adjective=OPPOSITE[phrase.adjective])), part


def other(rng: Random, items: tuple[str, ...], item: str) -> str:
    """Draw any of the items but `item`."""
    return one_of(rng, [i for i in items if i != item])


def other_verb(rng: Random, event: Event) -> Event | None:
    """Take another verb for the same kinds of subject and object; None where there is none."""
    known = VERBS[event.verb]
    fit = [v.stem for v in VERBS.values() if (v.object, v.subject) == (known.object, known.subject) and v is not known]
    return event._replace(verb=one_of(rng, fit), synonym=False) if fit else None


def other_object(rng: Random, here: World, event: Event) -> Event | None:
    """Do the same to something else; None without an object, or where nothing else was drawn in 20 tries."""
    if event.object is None:
        return None
    for _ in range(20):
        phrase = object_for(rng, here, event.verb, RICH, event.subject.head)
        if phrase is not None and phrase.head != event.object.head:
            return event._replace(object=phrase._replace(number=event.object.number if phrase.head in CLASS_OF else None))
    return None


def other_subject(rng: Random, here: World, event: Event) -> Event:
    """Let somebody else of the same kind do the same."""
    while True:
        if is_person(event.subject):
            actor = subject(rng, here, RICH, animals=0.0)
        else:
            actor = described(rng, here, pick(rng, here.animals), RICH)
        if actor.head not in (event.subject.head, event.object and event.object.head):
            return event._replace(subject=actor)


def askable(event: Event) -> list[str]:
    """List the slots of an event that can be asked for: subject, object, place, time, number."""
    slots = [name for name in ("subject", "object", "place", "time") if event.phrase(name)]
    return slots + (["number"] if event.object and event.object.number else [])


def ask(event: Event, slot: str) -> Event:
    """Ask for a slot: the question word stands where the answer would; ValueError where the event does not have it."""
    if slot == "number":
        return event._replace(object=event.required("object")._replace(number=-1, definite=False))
    words = {"place": "where", "time": "when"}
    word = words.get(slot) or ("who" if is_person(event.required(slot)) else "what")
    return event.with_phrase(slot, Phrase(word))


def fits(question: Event, event: Event) -> bool:
    """Return whether a sentence could be what the question is about: nothing that it names is different there."""
    if question.verb != event.verb:
        return False
    for part in ("subject", "object", "place"):
        wanted, phrase = question.phrase(part), event.phrase(part)
        if wanted and wanted.head not in ("who", "what", "where"):
            if phrase is None or wanted.head != phrase.head or (wanted.adjective and wanted.adjective != phrase.adjective):
                return False
            if wanted.number and wanted.number != -1 and wanted.number != phrase.number:
                return False
    if question.place and question.place.head != "where" and question.relation != event.relation:
        return False
    return not question.time or question.time.head == "when" or question.time == event.time


def fitting_adjectives(kind: str) -> list[str]:
    """List the adjectives that a class of nouns takes."""
    return [word for a, b, kinds in ANTONYMS if kind in kinds for word in (a, b)]
