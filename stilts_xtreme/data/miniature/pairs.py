"""Examples of two texts: inference (mnli, snli, anli, xnli), questions that ask the same (qqp), swapped roles (pawsx)."""

from random import Random

from stilts_xtreme.data.miniature.changes import (
    RICH,
    Item,
    ask,
    askable,
    enrich,
    generalise,
    opposed,
    other_object,
    other_subject,
    other_verb,
    thin,
    turn,
)
from stilts_xtreme.data.miniature.words import VERBS
from stilts_xtreme.data.miniature.world import Event, World, event, one_of, person_event

LABELS = ("entailment", "neutral", "contradiction")
STATED = RICH._replace(negated=0.2)
BRIEF = RICH._replace(adjective=0.35, place=0.45, time=0.25, number=0.1, negated=0.05, origin=0.05)


def _entailed(rng: Random, event: Event, steps: int) -> Event | None:
    """What follows: fewer parts, a wider noun, a synonym. Under "never" only the subject may lose parts."""
    said = event
    for _ in range(steps):
        chance = rng.random()
        if chance < 0.3 and VERBS[said.verb].synonym:
            said = said._replace(synonym=not said.synonym)
        elif chance < 0.55 and not said.negated:
            said = generalise(said) or said
        elif said.negated:
            said = said._replace(subject=said.subject._replace(adjective=None, origin=None))
            said = turn(rng, said, 0.5)
        else:
            said = thin(rng, said, 0.6)
    return said if said != event else None


def _unsettled(rng: Random, here: World, event: Event) -> Event | None:
    """What may or may not be: a part nobody mentioned, another verb, another object."""
    chance = rng.random()
    if chance < 0.5:
        found = enrich(rng, here, event, only_subject=event.negated)
        return found and (thin(rng, found[0], 0.3, keep=found[1]) if not event.negated else found[0])
    said = other_verb(rng, event) if chance < 0.75 else other_object(rng, here, event)
    if said and rng.random() < 0.2:
        said = said._replace(negated=not said.negated)
    return said and thin(rng, said, 0.4)


def _contradicted(rng: Random, here: World, event: Event) -> Event | None:
    """What cannot be: the negation, the opposite adjective, another number, place or time."""
    if not event.negated and rng.random() < 0.65:
        found = opposed(rng, here, event)
        if found:
            return thin(rng, found[0], 0.4, keep=found[1])
    return thin(rng, event, 0.4 if not event.negated else 0.0)._replace(negated=not event.negated)


def _hypothesis(rng: Random, here: World, premise: Event, label: str, steps: int) -> Event | None:
    if label == "entailment":
        return _entailed(rng, premise, steps)
    said = _unsettled(rng, here, premise) if label == "neutral" else _contradicted(rng, here, premise)
    return said and turn(rng, said, 0.25)


def nli(rng: Random, here: World, index: int) -> Item | None:
    """mnli and xnli: one rich sentence, then a sentence made from it."""
    label, premise = LABELS[index % 3], event(rng, here, STATED)
    said = _hypothesis(rng, here, premise, label, 2)
    return Item((premise,), (said,), label) if said else None


def snli(rng: Random, here: World, index: int) -> Item | None:
    """As mnli with shorter, plainer premises and a single step between the two."""
    label, premise = LABELS[index % 3], event(rng, here, BRIEF)
    said = _hypothesis(rng, here, premise, label, 1)
    return Item((premise,), (said,), label) if said else None


def anli(rng: Random, here: World, index: int) -> Item | None:
    """Two sentences, often with the same verb, and a hypothesis two or three steps away from one of them; what is unsettled
    may also be one subject with the other's deed."""
    label, one = LABELS[index % 3], event(rng, here, STATED)
    two = event(rng, here, STATED)
    if rng.random() < 0.5:
        two = other_object(rng, here, other_subject(rng, here, one)) or two
    if one.subject.head == two.subject.head:
        return None
    premises = (one, two) if rng.random() < 0.5 else (two, one)
    if label == "neutral" and rng.random() < 0.4 and VERBS[one.verb].subject == VERBS[two.verb].subject:
        if two.object and two.object.head == one.subject.head:
            return None
        said = thin(rng, two._replace(subject=one.subject), 0.5)
    else:
        said = _hypothesis(rng, here, one, label, 3)
        said = said and label != "entailment" and not one.negated and rng.random() < 0.5 and generalise(said) or said
    return Item(premises, (said,), label) if said else None


def qqp(rng: Random, here: World, index: int) -> Item | None:
    """Two questions; duplicates differ in wording alone, the others also in what is asked or about whom or what."""
    told = event(rng, here, RICH)
    slots = askable(told)
    if len(slots) < 2:
        return None
    slot = one_of(rng, slots)
    asked = ask(told, slot)
    again = turn(rng, asked, 0.6)
    if index % 2:  # a duplicate
        return Item((asked,), (again,), "1") if again != asked else None
    chance = rng.random()
    if chance < 0.3:
        changed = ask(told, one_of(rng, [s for s in slots if s != slot]))
    elif chance < 0.5:
        changed = asked if slot == "subject" else other_subject(rng, here, asked)
    elif chance < 0.75:
        found = opposed(rng, here, told)
        changed = ask(found[0], slot) if found else asked
    else:
        changed = other_verb(rng, asked)
    return Item((asked,), (turn(rng, changed, 0.6),), "0") if changed and changed != asked else None


def paws(rng: Random, here: World, index: int) -> Item | None:
    """The same words twice, the time moved: label 0 where the two people (or their adjectives) changed places."""
    told = person_event(rng, here, RICH._replace(time=1.0, place=0.4, origin=0.05))
    who, whom = told.subject, told.object
    again = turn(rng, told._replace(fronted=not told.fronted), 0.0)
    if VERBS[told.verb].synonym and rng.random() < 0.3:
        again = again._replace(synonym=not told.synonym)
    if index % 2:
        return Item((told,), (again,), "1")
    if who.adjective and whom.adjective and who.adjective != whom.adjective and rng.random() < 0.3:
        who, whom = who._replace(adjective=whom.adjective), whom._replace(adjective=who.adjective)
    else:
        who, whom = whom, who
    return Item((told,), (again._replace(subject=who, object=whom),), "0")
