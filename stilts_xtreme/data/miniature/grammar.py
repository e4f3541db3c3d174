"""From an event to a sentence of a language, as text or as tagged words."""

from functools import lru_cache
from typing import NamedTuple

from stilts_xtreme.data.miniature.lexicon import LANGUAGE_INFO, lexicon
from stilts_xtreme.data.miniature.words import VERBS
from stilts_xtreme.data.miniature.world import Event, Phrase

PRONOUNS = ("they", "it", "them")
ASKING = {"who": "PRON", "what": "PRON", "where": "ADV", "when": "ADV", "why": "ADV"}


class Word(NamedTuple):
    """A word with its part of speech (UD), its name tag (BIO) and its category (CCG; meant for English)."""

    form: str
    pos: str
    name: str
    category: str


class Chunk(NamedTuple):
    """Words that belong together; `slot` says what they are in the sentence."""

    slot: str
    text: str
    words: tuple[Word, ...]


def _chunk(slot: str, words: list[Word]) -> Chunk:
    words = [word for word in words if word.form]
    return Chunk(slot, " ".join(word.form for word in words), tuple(words))


def _name(key: str, code: str) -> list[Word]:
    kind, words = key[:3], lexicon(code).names[key]
    return [
        Word(form, "PROPN", f"{'I' if i else 'B'}-{kind}", "N" if i == len(words) - 1 else "N/N") for i, form in enumerate(words)
    ]


def _noun(phrase: Phrase, case: str, code: str) -> list[Word]:
    """Write article or "how many", number, adjective and noun in the order of the language."""
    lex, number = lexicon(code), phrase.number
    noun = [Word(lex.nouns[phrase.head, number is not None, case if LANGUAGE_INFO[code].cases else ""], "NOUN", "O", "N")]
    if phrase.adjective:
        adjective = Word(lex.adjectives[phrase.adjective], "ADJ", "O", "N/N")
        noun = [adjective, *noun] if LANGUAGE_INFO[code].adjective == "before" else [*noun, adjective]
    if number == -1:
        forms = lex.words["how many"].split()
        return [Word(form, "ADV" if len(forms) > 1 and i == 0 else "ADJ", "O", "NP/N") for i, form in enumerate(forms)] + noun
    front = []
    if phrase.definite:
        front.append(Word(lex.words["the"], "DET", "O", "NP/N"))
    elif number is None:
        article = lex.words["a"]
        if code == "en" and noun[0].form[0] in "aeiou":
            article = "an"
        front.append(Word(article, "DET", "O", "NP/N"))
    if number:
        front.append(Word(str(number), "NUM", "O", "N/N" if phrase.definite else "NP/N"))
    return front + noun


@lru_cache(maxsize=100_000)
def phrase_chunk(phrase: Phrase, slot: str, code: str) -> Chunk:
    """Write a noun phrase as subject, object or place."""
    lex, head = lexicon(code), phrase.head
    if head in ASKING:
        category = "S[wq]/(S[dcl]\\NP)" if slot == "subject" else "NP"
        return _chunk(slot, [Word(lex.words[head], ASKING[head], "O", category)])
    if head in PRONOUNS:
        return _chunk(slot, [Word(lex.words[head], "PRON", "O", "NP")])
    if head in lex.names:
        words = _name(head, code)
        if phrase.origin:
            words += _adposition("from", "(NP\\NP)/NP", _name(phrase.origin, code), code)
        return _chunk(slot, words)
    return _chunk(slot, _noun(phrase, slot if slot != "subject" else "", code))


def _adposition(word: str, category: str, words: list[Word], code: str) -> list[Word]:
    adposition = [Word(lexicon(code).words[word], "ADP", "O", category)]
    return adposition + words if LANGUAGE_INFO[code].adposition == "before" else words + adposition


@lru_cache(maxsize=10_000)
def _word(kind: str, key: str, slot: str, pos: str, category: str, code: str) -> Chunk:
    """Look a word up in the lexicon's table `kind`."""
    return _chunk(slot, [Word(getattr(lexicon(code), kind)[key], pos, "O", category)])


@lru_cache(maxsize=1_000)
def _verb(stem: str, synonym: bool, transitive: bool, placed: bool, code: str) -> Chunk:
    if stem == "was":
        return _word("words", "was", "verb", "AUX", "(S[dcl]\\NP)/(S[adj]\\NP)", code)
    if stem == "be":
        return _word("words", "is", "verb", "AUX", "(S[dcl]\\NP)/PP" if placed else "(S[dcl]\\NP)/NP", code)
    if stem in VERBS:
        other = VERBS[stem].synonym if synonym else None
        stem = other[0] if other else stem
        return _word("verbs", stem, "verb", "VERB", "(S[dcl]\\NP)/NP" if transitive else "S[dcl]\\NP", code)
    category = "(S[dcl]\\NP)/PP" if placed else "(S[dcl]\\NP)/NP" if transitive else "S[dcl]\\NP"
    return _word("facts", stem, "verb", "VERB", category, code)


@lru_cache(maxsize=10_000)
def _place(place: Phrase, relation: str, argument: bool, code: str) -> tuple[Chunk, ...]:
    where = phrase_chunk(place, "place", code)
    if place.head in ASKING:
        return (where,)
    category = "PP/NP" if argument else "((S\\NP)\\(S\\NP))/NP"
    relation_word = _word("words", relation, "relation", "ADP", category, code)
    return (relation_word, where) if LANGUAGE_INFO[code].adposition == "before" else (where, relation_word)


def _time(time: Phrase, fronted: bool, code: str) -> Chunk:
    if time.head in ASKING:
        return phrase_chunk(time, "time", code)
    kind = "times" if time.head in lexicon(code).times else "words"
    return _word(kind, time.head, "time", "ADV", "S/S" if fronted else "(S\\NP)\\(S\\NP)", code)


def _predicate(event: Event, code: str) -> list[Chunk]:
    """Write everything but the subject and what stands before it."""
    fact = event.verb not in VERBS
    verb = [_verb(event.verb, event.synonym, event.object is not None, event.place is not None, code)]
    if event.negated:
        verb.insert(0, _word("words", "never", "negation", "ADV", "(S\\NP)/(S\\NP)", code))
    if event.verb == "was":  # its object is an adjective: "the car was dirty"
        what = [_word("adjectives", event.required("object").head, "object", "ADJ", "S[adj]\\NP", code)]
    else:
        what = [phrase_chunk(event.object, "object", code)] if event.object else []
    around = list(_place(event.place, event.relation, fact, code)) if event.place else []
    if event.time and not event.fronted:
        around.append(_time(event.time, False, code))
    return verb + what + around if LANGUAGE_INFO[code].order == "SVO" else around + what + verb


@lru_cache(maxsize=1_000)
def _cause(adjective: str, code: str) -> Chunk:
    """ "because it was dirty" """
    lex = lexicon(code)
    was = Word(lex.words["was"], "AUX", "O", "(S[dcl]\\NP)/(S[adj]\\NP)")
    state = Word(lex.adjectives[adjective], "ADJ", "O", "S[adj]\\NP")
    words = [Word(lex.words["because"], "SCONJ", "O", "((S\\NP)\\(S\\NP))/S[dcl]"), Word(lex.words["it"], "PRON", "O", "NP")]
    return _chunk("cause", words + ([was, state] if LANGUAGE_INFO[code].order == "SVO" else [state, was]))


def chunks(event: Event, code: str) -> list[Chunk]:
    """Write a sentence as its parts, without the final mark."""
    parts = []
    if event.then:
        parts.append(_word("words", "then", "then", "ADV", "S/S", code))
    if event.time and event.fronted:
        parts.append(_time(event.time, True, code))
    parts.append(phrase_chunk(event.subject, "subject", code))
    parts += _predicate(event, code)
    if event.also:
        parts.append(_word("words", "and", "and", "CCONJ", "conj", code))
        parts += [part._replace(slot="also") for part in _predicate(event.also, code)]
    if event.cause:
        parts.append(_cause(event.cause, code))
    return parts


def is_question(event: Event) -> bool:
    """Return whether any of its parts asks."""
    for part in (event.subject, event.object, event.place, event.time):
        if part and (part.head in ASKING or part.number == -1):
            return True
    return False


def sentence(event: Event, code: str) -> str:
    """Write a sentence; the final mark is attached to its last word."""
    return " ".join([part.text for part in chunks(event, code)]) + ("?" if is_question(event) else ".")


def text(events: tuple[Event, ...] | list[Event], code: str) -> str:
    """Write several sentences."""
    return " ".join(sentence(event, code) for event in events)


def words(event: Event, code: str) -> list[Word]:
    """Write a sentence as tagged words; the final mark is a word of its own."""
    mark = "?" if is_question(event) else "."
    return [word for part in chunks(event, code) for word in part.words] + [Word(mark, "PUNCT", "O", mark)]


def verb_phrase(event: Event, code: str) -> str:
    """Write a sentence without its subject and what stands before it: "sold it in the market."."""
    return " ".join(part.text for part in _predicate(event, code)) + "."


def noun_phrase(phrase: Phrase, code: str, slot: str = "subject") -> str:
    """Write a noun phrase alone."""
    return phrase_chunk(phrase, slot, code).text


def locate(event: Event, slot: str, code: str) -> tuple[int, str]:
    """Find a part in a sentence: its offset in characters and its text; slot "number" is the number of the object.

    Raises ValueError where the sentence does not have it.
    """
    at = 0
    for part in chunks(event, code):
        if part.slot == slot:
            return at, part.text
        if part.slot == "object" and slot == "number":
            for word in part.words:
                if word.pos == "NUM":
                    return at, word.form
                at += len(word.form) + 1
        at += len(part.text) + 1
    raise ValueError(f"no {slot} in {event}")
