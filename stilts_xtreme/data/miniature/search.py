"""Retrieval: sentences that answer a question (squad_retrieval, lareqa), entities behind names (mewslix).

Nothing is drawn for them but which of several names is asked for and in which language an entity is described: questions are
those of squad and xquad, sentences with names those of panx and ccg, so that what is kept apart there is kept apart here.
"""

from stilts_xtreme.data.miniature.changes import Item
from stilts_xtreme.data.miniature.grammar import Word, sentence, text, words
from stilts_xtreme.data.miniature.lexicon import LANGUAGES, lexicon
from stilts_xtreme.data.miniature.world import FIRMS, PEOPLE, TOWNS, Event, Phrase, World, generator, one_of
from stilts_xtreme.tasks.readers.lines import Row

ENTITIES = PEOPLE + TOWNS + FIRMS


def sentence_match(number: int, item: Item, language: str, whole: bool) -> Row:
    """Make a query: a question and the id "ITEM-SENTENCE" of the sentence with its answer; `whole`: that sentence too."""
    right: Row = {"id": f"{number}-{item.label}", "text": sentence(item.first[int(item.label)], language)}
    row: Row = {"query": text(item.second, language), "answers": [right["id"]]}
    return row | {"candidate": {**right, "second": text(item.first, language)}} if whole else row


def item_sentences(number: int, item: Item, language: str) -> list[Row]:
    """Make a candidate of every sentence of an item's context."""
    context = text(item.first, language)
    return [{"id": f"{number}-{s}", "text": sentence(e, language), "second": context} for s, e in enumerate(item.first)]


def mentions(items: list[Item], language: str, here: World, seed: int, split: str) -> list[Row]:
    """Make a query of a name in each sentence that has any, the same in all languages.

    In training it comes with its entity, described in English.
    """
    rows: list[Row] = []
    for number, item in enumerate(items):
        keys = named(item.first[0])
        if keys:
            key = one_of(generator("mewslix", split, seed, number), keys)
            row: Row = {"query": _marked(words(item.first[0], language), lexicon(language).names[key]), "answers": [key]}
            rows.append(row if split == "test" else row | {"candidate": _entity(key, "en", here)})
    return rows


def named(event: Event) -> list[str]:
    """List the entities that an event names, each once."""
    keys = [phrase.head for phrase in (event.subject, event.object, event.place) if phrase]
    keys += [phrase.origin for phrase in (event.subject, event.object) if phrase and phrase.origin]
    return [key for key in dict.fromkeys(keys) if key in ENTITIES]


def entities(here: World, seed: int) -> list[Row]:
    """Describe all entities of the world, each in a single language."""
    return [_entity(key, one_of(generator("mewslix", "pool", seed, key), LANGUAGES), here) for key in ENTITIES]


def _marked(tagged: list[Word], name: tuple[str, ...]) -> str:
    """Write the sentence with the name in braces, and before it the name again, as Mewsli-X's mentions are read."""
    forms = [word.form for word in tagged]
    tags = [word.name[:1] for word in tagged]
    at = next(i for i in range(len(forms)) if tags[i] == "B" and tuple(forms[i : i + len(name)]) == name)
    before, after = forms[:at], forms[at + len(name) : -1]
    return " ".join([*name[:-1], name[-1] + ":", *before, "{", *name, "}", *after]) + forms[-1]


def _entity(key: str, language: str, here: World) -> Row:
    """Describe somebody, a town or a firm in up to three sentences."""
    who = Phrase(key)
    if key in PEOPLE:
        facts = [
            Event(who, "be", Phrase(here.jobs[key])),
            Event(who, "live", place=Phrase(here.homes[key])),
            Event(who, "work", place=Phrase(here.employers[key]), relation="for"),
        ]
    elif key in FIRMS:
        facts = [
            Event(who, "be", place=Phrase(here.sites[key])),
            Event(who, "make", Phrase(here.products[key], number=0)),
        ]
    else:
        firms = [firm for firm in FIRMS if here.sites[firm] == key]
        people = [person for person in PEOPLE if here.homes[person] == key]
        facts = [Event(Phrase(firm), "be", place=who) for firm in firms] + [Event(Phrase(p), "live", place=who) for p in people]
        # a town without facts is known by its name
    return {"id": key, "text": text(facts[:3], language) or " ".join(lexicon(language).names[key]) + ".", "second": ""}
