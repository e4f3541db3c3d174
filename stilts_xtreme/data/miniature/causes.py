"""Multiple choice of causes and effects: why and what next (siqa), the cause or the effect of something (copa, xcopa).

What causes what stands in the world's tables `causes` and `nexts`. Options come as rivals: each is right for its own premise
and wrong for the other's, and either may be asked about, so that the options alone give nothing away.
No other task and no running text says "near" of a town or "the car was dirty", and every premise here says either:
none can stand in another task's rows or in the text, and none of their rows had to change for these.
"""

from random import Random

from stilts_xtreme.data.miniature.changes import RICH, Item
from stilts_xtreme.data.miniature.choices import CHAINS, WHAT_NEXT, shuffled
from stilts_xtreme.data.miniature.words import NOUNS, VERBS
from stilts_xtreme.data.miniature.world import Event, Phrase, Table, World, event, one_of, pick, someone

PREMISE = RICH._replace(adjective=0.3, place=0.0, time=0.3, origin=0.05, synonym=0.0)
LIKELY, TIMES = 0.2, 3  # a right pairing's least share in its table, and how many times that of any wrong pairing
ALIKE = 0.5  # how often the rivals are verbs for the same things
DOERS = {kind: [v.stem for v in VERBS.values() if v.object == kind and v.subject != "animal"] for kind in CHAINS}
IT, THEY = Phrase("it"), Phrase("they")


def _share(table: Table, item: str) -> float:
    """Return the probability of an item; 0 where the table does not have it."""
    if item not in table.items:
        return 0.0
    at = table.items.index(item)
    return table.bounds[at] - (table.bounds[at - 1] if at else 0.0)


def _rivals(rng: Random, tables: dict[str, Table], count: int, alike: float) -> list[tuple[str, str]] | None:
    """Draw verbs, each with what it goes with by its table, clearly more so than the others do; None where it is not so clear."""
    kinds = (one_of(rng, CHAINS),) if rng.random() < alike else CHAINS
    verbs = rng.sample([verb for kind in kinds for verb in DOERS[kind]], count)
    pairs = [(verb, pick(rng, tables[verb])) for verb in verbs]
    own = min(_share(tables[verb], word) for verb, word in pairs)
    crossed = max(_share(tables[rival], word) for rival, _ in pairs for verb, word in pairs if rival != verb)
    clear = own >= LIKELY and own >= TIMES * crossed and not {word for _, word in pairs} & set(verbs)
    return pairs if clear else None


def _near(rng: Random, here: World, premise: Event) -> Event:
    return premise._replace(place=Phrase(pick(rng, here.towns)), relation="near")


def _deed(rng: Random, here: World, verb: str, noun: str) -> Event:
    """Draw an event: somebody does it to the thing, near a town."""
    what = Phrase(noun, definite=rng.random() < 0.5)
    return _near(rng, here, event(rng, here, PREMISE, someone(rng, here, PREMISE), verb, what))


def _state(adjective: str, what: Phrase = IT) -> Event:
    return Event(what, "was", Phrase(adjective))


def _thing(rng: Random, verb: str) -> str:
    """Draw a thing of the verb's kind, all alike: which of them it is says nothing of the verb."""
    return one_of(rng, NOUNS[VERBS[verb].object_class()])


def siqa(rng: Random, here: World, index: int) -> Item | None:
    """Three answers to: why somebody did something, what they did next, or what was done to a thing that was so."""
    chance = rng.random()
    pairs = _rivals(rng, here.causes, 3, ALIKE) if chance < 0.7 else _rivals(rng, here.nexts, 3, 0.0)
    if pairs is None:
        return None
    verb, noun = pairs[0][0], _thing(rng, pairs[0][0])
    if 0.35 <= chance < 0.7:
        premise, who = _near(rng, here, _state(pairs[0][1], Phrase(noun, definite=True))), someone(rng, here, PREMISE)
        question, answers = WHAT_NEXT, [Event(who, other, IT, then=True) for other, _ in pairs]
    else:
        premise = _deed(rng, here, verb, noun)
        why = premise._replace(time=Phrase("why"), fronted=False)
        question = why if chance < 0.35 else WHAT_NEXT
        answers = [_state(word) if chance < 0.35 else Event(THEY, word, IT, then=True) for _, word in pairs]
    label, options = shuffled(rng, answers[0], answers[1:], index)
    return Item((premise,), (question,), label, options=options)


def copa(rng: Random, here: World, index: int) -> Item | None:
    """copa and xcopa: a deed and the state it came from, or a deed and the next deed; asked is for either of the two."""
    states, slot = rng.random() < 0.5, "cause" if rng.random() < 0.5 else "effect"
    pairs = _rivals(rng, here.causes if states else here.nexts, 2, ALIKE)
    if pairs is None:
        return None
    (verb, word), noun = pairs[0], _thing(rng, pairs[0][0])
    if states and slot == "cause":
        premise, choices = _deed(rng, here, verb, noun), [_state(other) for _, other in pairs]
    elif states:
        premise, who = _near(rng, here, _state(word, Phrase(noun, definite=True))), someone(rng, here, PREMISE)
        choices = [Event(who, other, IT, then=True) for other, _ in pairs]
    elif slot == "cause":
        premise, choices = _deed(rng, here, word, noun), [Event(THEY, other, IT) for other, _ in pairs]
    else:
        premise, choices = _deed(rng, here, verb, noun), [Event(THEY, other, IT, then=True) for _, other in pairs]
    label, options = shuffled(rng, choices[0], choices[1:], index)
    return Item((premise,), (), label, slot, options)
