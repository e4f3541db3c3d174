"""Single sentences (tagging, retrieval) and the documents of the running text."""

from random import Random

from stilts_xtreme.data.miniature.changes import RICH, Item, Maker, ask, askable
from stilts_xtreme.data.miniature.choices import WHAT_NEXT
from stilts_xtreme.data.miniature.grammar import text
from stilts_xtreme.data.miniature.words import CLASS_OF, NOUNS, VERBS
from stilts_xtreme.data.miniature.world import (
    Event,
    Phrase,
    Rates,
    World,
    event,
    follow_up,
    named,
    one_of,
    pick,
)

VARIED = Rates(adjective=0.4, place=0.5, time=0.5, cause=0.15)
NAMED = Rates(adjective=0.3, place=0.6, time=0.3, origin=0.35, named=0.8, cause=0.0)


def varied(rng: Random, here: World, index: int) -> Item | None:
    """udpos and ccg: statements, a few with two verbs, a reason or "then"; every tenth asks who."""
    statement = event(rng, here, VARIED)
    chance = rng.random()
    if chance < 0.25:
        then = follow_up(rng, here, statement, VARIED)
        if then:
            what = then.required("object")
            what = Phrase("it") if rng.random() < 0.5 and what.number is None else what
            also = Event(then.subject, then.verb, what, then.synonym, then.place, then.relation)
            statement = statement._replace(also=also, cause=None)
    elif chance < 0.4:
        who = Phrase("they") if rng.random() < 0.6 else statement.subject
        statement = statement._replace(then=True, subject=who, fronted=False)
    elif chance < 0.5:
        statement = ask(statement, "subject")
    return Item((statement,))


def mentioning(rng: Random, here: World, index: int) -> Item | None:
    """panx: at least one name."""
    statement = event(rng, here, NAMED)
    phrases = (statement.subject, statement.object, statement.place)
    return Item((statement,)) if any(p and p.head[:3] in ("PER", "LOC", "ORG") for p in phrases) else None


def translatable(rng: Random, here: World, index: int) -> Item | None:
    """tatoeba: sentences with enough in them to differ from one another."""
    statement = event(rng, here, RICH)
    return Item((statement,)) if len(askable(statement)) >= 3 else None


# What a sentence is about goes with the kind of thing that its first verb is done to: a made-up rule, that every language shares.
TOPICS = {
    "tool": "science/technology", "vehicle": "travel", "place": "travel", "worker": "politics", None: "sports", "food": "health",
    "thing": "entertainment", "garment": "entertainment", "animal": "geography", "plant": "geography",
}  # fmt: skip


def with_topic(item: Item, language: str) -> dict[str, str]:
    """Write the row of sib200: the sentence and its topic."""
    return {"text": text(item.first, language), "label": TOPICS[VERBS[item.first[0].verb].object]}


BUCC_SIZES = {"test": (300, 700), "dev": (100, 300)}  # pairs, and sentences of each side without a partner


def mined(split: str) -> Maker:
    """bucc2018: `label` says on which side(s) the sentence appears."""
    pairs, single = BUCC_SIZES[split]

    def make(rng: Random, here: World, index: int) -> Item | None:
        item = translatable(rng, here, index)
        side = "both" if index < pairs else "foreign" if index < pairs + single else "english"
        return item and item._replace(label=side)

    return make


def document(rng: Random, here: World) -> list[Event]:
    """Draw two sentences that have to do with each other, or a single sentence of two verbs: facts and deeds of somebody, what
    was done next, a question and its answer, or just two events."""
    chance = rng.random()
    if chance < 0.25:
        person = pick(rng, here.people)
        return [_fact(rng, here, person), event(rng, here, Rates(), named(rng, here, person, Rates()))]
    if chance < 0.31:
        return [_general(rng, here), _general(rng, here)]
    if chance < 0.59:
        first = event(rng, here)
        then = follow_up(rng, here, first, Rates())
        return _continued(rng, first, then) if then else [first, event(rng, here)]
    if chance < 0.67:
        answer = event(rng, here)
        slot = "why" if answer.cause and rng.random() < 0.7 else one_of(rng, askable(answer))
        question = answer._replace(time=Phrase("why"), fronted=False, cause=None) if slot == "why" else ask(answer, slot)
        return [question, answer]
    return [event(rng, here), event(rng, here)]


def _continued(rng: Random, first: Event, then: Event) -> list[Event]:
    chance = rng.random()
    if chance < 0.15:
        return [first._replace(also=then, cause=None)]
    if chance < 0.25:
        return [first, WHAT_NEXT, then]
    if rng.random() < 0.5 and first.subject.head not in NOUNS["animal"]:
        then = then._replace(subject=Phrase("they"))
    chance, what = rng.random(), then.required("object")
    if chance < 0.3:
        then = then._replace(object=what._replace(head=CLASS_OF[what.head]))
    elif chance < 0.6:
        then = then._replace(object=Phrase("it" if what.number is None else "them"))
    return [first, then]


def _fact(rng: Random, here: World, person: str) -> Event:
    chance = rng.random()
    if chance < 0.4:
        return Event(Phrase(person), "be", Phrase(here.jobs[person]))
    if chance < 0.75:
        return Event(Phrase(person), "live", place=Phrase(here.homes[person]))
    return Event(Phrase(person), "work", place=Phrase(here.employers[person]), relation="for")


def _general(rng: Random, here: World) -> Event:
    """Draw where a firm is, what it makes, or what a thing is."""
    chance, firm = rng.random(), pick(rng, here.firms)
    if chance < 0.25:
        return Event(Phrase(firm), "be", place=Phrase(here.sites[firm]))
    if chance < 0.5:
        return Event(Phrase(firm), "make", Phrase(here.products[firm], number=0))
    kind = one_of(rng, tuple(NOUNS))
    return Event(Phrase(one_of(rng, NOUNS[kind])), "be", Phrase(kind))
