"""What the tasks do to events: drop a part, add one, replace one, ask for one."""

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
    """One example before it is put into words of a language."""

    first: tuple[Event, ...]  # premise, context, or the sentence itself
    second: tuple[Event, ...] = ()  # hypothesis, question, other sentence
    label: str = ""
    slot: str = ""  # of a question: which part of sentence `label` of the context answers it
    options: tuple[Event | Phrase, ...] = ()


def is_person(phrase: Phrase) -> bool:
    """Whether one asks "who" for it."""
    return CLASS_OF.get(phrase.head, "worker") == "worker" and not phrase.head.startswith("LOC")


def turn(rng: Random, event: Event, chance: float = 0.5) -> Event:
    """The same statement worded differently: the time moves, the verb becomes its synonym (each by `chance`)."""
    if event.time and rng.random() < chance:
        event = event._replace(fronted=not event.fronted)
    if VERBS[event.verb].synonym and rng.random() < chance:
        event = event._replace(synonym=not event.synonym)
    return event


def parts(event: Event) -> list[str]:
    """The optional parts an event carries."""
    found = [name for name in ("place", "time") if getattr(event, name)]
    for name in ("subject", "object"):
        phrase = getattr(event, name)
        if phrase and phrase.adjective:
            found.append(f"{name} adjective")
        if phrase and phrase.origin:
            found.append(f"{name} origin")
    return found


def without(event: Event, part: str) -> Event:
    """The event less one of its optional parts."""
    if part == "place":
        return event._replace(place=None, relation="in")
    if part == "time":
        return event._replace(time=None, fronted=False)
    name, field = part.split()
    return event._replace(**{name: getattr(event, name)._replace(**{field: None})})


def thin(rng: Random, event: Event, chance: float, keep: str = "") -> Event:
    """Each optional part but `keep` goes by `chance`."""
    for part in parts(event):
        if part != keep and rng.random() < chance:
            event = without(event, part)
    return event


def generalise(event: Event) -> Event | None:
    """The object (or else an animal that acts) by the name of its class."""
    for name in ("object", "subject"):
        phrase = getattr(event, name)
        kind = phrase and CLASS_OF.get(phrase.head)
        if kind and kind not in ("worker", phrase.head):
            return event._replace(**{name: phrase._replace(head=kind)})
    return None


def enrich(rng: Random, here: World, event: Event, only_subject: bool = False) -> tuple[Event, str] | None:
    """The event with a part it did not have, and that part."""
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
    phrase = getattr(event, name)
    return event._replace(**{name: phrase._replace(adjective=pick(rng, here.adjectives[phrase.head]))}), part


def opposed(rng: Random, here: World, event: Event) -> tuple[Event, str] | None:
    """The event with one part replaced by what excludes it: opposite adjective, other number, place or time."""
    options = [part for part in parts(event) if not part.endswith("origin")]
    if event.object and event.object.number:
        options.append("number")
    if not options:
        return None
    part = one_of(rng, options)
    if part == "number":
        number = other(rng, tuple(map(str, range(2, 21))), str(event.object.number))
        return event._replace(object=event.object._replace(number=int(number))), part
    if part == "time":
        return event._replace(time=Phrase(other(rng, here.times[event.verb].items, event.time.head))), part
    if part == "place":
        kind = here.towns.items if event.place.head in here.towns.items else NOUNS["place"]
        return event._replace(place=event.place._replace(head=other(rng, kind, event.place.head))), part
    name = part.split()[0]
    phrase = getattr(event, name)
    return event._replace(**{name: phrase._replace(adjective=OPPOSITE[phrase.adjective])}), part


def other(rng: Random, items: tuple[str, ...], item: str) -> str:
    """Any of the items but this one."""
    return one_of(rng, [i for i in items if i != item])


def other_verb(rng: Random, event: Event) -> Event | None:
    """Another verb for the same kind of object."""
    known = VERBS[event.verb]
    fit = [v.stem for v in VERBS.values() if (v.object, v.subject) == (known.object, known.subject) and v is not known]
    return event._replace(verb=one_of(rng, fit), synonym=False) if fit else None


def other_object(rng: Random, here: World, event: Event) -> Event | None:
    """The same done to something else."""
    if event.object is None:
        return None
    for _ in range(20):
        found = object_for(rng, here, event.verb, RICH, event.subject.head)
        if found.head != event.object.head:
            return event._replace(object=found._replace(number=event.object.number if found.head in CLASS_OF else None))
    return None


def other_subject(rng: Random, here: World, event: Event) -> Event:
    """The same done by somebody else of the same kind."""
    while True:
        if is_person(event.subject):
            found = subject(rng, here, RICH, animals=0.0)
        else:
            found = described(rng, here, pick(rng, here.animals), RICH)
        if found.head not in (event.subject.head, event.object and event.object.head):
            return event._replace(subject=found)


def askable(event: Event) -> list[str]:
    """The parts of an event one can ask for."""
    found = [name for name in ("subject", "object", "place", "time") if getattr(event, name)]
    return found + (["number"] if event.object and event.object.number else [])


def ask(event: Event, slot: str) -> Event:
    """The question for one part; the question word stays where the answer would stand."""
    if slot == "number":
        return event._replace(object=event.object._replace(number=-1, definite=False))
    words = {"place": "where", "time": "when"}
    word = words.get(slot) or ("who" if is_person(getattr(event, slot)) else "what")
    return event._replace(**{slot: Phrase(word)})


def fits(question: Event, event: Event) -> bool:
    """Whether a sentence could be what the question is about: nothing it names is otherwise there."""
    if question.verb != event.verb:
        return False
    for asked, found in ((question.subject, event.subject), (question.object, event.object), (question.place, event.place)):
        if asked and asked.head not in ("who", "what", "where"):
            if found is None or asked.head != found.head or (asked.adjective and asked.adjective != found.adjective):
                return False
            if asked.number and asked.number != -1 and asked.number != found.number:
                return False
    if question.place and question.place.head != "where" and question.relation != event.relation:
        return False
    return not question.time or question.time.head == "when" or question.time == event.time


def fitting_adjectives(kind: str) -> list[str]:
    """The adjectives a class of nouns takes."""
    return [word for a, b, kinds in ANTONYMS if kind in kinds for word in (a, b)]
