import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from itertools import combinations

import pytest

from stilts_xtreme.data.miniature import LANGUAGE_INFO, LANGUAGES, expected_rows, languages, readings, rows
from stilts_xtreme.data.miniature.choices import WHAT_NEXT
from stilts_xtreme.data.miniature.grammar import sentence
from stilts_xtreme.data.miniature.lexicon import lexicon
from stilts_xtreme.data.miniature.sentences import document
from stilts_xtreme.data.miniature.world import TOWNS, Event, Phrase, event, generator, world
from stilts_xtreme.utils.errors import UserError

SEED = 0
FOREIGN = LANGUAGES[1:]
TASKS = (*readings.MAKERS, "bucc2018", "text")
WRITTEN = ("en", "xd", "xe")  # languages whose whole running text is read here: the others' would take seconds more
READINGS = [
    (task, split, code)
    for task in TASKS
    for split in ("train", "dev", "test")
    for code in languages(task, split)
    if (task, split) != ("text", "train") or code in WRITTEN
]
QUESTIONS = ("squad", "squad_v2", "xquad", "mlqa", "tydiqa")
FIELDS = (
    dict.fromkeys(("mnli", "snli", "anli", "xnli"), "id premise hypothesis label")
    | dict.fromkeys(QUESTIONS, "id context question answers")
    | dict.fromkeys(("udpos", "panx", "ccg"), "id tokens tags")
    | dict.fromkeys(("tatoeba", "bucc2018"), "id text side match")
    | {
        "qqp": "id question1 question2 is_duplicate",
        "pawsx": "id sentence1 sentence2 label",
        "hellaswag": "id ctx_a ctx_b endings label",
        "cosmosqa": "id context question answer0 answer1 answer2 answer3 label",
        "commonsenseqa": "id question choices answerKey",
        "siqa": "id context question answerA answerB answerC label",
        "copa": "id premise choice1 choice2 question label",
        "xcopa": "id premise choice1 choice2 question label",
        "text": "id text",
    }
)
LABELS = {
    "mnli": ("label", {"entailment", "neutral", "contradiction"}),
    "snli": ("label", {"entailment", "neutral", "contradiction"}),
    "anli": ("label", {"entailment", "neutral", "contradiction"}),
    "xnli": ("label", {"entailment", "neutral", "contradiction"}),
    "qqp": ("is_duplicate", {"0", "1"}),
    "pawsx": ("label", {"0", "1"}),
    "hellaswag": ("label", set("0123")),
    "cosmosqa": ("label", set("0123")),
    "commonsenseqa": ("answerKey", set("ABCDE")),
    "siqa": ("label", set("123")),
    "copa": ("label", set("01")),
    "xcopa": ("label", set("01")),
}
UD = {"ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "NOUN", "NUM", "PRON", "PROPN", "PUNCT", "SCONJ", "VERB"}
BIO = {"O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"}
NO_TEXT = {"id", "match", "side", "label", "is_duplicate", "tags", "ctx_b", "endings", "choices", "choice1", "choice2"}
CONTROL = (
    "anli/dev/en",
    "commonsenseqa/train/en",
    "bucc2018/test/xd",
    "mlqa/test/xc",
    "text/dev/xe",
    "siqa/train/en",
    "xcopa/test/xb",
)


@pytest.fixture(scope="module")
def read():
    """Every reading, each made once."""
    made = {}

    def get(task, split, code):
        if (task, split, code) not in made:
            made[task, split, code] = rows(task, split, code, SEED)
        return made[task, split, code]

    return get


def digest(found):
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def strings(value):
    """Every text of a row that is a statement or a question; tokens are joined, options left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key == "tokens":
                yield " ".join(inner[:-1]) + inner[-1]
            elif key not in NO_TEXT and not key.startswith("answer"):
                yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def sentences(found):
    """The single sentences of all texts of rows, but for the one question that is asked again and again."""
    for row in found:
        for text in strings(row):
            for part in text.replace("?", "?\n").replace(".", ".\n").split("\n"):
                if part.strip().endswith((".", "?")) and part.strip() != "what happened next?":
                    yield part.strip()


@pytest.mark.parametrize(("task", "split", "code"), READINGS)
def test_rows_have_their_fields_their_number_and_unlike_ids(read, task, split, code):
    found = read(task, split, code)
    assert len(found) == expected_rows(task, split, code) > 0
    assert len({row["id"] for row in found}) == len(found)
    for row in found:
        assert list(row) == FIELDS[task].split()
        assert isinstance(row["id"], str)
        assert all(text and text == text.strip() and "  " not in text and " ." not in text for text in strings(row))


def test_contract_sizes():
    def count(task, split, code="en"):
        return expected_rows(task, split, code)

    assert [count("text", "train", code) for code in LANGUAGES] == [20000, 20000, 20000, 10000, 10000, 2500]
    assert {task: count(task, "train") for task in readings.TRAIN_SIZES} == readings.TRAIN_SIZES
    assert all(count(task, "test", code) == 400 for task in readings.TESTED for code in LANGUAGES)
    assert (count("tatoeba", "test", "xa"), count("bucc2018", "test", "xa"), count("bucc2018", "dev", "xa")) == (800, 2000, 800)


@pytest.mark.parametrize("reading", [("squad", "test", "en"), ("tatoeba", "test", "en"), ("mnli", "train", "xa")])
def test_a_reading_that_is_not_there_is_a_user_error(reading):
    with pytest.raises(UserError, match="miniature world"):
        rows(*reading, SEED)


@pytest.mark.parametrize(("task", "split", "code"), [r for r in READINGS if r[0] in LABELS])
def test_labels_are_balanced(read, task, split, code):
    field, labels = LABELS[task]
    counts = Counter(row[field] for row in read(task, split, code))
    assert set(counts) == labels
    assert max(counts.values()) - min(counts.values()) <= 1


@pytest.mark.parametrize(("task", "split", "code"), [r for r in READINGS if r[0] in QUESTIONS])
def test_answers_stand_where_they_say(read, task, split, code):
    found, kinds = read(task, split, code), Counter()
    for row in found:
        texts, starts = row["answers"]["text"], row["answers"]["answer_start"]
        assert len(texts) == len(starts) <= 1
        kinds[len(texts)] += 1
        for text, start in zip(texts, starts, strict=True):
            assert row["context"][start : start + len(text)] == text
            before, after = row["context"][:start], row["context"][start + len(text)]
            assert (not before or before.endswith(" ")) and after in " ."
    assert kinds[0] == (len(found) // 3 if task == "squad_v2" else 0)


@pytest.mark.parametrize(("task", "tags"), [("udpos", UD), ("panx", BIO)])
def test_tags_are_known_and_all_occur_in_every_language(read, task, tags):
    for code in LANGUAGES:
        found = read(task, "test", code)
        assert {tag for row in found for tag in row["tags"]} == tags
        assert all(len(row["tokens"]) == len(row["tags"]) for row in found)


def test_names_follow_bio(read):
    for row in read("panx", "train", "en"):
        for before, tag in zip(["O", *row["tags"]], row["tags"], strict=False):
            assert not tag.startswith("I-") or before[2:] == tag[2:]


def test_supertags_are_many_and_words_have_several(read):
    found = [pair for row in read("ccg", "train", "en") for pair in zip(row["tokens"], row["tags"], strict=True)]
    assert len({tag for _, tag in found}) >= 15
    assert len({tag for word, tag in found if word == "light"}) > 1


@pytest.mark.parametrize("code", LANGUAGES)
def test_homonyms_have_several_parts_of_speech(read, code):
    seen = {}
    for row in [*read("udpos", "test", code), *(read("udpos", "train", "en") if code == "en" else [])]:
        for token, tag in zip(row["tokens"], row["tags"], strict=True):
            seen.setdefault(token, set()).add(tag)
    assert sum(len(tags) > 1 for tags in seen.values()) >= 2


def offers(row):
    """A row of causes and effects: premise and question, the options by the words the others lack, the right one."""
    if "premise" in row:
        told, found, label = f"{row['premise']} {row['question']}", [row["choice1"], row["choice2"]], int(row["label"])
    else:
        told, found = f"{row['context']} {row['question']}", [row[f"answer{letter}"] for letter in "ABC"]
        label = int(row["label"]) - 1
    words = [set(option.split()) for option in found]
    return told, [one - set.intersection(*words) for one in words], label


def guessed(train, test, cues):
    """Accuracy of choosing, by its `cues`, the option that was right the most often when it was offered in the training rows."""
    offered, right = Counter(), Counter()
    for row in train:
        told, options, label = offers(row)
        for i, option in enumerate(options):
            offered.update(cues(told, option))
            right.update(cues(told, option) if i == label else ())
    hits = 0
    for row in test:
        told, options, label = offers(row)
        rates = [[(right[cue] + 1) / (offered[cue] + len(options)) for cue in cues(told, option)] for option in options]
        best = [sum(rate) / len(rate) for rate in rates]
        hits += best[label] == max(best) and best.count(max(best)) == 1
    return 100 * hits / len(test)


@pytest.mark.parametrize(
    ("task", "source", "split"), [("siqa", "siqa", "dev"), ("copa", "copa", "dev"), ("xcopa", "copa", "test")]
)
def test_options_alone_do_not_tell_cause_from_effect(read, task, source, split):
    train, test = read(source, "train", "en"), read(task, split, "en")
    chance = 100 / len(offers(test[0])[1])
    noise = 3 * (chance * (100 - chance) / len(test)) ** 0.5
    alone = guessed(train, test, lambda told, option: sorted(option))
    asked = guessed(train, test, lambda told, option: [(told.split()[-1], word) for word in sorted(option)])
    assert alone < chance + noise and asked < chance + noise
    # With the words of the premise there is something to learn, even for a counter of words.
    known = guessed(train, test, lambda told, option: [(a, b) for a in told.split() for b in sorted(option)])
    assert known > chance + noise


def test_premises_of_causes_and_effects_are_of_a_kind_that_nothing_else_has():
    def marked(said):
        return said.verb == "was" or (said.relation == "near" and said.place is not None and said.place.head in TOWNS)

    for task in (*readings.MAKERS, "bucc2018"):
        for split in ("train", "dev", "test"):
            if languages(task, split):
                said = [e for item in readings.items(task, split, SEED) for e in item.first + item.second if e != WHAT_NEXT]
                assert {marked(event) for event in said} == {task in ("siqa", "copa", "xcopa")}
    rng, here = generator("documents"), world(SEED)
    assert not any(marked(event) for _ in range(5000) for event in document(rng, here))


def shape(row):
    """What a row keeps in every language: its label, its numbers, how many sentences it has; or how often each tag occurs."""
    if "tags" in row:
        return Counter(row["tags"])
    keep = [row[field] for field in ("label", "is_duplicate") if field in row]
    digits = sorted(word for text in strings(row) for word in text.replace(".", " ").split() if word.isdigit())
    return keep, digits, sum(text.count(".") + text.count("?") for text in strings(row))


@pytest.mark.parametrize("task", readings.TESTED)
@pytest.mark.parametrize("code", FOREIGN)
def test_tests_are_parallel(read, task, code):
    english, foreign = read(task, "test", "en"), read(task, "test", code)
    assert [row["id"] for row in english] == [row["id"] for row in foreign]
    for one, other in zip(english, foreign, strict=True):
        a, b = shape(one), shape(other)
        if task == "udpos":  # "how many" is two words in English alone
            assert a - b <= Counter(ADV=1) and not b - a
        else:
            assert a == b
    assert sum(list(strings(a)) != list(strings(b)) for a, b in zip(english, foreign, strict=True)) > 390


@pytest.mark.parametrize("task", ["tatoeba", "bucc2018"])
@pytest.mark.parametrize("code", FOREIGN)
def test_partners_point_at_each_other(read, task, code):
    found = read(task, "test", code)
    by_id = {row["id"]: row for row in found}
    pairs = [row for row in found if row["side"] == "foreign" and row["match"]]
    assert len(pairs) == (400 if task == "tatoeba" else 300)
    for row in pairs:
        partner = by_id[row["match"]]
        assert (partner["match"], partner["side"]) == (row["id"], "english")
    assert Counter(row["side"] for row in found) == dict.fromkeys(("foreign", "english"), len(found) // 2)
    texts = {row["text"] for row in found if row["side"] == "english"}
    assert len(texts) == len(found) // 2


def test_no_test_sentence_is_in_train_or_dev_and_no_dev_sentence_in_train(read):
    english = {split: set[str]() for split in ("train", "dev", "test")}
    for task, split, code in READINGS:
        if code == "en" and task != "text":
            english[split].update(sentences(read(task, split, code)))
    for split in ("dev", "test"):
        found = read("bucc2018", split, "xa") + (read("tatoeba", split, "xa") if split == "test" else [])
        english[split].update(row["text"] for row in found if row["side"] == "english")
    assert not english["test"] & english["dev"]
    assert not english["test"] & english["train"]
    assert not english["dev"] & english["train"]


@pytest.mark.parametrize("code", WRITTEN)
def test_no_evaluation_sentence_is_in_the_running_text(read, code):
    evaluation = set[str]()
    for task, split, language in READINGS:
        if language == code and split != "train" and task != "text":
            found = read(task, split, code)
            evaluation.update(sentences(row for row in found if row.get("side", "foreign") == "foreign"))
    text, dev = read("text", "train", code), read("text", "dev", code)
    assert len(evaluation) > 5000
    assert not evaluation & set(sentences(text))
    assert not evaluation & set(sentences(dev))
    assert not {row["text"] for row in text} & {row["text"] for row in dev}


def test_running_text_is_not_parallel(read):
    def numbers(code):
        return [[w for w in row["text"].split() if w.isdigit()] for row in read("text", "train", code)]

    for code in WRITTEN[1:]:
        both = [(a, b) for a, b in zip(numbers("en"), numbers(code), strict=False) if a or b]
        assert sum(a == b for a, b in both) < len(both) * 0.1


@pytest.mark.parametrize("code", LANGUAGES)
def test_no_two_concepts_of_a_class_are_spelled_alike(code):
    lex = lexicon(code)
    singular = [form for (_, many, case), form in lex.nouns.items() if not many and not case]
    for forms in (singular, *(table.values() for table in (lex.adjectives, lex.verbs, lex.times, lex.names))):
        assert len(set(forms)) == len(forms)
    grammar = [form for key, form in lex.words.items() if code != "en" or key != "before"]
    assert len(set(grammar)) == len(grammar)


@pytest.mark.parametrize(("one", "two"), combinations(LANGUAGES, 2))
def test_lexicons_differ_but_for_borrowed_words(one, two):
    a, b = lexicon(one), lexicon(two)
    nouns = {noun for noun, many, case in a.nouns if not many and not case}
    same = sum(a.nouns[noun, False, ""] == b.nouns[noun, False, ""] for noun in nouns)
    assert same <= len(nouns) * 0.35
    assert sum(a.words[word] == b.words[word] for word in a.words) <= 2
    if LANGUAGE_INFO[one].script != LANGUAGE_INFO[two].script:
        assert same == 0


def test_word_order_and_adpositions():
    said = Event(Phrase("doctor", "rich"), "buy", Phrase("car", definite=True), place=Phrase("park", definite=True))

    def gloss(code):
        lex = lexicon(code)
        case = "place" if LANGUAGE_INFO[code].cases else ""
        known = {
            lex.adjectives["rich"]: "rich",
            lex.nouns["doctor", False, ""]: "doctor",
            lex.verbs["buy"]: "bought",
            lex.nouns["car", False, "object" if case else ""]: "car",
            lex.words["in"]: "in",
            lex.nouns["park", False, case]: "park",
        }
        return " ".join(known[word] for word in sentence(said, code)[:-1].split() if word in known)

    assert gloss("en") == gloss("xa") == gloss("xc") == gloss("xe") == "rich doctor bought car in park"
    assert gloss("xb") == "doctor rich bought car in park"
    assert gloss("xd") == "rich doctor park in car bought"


def test_english_articles_agree():
    said = Event(Phrase("owl"), "eat", Phrase("apple", "old"))
    assert sentence(said, "en") == "an owl ate an old apple."
    assert sentence(Event(Phrase("PER0"), "eat", Phrase("pie", number=3)), "en").endswith(" ate 3 pies.")


def test_seed_changes_the_world_not_the_words():
    draws = {seed: [sentence(event(generator("x"), world(seed)), "en") for _ in range(5)] for seed in (0, 1)}
    assert draws[0] != draws[1]
    assert world(0).homes != world(1).homes
    assert rows("xnli", "test", "xb", 1) != rows("xnli", "test", "xb", 0)


def test_same_rows_in_another_process(read):
    program = "\n".join(
        (
            "import hashlib, json, sys",
            "from stilts_xtreme.data.miniature import rows",
            "for reading in sys.argv[1:]:",
            f"    found = rows(*reading.split('/'), {SEED})",
            "    print(hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest())",
        )
    )
    other = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    environment = os.environ | {"PYTHONHASHSEED": other, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", program, *CONTROL]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert told.stdout.split() == [digest(read(*reading.split("/"))) for reading in CONTROL]
