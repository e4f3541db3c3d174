"""Multiple choice: how a story goes on (hellaswag), what it leaves unsaid (cosmosqa), what everybody knows (commonsenseqa).

Most wrong options break something other languages share: the object is another, or the verb does not go with it.
"""

from collections.abc import Sequence
from random import Random

from stilts_xtreme.data.miniature.changes import RICH, Item, fitting_adjectives, other, parts
from stilts_xtreme.data.miniature.words import CLASS_OF, NOUNS, OPPOSITE, THINGS, VERBS
from stilts_xtreme.data.miniature.world import Event, Phrase, World, described, event, follow_up, one_of, pick, someone

STORY = RICH._replace(adjective=0.25, number=0.0, place=0.4, time=0.3, synonym=0.0)
WHAT_NEXT = Event(Phrase("what"), "happen", time=Phrase("next"))
CHAINS = tuple(kind for kind in THINGS)  # classes whose objects go through chains of events
PLAIN = RICH._replace(adjective=0.3, place=0.3, time=0.3, origin=0.0, number=0.0)


def shuffled(
    rng: Random, right: Event | Phrase, wrong: Sequence[Event | Phrase], index: int
) -> tuple[str, tuple[Event | Phrase, ...]]:
    """Shuffle the wrong options and put the right option at a place given by `index` (so that labels are balanced).

    Returns (label, options).
    """
    wrong = list(wrong)
    rng.shuffle(wrong)
    label = index % (len(wrong) + 1)
    return str(label), (*wrong[:label], right, *wrong[label:])


def _story(rng: Random, here: World) -> tuple[Event, Event] | None:
    """Draw an event and what its subject then does to its object; None where its object takes part in no chain of events."""
    first = event(rng, here, STORY)
    if first.object is None or CLASS_OF.get(first.object.head) not in CHAINS:
        return None
    then = follow_up(rng, here, first, STORY)
    return (first, then) if then else None


def _endings(rng: Random, here: World, ending: Event) -> tuple[Event, list[Event]]:
    """The right continuation, and three wrong ones: another verb on the same object, another object of that class, both
    from elsewhere. Only verb and object count; the rest is left out."""
    what = ending.required("object")
    kind = CLASS_OF[what.head]
    far = one_of(rng, [k for k in CHAINS if k != kind])
    near, distant = other(rng, NOUNS[kind], what.head), one_of(rng, NOUNS[far])
    misfit = one_of(rng, [v.stem for v in VERBS.values() if v.object == far and v.subject == "person"])
    bare = Event(ending.subject, ending.verb, what, then=True)

    def as_class(phrase: Phrase) -> Phrase:
        return phrase._replace(head=CLASS_OF[phrase.head]) if widened else phrase

    widened = rng.random() < 0.4
    wrong = [
        bare._replace(verb=misfit, object=as_class(what)),
        bare._replace(object=Phrase(near, definite=True)),
        bare._replace(verb=misfit, object=as_class(Phrase(distant, definite=True))),
    ]
    return bare._replace(object=as_class(what)), wrong


def hellaswag(rng: Random, here: World, index: int) -> Item | None:
    """The options are whole sentences that start alike; the start is shown."""
    story = _story(rng, here)
    if story is None:
        return None
    first, then = story
    if rng.random() < 0.5:
        then = then._replace(subject=Phrase("they"))
    right, wrong = _endings(rng, here, then)
    label, options = shuffled(rng, right, wrong, index)
    return Item((first,), label=label, options=options)


def cosmosqa(rng: Random, here: World, index: int) -> Item | None:
    """A context of two sentences; asked is what happened next, why, or who it was."""
    story, chance = _story(rng, here), rng.random()
    if story is None:
        return None
    first, then = story
    right: Event | Phrase
    wrong: Sequence[Event | Phrase]
    context: tuple[Event, ...]
    aside = event(rng, here, PLAIN)
    if aside.subject.head == first.subject.head:
        return None
    if chance < 0.4:
        right, wrong = _endings(rng, here, then)
        context, question = (aside, first), WHAT_NEXT
    elif chance < 0.7:
        fitting = fitting_adjectives(CLASS_OF[first.required("object").head])
        adjective = pick(rng, here.causes[first.verb]) if first.verb in here.causes else one_of(rng, fitting)
        first = first._replace(cause=adjective, time=None, fronted=False)
        others = sorted({OPPOSITE[adjective], *fitting_adjectives(one_of(rng, CHAINS))} - {adjective})
        rng.shuffle(others)
        if len(others) < 3:
            return None
        right, wrong = Event(Phrase("it"), "be", Phrase(adjective)), [Event(Phrase("it"), "be", Phrase(a)) for a in others[:3]]
        context = (aside, first) if rng.random() < 0.5 else (first, aside)
        question = Event(first.subject, first.verb, first.object, time=Phrase("why"))
    else:
        context = (first, then._replace(subject=Phrase("they"), object=Phrase("it")), aside)
        question = then._replace(subject=Phrase("who"), then=False)
        if aside.verb == then.verb or not parts(then):
            return None
        answer, people = first.subject._replace(origin=None), [aside.subject._replace(origin=None)]
        while len(people) < 3:
            person = someone(rng, here, PLAIN)
            if person.head not in {answer.head, *(other.head for other in people)}:
                people.append(person)
        right, wrong = answer, people
    label, options = shuffled(rng, right, wrong, index)
    return Item(context, (question,), label, options=options)


def commonsenseqa(rng: Random, here: World, index: int) -> Item | None:
    """Five choices: the class of a thing, what a verb can be done to, where it is usually done, where people live and what
    they do."""
    chance = rng.random()
    if chance < 0.3:  # a small dog is what?
        kind = one_of(rng, tuple(k for k in NOUNS))
        noun = described(rng, here, one_of(rng, NOUNS[kind]), PLAIN._replace(adjective=0.7))
        question = Event(noun, "be", Phrase("what"))
        right, wrong = Phrase(kind), [Phrase(k) for k in rng.sample([k for k in NOUNS if k != kind], 4)]
    elif chance < 0.65:  # the tailor folded what in the kitchen?
        deed = event(rng, here, PLAIN)
        taken = VERBS[deed.verb].object
        if taken not in NOUNS or taken == "worker":
            return None
        question = deed._replace(object=Phrase("what"), negated=False)
        others = rng.sample([k for k in NOUNS if k not in (taken, "worker")], 4)
        right = described(rng, here, one_of(rng, NOUNS[taken]), PLAIN)
        wrong = [described(rng, here, one_of(rng, NOUNS[k]), PLAIN) for k in others]
    elif chance < 0.9:  # the baker sliced a pie where?
        deed = event(rng, here, PLAIN)
        if VERBS[deed.verb].object == "place":
            return None
        question = deed._replace(place=Phrase("where"), negated=False)
        table = here.places[deed.verb]
        shares = [b - a for a, b in zip((0.0, *table.bounds), table.bounds, strict=False)]
        ranked = [place for _, place in sorted(zip(shares, table.items, strict=True), reverse=True)]
        right, wrong = Phrase(ranked[0], definite=True), [Phrase(p, definite=True) for p in rng.sample(ranked[3:], 4)]
    else:
        person, home = pick(rng, here.people), rng.random() < 0.5
        answer = (here.homes if home else here.jobs)[person]
        pool = list(here.towns.items if home else here.workers.items)
        question = Event(Phrase(person), "live" if home else "be", None if home else Phrase("what"))
        question = question._replace(place=Phrase("where") if home else None)
        right, wrong = Phrase(answer), [Phrase(p) for p in rng.sample([p for p in pool if p != answer], 4)]
    label, options = shuffled(rng, right, wrong, index)
    return Item((), (question,), label, options=options)
