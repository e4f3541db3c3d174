"""Questions on a context of a few sentences (squad, squad_v2, xquad, mlqa, tydiqa)."""

from random import Random

from stilts_xtreme.data.miniature.changes import (
    RICH,
    Item,
    ask,
    askable,
    fits,
    other_object,
    other_subject,
    other_verb,
    thin,
)
from stilts_xtreme.data.miniature.words import VERBS
from stilts_xtreme.data.miniature.world import Event, Phrase, World, event, one_of

CONTEXT = RICH._replace(adjective=0.35, number=0.3, place=0.65, time=0.55, origin=0.05)


def _context(rng: Random, here: World, answering: Event, sentences: int) -> list[Event]:
    """Draw sentences to stand beside the sentence asked about.

    They often have its verb, its subject or its object, so that no single word gives the answer away.
    """
    around = []
    for _ in range(sentences - 1):
        chance, apart = rng.random(), event(rng, here, CONTEXT)
        if chance < 0.35:
            apart = event(rng, here, CONTEXT, other_subject(rng, here, answering).subject, answering.verb)
        elif chance < 0.65:
            apart = event(rng, here, CONTEXT, answering.subject._replace(adjective=None))
        elif chance < 0.75 and answering.object:
            apart = other_subject(rng, here, other_verb(rng, answering) or apart)
        around.append(apart)
    return around


def _answerable(rng: Random, here: World, sentences: int, slots: tuple[str, ...], thinning: float) -> Item | None:
    answering = event(rng, here, CONTEXT)
    present = askable(answering)
    wanted = one_of(rng, [slot for slot in slots if slot in present])
    question = thin(rng, ask(answering, wanted), thinning, keep=wanted)
    context = _context(rng, here, answering, sentences)
    if any(fits(question, apart) for apart in context):
        return None
    at = int(rng.random() * sentences)
    context.insert(at, answering)
    return Item(tuple(context), (question,), str(at), wanted)


# Slots to ask for, each as often as it stands here; only those that the sentence fills count, and few sentences have a number.
SLOTS = ("subject", "object", "place", "place", "time", "time") + ("number",) * 4
SHORT_SLOTS = ("subject", "object") + ("place", "time") * 3 + ("number",) * 5


def squad(rng: Random, here: World, index: int) -> Item | None:
    """squad and xquad: two sentences."""
    return _answerable(rng, here, 2, SLOTS, 0.4)


def mlqa(rng: Random, here: World, index: int) -> Item | None:
    """Three sentences."""
    return _answerable(rng, here, 3, SLOTS, 0.4)


def tydiqa(rng: Random, here: World, index: int) -> Item | None:
    """Short questions, more of them for place, time and number."""
    return _answerable(rng, here, 2, SHORT_SLOTS, 0.9)


def squad_v2(rng: Random, here: World, index: int) -> Item | None:
    """As squad; every third question has no answer: it asks for a part that the context lacks, or about something else."""
    if index % 3 != 2:
        return squad(rng, here, index)
    near = event(rng, here, CONTEXT)
    missing = [slot for slot in ("place", "time") if slot not in askable(near) and VERBS[near.verb].object != "place"]
    if missing and rng.random() < 0.35:
        slot = one_of(rng, missing)
        question = thin(rng, near.with_phrase(slot, Phrase("where" if slot == "place" else "when")), 0.4, keep=slot)
        silent = slot
    else:
        slot = one_of(rng, askable(near))
        changes = [other_verb(rng, near)]
        changes += [other_subject(rng, here, near)] if slot != "subject" else []
        changes += [other_object(rng, here, near)] if slot not in ("object", "number") else []
        changed = one_of(rng, changes)
        if changed is None or slot not in askable(changed):
            return None
        question, silent = thin(rng, ask(changed, slot), 0.4, keep=slot), ""
    context = _context(rng, here, near, 2)
    if any(fits(question, apart) and not (silent and apart.phrase(silent) is None) for apart in [near, *context]):
        return None
    context.insert(int(rng.random() * 2), near)
    return Item(tuple(context), (question,), "", slot)
