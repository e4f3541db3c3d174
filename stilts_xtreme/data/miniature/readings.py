"""The rows of every task: drawn once as events, kept apart between splits, then put into words of each language."""

from collections.abc import Callable, Iterator
from functools import lru_cache

from stilts_xtreme.data.miniature import causes, choices, pairs, reading, search, sentences
from stilts_xtreme.data.miniature.changes import Item, Maker
from stilts_xtreme.data.miniature.grammar import Chunk, locate, noun_phrase, sentence, text, verb_phrase, words
from stilts_xtreme.data.miniature.grammar import chunks as parts_of
from stilts_xtreme.data.miniature.lexicon import LANGUAGE_INFO, LANGUAGES, lexicon
from stilts_xtreme.data.miniature.world import Event, Phrase, generator, world
from stilts_xtreme.tasks.readers.lines import Row
from stilts_xtreme.utils.errors import UserError
from stilts_xtreme.utils.languages import MANY

FOREIGN = LANGUAGES[1:]
PAIRS = tuple(f"{context}-{question}" for context in LANGUAGES for question in LANGUAGES if context != question)
MAKERS: dict[str, Maker] = {
    "mnli": pairs.nli,
    "snli": pairs.snli,
    "anli": pairs.anli,
    "xnli": pairs.nli,
    "qqp": pairs.qqp,
    "pawsx": pairs.paws,
    "squad": reading.squad,
    "squad_v2": reading.squad_v2,
    "xquad": reading.squad,
    "mlqa": reading.mlqa,
    "tydiqa": reading.tydiqa,
    "hellaswag": choices.hellaswag,
    "cosmosqa": choices.cosmosqa,
    "commonsenseqa": choices.commonsenseqa,
    "ccg": sentences.varied,
    "udpos": sentences.varied,
    "panx": sentences.mentioning,
    "tatoeba": sentences.translatable,
    "siqa": causes.siqa,
    "copa": causes.copa,
    "xcopa": causes.copa,
}
TRAIN_SIZES = {
    "mnli": 12000,
    "snli": 4000,
    "anli": 4000,
    "qqp": 6000,
    "squad": 8000,
    "squad_v2": 8000,
    "hellaswag": 3000,
    "ccg": 4000,
    "cosmosqa": 3000,
    "commonsenseqa": 3000,
    "pawsx": 6000,
    "udpos": 1500,
    "panx": 1500,
    "tydiqa": 1500,
    "siqa": 1500,
    "copa": 400,
}
TESTED = ("xnli", "pawsx", "udpos", "panx", "xquad", "mlqa", "tydiqa", "xcopa")
OWN = ("udpos", "panx", "tydiqa", "sib200")  # as their releases, these have training data in every language
DEV_SIZE = TEST_SIZE = 400
SMALL_DEV = {"siqa": 200, "copa": 200}
# Tasks made of other tasks' items: of which tasks, by split.
BORROWED: dict[str, dict[str, tuple[str, ...]]] = {
    "squad_retrieval": {"train": ("squad",), "dev": ("squad",), "translated": ("squad",)},
    "lareqa": {"test": ("xquad",), "pool": ("xquad",)},
    "mewslix": {"train": ("panx", "ccg"), "dev": ("panx",), "test": ("panx",), "pool": ()},
    "sib200": {"train": ("udpos",), "dev": ("udpos",), "test": ("udpos",), "translated": ("udpos",)},
}

NAMES = (*MAKERS, "bucc2018", "text", *BORROWED)  # of the tasks that can be read here


def languages(task: str, split: str) -> tuple[str, ...]:
    """List the languages a task can be read in (none: there is no such reading).

    "translated" is what a translator without fault would make of the English training data. "xa-xb" (mlqa) is a context in the
    first language with a question in the second.
    """
    if task == "text":
        return LANGUAGES if split in ("train", "dev") else ()
    if task in BORROWED:
        if split not in BORROWED[task]:
            return ()
        own = LANGUAGES if task in OWN else ("en",)
        codes = {"train": own, "dev": ("en",), "translated": FOREIGN, "test": LANGUAGES}
        return codes.get(split) or (LANGUAGES if task == "lareqa" else (MANY,))
    if task == "bucc2018":
        return FOREIGN if split in ("dev", "test") else ()
    if task == "tatoeba":
        return FOREIGN if split == "test" else ()
    if split == "test":
        return (LANGUAGES + (PAIRS if task == "mlqa" else ())) if task in TESTED else ()
    codes = {"train": LANGUAGES if task in OWN else ("en",), "dev": ("en",), "translated": FOREIGN}
    return codes.get(split, ()) if task in TRAIN_SIZES else ()


def expected_rows(task: str, split: str, language: str) -> int:
    """Count the rows of a reading (bucc2018 and tatoeba: sentences of both sides); not for tasks made of other tasks' items."""
    if language not in languages(task, split):
        return 0
    if task == "bucc2018":
        return 2 * sum(sentences.BUCC_SIZES[split])
    if task == "tatoeba":
        return 2 * TEST_SIZE
    if split in ("train", "translated"):
        return LANGUAGE_INFO[language].documents if task == "text" else TRAIN_SIZES[task]
    return TEST_SIZE if split == "test" else SMALL_DEV.get(task, DEV_SIZE)


@lru_cache(maxsize=256)
def items(task: str, split: str, seed: int) -> tuple[Item, ...]:
    """Draw the examples of a task before they are put into words, no two alike. No English sentence of a test is in any dev or
    train item, and none of a dev item in train."""
    if task == "bucc2018":
        make, count = sentences.mined(split), sum(sentences.BUCC_SIZES[split]) + sentences.BUCC_SIZES[split][1]
    else:
        make = MAKERS[task]
        count = TEST_SIZE if task == "tatoeba" else expected_rows(task, split, "en")
    if split == "test":
        withheld = frozenset[str]()
    else:
        withheld = _sentences("test", "en", seed) if split == "dev" else held_out("en", seed)
    rng, here = generator(task, split, seed), world(seed)
    drawn, seen = list[Item](), set[tuple[object, ...]]()
    while len(drawn) < count:
        item = make(rng, here, len(drawn))
        if item is None:
            continue
        written = tuple(sentence(event, "en") for event in item.first + item.second)
        key = written + item.options
        if key not in seen and withheld.isdisjoint(written):
            seen.add(key)
            drawn.append(item)
    rng.shuffle(drawn)
    return tuple(drawn)


@lru_cache(maxsize=64)
def _sentences(split: str, language: str, seed: int) -> frozenset[str]:
    tasks = (*TESTED, "bucc2018", "tatoeba") if split == "test" else (*TRAIN_SIZES, "bucc2018")
    return frozenset(
        sentence(event, language)
        for task in tasks
        for item in items(task, split, seed)
        for event in item.first + item.second
        if event != choices.WHAT_NEXT  # "what happened next?" is no secret
    )


@lru_cache(maxsize=16)
def held_out(language: str, seed: int) -> frozenset[str]:
    """Collect every sentence of a test or dev item, in this language: none is in training rows or in running text."""
    return _sentences("test", language, seed) | _sentences("dev", language, seed)


def check(task: str, split: str, language: str) -> None:
    """Raise UserError for a task, split or language the miniature world does not have."""
    there = languages(task, split)
    if language not in there:
        nothing = "it has no such split of this task" if task in NAMES else f"tasks: {', '.join(NAMES)}"
        known = f"it has {', '.join(there)}" if there else nothing
        raise UserError(f"miniature world: there is no {task} {split} in {language!r}; {known}")


def rows(task: str, split: str, language: str, seed: int) -> list[Row]:
    """Return the canonical rows of a reading; the same `seed` is the same world for every task, split and language.

    Raises UserError for a task, split or language the miniature world does not have."""
    check(task, split, language)
    if task == "text":
        return [{"id": str(i), "text": line} for i, line in enumerate(text_lines(language, seed, split))]
    if task in ("tatoeba", "bucc2018"):
        return _bitext(task, split, language, seed)
    if task in BORROWED:
        return _borrowed(task, split, language, seed)
    if split == "translated":
        return _written(task, "train", language, seed)
    if "-" in language:
        context, question = (rows(task, split, code, seed) for code in language.split("-"))
        return [{**row, "question": other["question"]} for row, other in zip(context, question, strict=True)]
    return _written(task, split, language, seed)


def _written(task: str, split: str, language: str, seed: int) -> list[Row]:
    write = WRITERS[task]
    return [{"id": f"{task}-{split}-{i}", **write(item, language)} for i, item in enumerate(items(task, split, seed))]


@lru_cache(maxsize=16)
def text_lines(language: str, seed: int, split: str = "train") -> tuple[str, ...]:
    """Return the running text of a language, a document of about 14 words a line; languages do not share documents."""
    return tuple(_documents(language, seed, split))


def _documents(language: str, seed: int, split: str) -> Iterator[str]:
    rng, here, withheld = generator("text", split, language, seed), world(seed), held_out(language, seed)
    taken = set(text_lines(language, seed, "dev")) if split == "train" else set[str]()
    left = expected_rows("text", split, language)
    while left:
        written = [sentence(event, language) for event in sentences.document(rng, here)]
        line = " ".join(written)
        if withheld.isdisjoint(written) and line not in taken:
            left -= 1
            yield line


def _pair(item: Item, language: str) -> tuple[str, str]:
    return text(item.first, language), text(item.second, language)


def _inference(item: Item, language: str) -> Row:
    premise, hypothesis = _pair(item, language)
    return {"premise": premise, "hypothesis": hypothesis, "label": item.label}


def _questions(item: Item, language: str) -> Row:
    first, second = _pair(item, language)
    return {"question1": first, "question2": second, "is_duplicate": item.label}


def _paraphrase(item: Item, language: str) -> Row:
    first, second = _pair(item, language)
    return {"sentence1": first, "sentence2": second, "label": item.label}


def _question(item: Item, language: str) -> Row:
    context = [sentence(event, language) for event in item.first]
    answers: dict[str, list[str] | list[int]] = {"text": [], "answer_start": []}
    if item.label:
        at = int(item.label)
        start, answer = locate(item.first[at], item.slot, language)
        answers = {"text": [answer], "answer_start": [start + sum(len(before) + 1 for before in context[:at])]}
    return {"context": " ".join(context), "question": text(item.second, language), "answers": answers}


def _hellaswag(item: Item, language: str) -> Row:
    options = [option for option in item.options if isinstance(option, Event)]
    then, who = _start(options[0], language)
    endings = [verb_phrase(option, language) for option in options]
    return {"ctx_a": text(item.first, language), "ctx_b": f"{then} {who}", "endings": endings, "label": item.label}


def _start(event: Event, language: str) -> tuple[str, str]:
    parts: dict[str, Chunk] = {part.slot: part for part in parts_of(event, language)}
    return parts["then"].text, parts["subject"].text


def _option(option: Event | Phrase, language: str) -> str:
    """Write an option as it stands: a sentence, a noun phrase, or for "it is dirty" the state."""
    if isinstance(option, Phrase):
        return noun_phrase(option, language)
    if option.verb == "be":
        return lexicon(language).adjectives[option.required("object").head]
    return sentence(option, language)


def _cosmosqa(item: Item, language: str) -> Row:
    context, question = _pair(item, language)
    answers = {f"answer{i}": _option(option, language) for i, option in enumerate(item.options)}
    return {"context": context, "question": question, **answers, "label": item.label}


def _commonsenseqa(item: Item, language: str) -> Row:
    options = [_option(option, language) for option in item.options]
    names = list("ABCDE")
    return {
        "question": text(item.second, language),
        "choices": {"label": names, "text": options},
        "answerKey": names[int(item.label)],
    }


def _siqa(item: Item, language: str) -> Row:
    context, question = _pair(item, language)
    answers = {f"answer{name}": _option(option, language) for name, option in zip("ABC", item.options, strict=True)}
    return {"context": context, "question": question, **answers, "label": str(int(item.label) + 1)}


def _copa(item: Item, language: str) -> Row:
    first, second = (_option(option, language) for option in item.options)
    options = {"choice1": first, "choice2": second}
    return {"premise": text(item.first, language), **options, "question": item.slot, "label": item.label}


def _tagged(field: str) -> Callable[[Item, str], Row]:
    def write(item: Item, language: str) -> Row:
        tagged = words(item.first[0], language)
        return {"tokens": [word.form for word in tagged], "tags": [getattr(word, field) for word in tagged]}

    return write


WRITERS: dict[str, Callable[[Item, str], Row]] = (
    dict.fromkeys(("mnli", "snli", "anli", "xnli"), _inference)
    | dict.fromkeys(("squad", "squad_v2", "xquad", "mlqa", "tydiqa"), _question)
    | {"qqp": _questions, "pawsx": _paraphrase, "hellaswag": _hellaswag, "cosmosqa": _cosmosqa, "commonsenseqa": _commonsenseqa}
    | {"siqa": _siqa, "copa": _copa, "xcopa": _copa}
    | {"udpos": _tagged("pos"), "panx": _tagged("name"), "ccg": _tagged("category")}
)


def _borrowed(task: str, split: str, language: str, seed: int) -> list[Row]:
    """Make rows of other tasks' items; a pool's candidates have their own ids, by which queries name them."""
    borrowed = [
        item
        for source in BORROWED[task][split]
        for item in items(source, {"pool": "test", "translated": "train"}.get(split, split), seed)
    ]
    if task == "mewslix" and split == "pool":
        return search.entities(world(seed), seed)
    if split == "pool":
        return [row for i, item in enumerate(borrowed) for row in search.item_sentences(i, item, language)]
    if task == "sib200":
        queries = [sentences.with_topic(item, language) for item in borrowed]
    elif task == "mewslix":
        queries = search.mentions(borrowed, language, world(seed), seed, split)
    else:
        whole = task == "squad_retrieval"
        queries = [search.sentence_match(i, item, language, whole=whole) for i, item in enumerate(borrowed)]
    return [{"id": f"{task}-{split}-{i}", **row} for i, row in enumerate(queries)]


def _bitext(task: str, split: str, language: str, seed: int) -> list[Row]:
    """Return foreign sentences, then English ones, each side in an order of its own; in tatoeba each has a partner."""
    rng = generator(task, split, seed, "order")
    numbered = list(enumerate(items(task, split, seed)))
    sides = {}
    for side, code in (("foreign", language), ("english", "en")):
        rng.shuffle(numbered)
        mine = [(i, item) for i, item in numbered if item.label in ("", "both", side)]
        sides[side] = [
            {
                "id": f"{code}-{i}",
                "text": text(item.first, code),
                "side": side,
                "match": f"{'en' if side == 'foreign' else language}-{i}" if item.label in ("", "both") else None,
            }
            for i, item in mine
        ]
    return sides["foreign"] + sides["english"]
