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
    """Draw what follows: fewer parts, a wider noun, a synonym. Under "never" only the subject may lose parts."""
    entailed = event
    for _ in range(steps):
        chance = rng.random()
        if chance < 0.3 and VERBS[entailed.verb].synonym:
            entailed = entailed._replace(synonym=not entailed.synonym)
        elif chance < 0.55 and not entailed.negated:
            entailed = generalise(entailed) or entailed
        elif entailed.negated:
            entailed = entailed._replace(subject=entailed.subject._replace(adjective=None, origin=None))
            entailed = turn(rng, entailed, 0.5)
        else:
            entailed = thin(rng, entailed, 0.6)
    return entailed if entailed != event else None


def _unsettled(rng: Random, here: World, event: Event) -> Event | None:
    """Draw what may or may not be: a part nobody mentioned, another verb, another object."""
    chance = rng.random()
    if chance < 0.5:
        enriched = enrich(rng, here, event, only_subject=event.negated)
        return enriched and (thin(rng, enriched[0], 0.3, keep=enriched[1]) if not event.negated else enriched[0])
    changed = other_verb(rng, event) if chance < 0.75 else other_object(rng, here, event)
    if changed and rng.random() < 0.2:
        changed = changed._replace(negated=not changed.negated)
    return changed and thin(rng, changed, 0.4)


def _contradicted(rng: Random, here: World, event: Event) -> Event | None:
    """Draw what cannot be: the negation, the opposite adjective, another number, place or time."""
    if not event.negated and rng.random() < 0.65:
        opposite = opposed(rng, here, event)
        if opposite:
            return thin(rng, opposite[0], 0.4, keep=opposite[1])
    return thin(rng, event, 0.4 if not event.negated else 0.0)._replace(negated=not event.negated)


def _hypothesis(rng: Random, here: World, premise: Event, label: str, steps: int) -> Event | None:
    if label == "entailment":
        return _entailed(rng, premise, steps)
    hypothesis = _unsettled(rng, here, premise) if label == "neutral" else _contradicted(rng, here, premise)
    return hypothesis and turn(rng, hypothesis, 0.25)


def nli(rng: Random, here: World, index: int) -> Item | None:
    """mnli and xnli: a rich sentence, then a sentence made from it."""
    label, premise = LABELS[index % 3], event(rng, here, STATED)
    hypothesis = _hypothesis(rng, here, premise, label, 2)
    return Item((premise,), (hypothesis,), label) if hypothesis else None


def snli(rng: Random, here: World, index: int) -> Item | None:
    """As mnli with shorter, plainer premises and a single step between the two."""
    label, premise = LABELS[index % 3], event(rng, here, BRIEF)
    hypothesis = _hypothesis(rng, here, premise, label, 1)
    return Item((premise,), (hypothesis,), label) if hypothesis else None


def anli(rng: Random, here: World, index: int) -> Item | None:
    """Two sentences, often with the same verb, and a hypothesis two or three steps away from one of them; what is unsettled
    may also be the subject of either with the other's deed."""
    label, first = LABELS[index % 3], event(rng, here, STATED)
    second = event(rng, here, STATED)
    if rng.random() < 0.5:
        second = other_object(rng, here, other_subject(rng, here, first)) or second
    if first.subject.head == second.subject.head:
        return None
    premises = (first, second) if rng.random() < 0.5 else (second, first)
    hypothesis: Event | None
    if label == "neutral" and rng.random() < 0.4 and VERBS[first.verb].subject == VERBS[second.verb].subject:
        if second.object and second.object.head == first.subject.head:
            return None
        hypothesis = thin(rng, second._replace(subject=first.subject), 0.5)
    else:
        hypothesis = _hypothesis(rng, here, first, label, 3)
        if hypothesis and label != "entailment" and not first.negated and rng.random() < 0.5:
            hypothesis = generalise(hypothesis) or hypothesis
    return Item(premises, (hypothesis,), label) if hypothesis else None


def qqp(rng: Random, here: World, index: int) -> Item | None:
    """Two questions; duplicates differ in wording alone, the others also in what is asked or about whom or what."""
    statement = event(rng, here, RICH)
    slots = askable(statement)
    if len(slots) < 2:
        return None
    slot = one_of(rng, slots)
    question = ask(statement, slot)
    reworded = turn(rng, question, 0.6)
    if index % 2:  # a duplicate
        return Item((question,), (reworded,), "1") if reworded != question else None
    chance = rng.random()
    changed: Event | None
    if chance < 0.3:
        changed = ask(statement, one_of(rng, [s for s in slots if s != slot]))
    elif chance < 0.5:
        changed = question if slot == "subject" else other_subject(rng, here, question)
    elif chance < 0.75:
        opposite = opposed(rng, here, statement)
        changed = ask(opposite[0], slot) if opposite else question
    else:
        changed = other_verb(rng, question)
    return Item((question,), (turn(rng, changed, 0.6),), "0") if changed and changed != question else None


def paws(rng: Random, here: World, index: int) -> Item | None:
    """The same words twice, the time moved: label 0 where the two people (or their adjectives) changed places."""
    statement = person_event(rng, here, RICH._replace(time=1.0, place=0.4, origin=0.05))
    who, whom = statement.subject, statement.required("object")
    reworded = turn(rng, statement._replace(fronted=not statement.fronted), 0.0)
    if VERBS[statement.verb].synonym and rng.random() < 0.3:
        reworded = reworded._replace(synonym=not statement.synonym)
    if index % 2:
        return Item((statement,), (reworded,), "1")
    if who.adjective and whom.adjective and who.adjective != whom.adjective and rng.random() < 0.3:
        who, whom = who._replace(adjective=whom.adjective), whom._replace(adjective=who.adjective)
    else:
        who, whom = whom, who
    return Item((statement,), (reworded._replace(subject=who, object=whom),), "0")
