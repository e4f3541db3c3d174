"""Exact match and token F1 of answers, as defined by SQuAD v1.1 (used for XQuAD, TyDi QA) and by MLQA."""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

PUNCTUATION = frozenset(string.punctuation)
ENGLISH_ARTICLES = re.compile(r"\b(a|an|the)\b")
# facebookresearch/MLQA, mlqa_evaluation_v1.py. Other languages (there: hi, zh) have no articles.
ARTICLES = {
    "ar": re.compile("ال"),  # anywhere in a word: the script's other alternative, `\sال^`, can match nothing
    "de": re.compile(r"\b(ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b"),
    "en": ENGLISH_ARTICLES,
    "es": re.compile(r"\b(un|una|unos|unas|el|la|los|las)\b"),
    "vi": re.compile(r"\b(của|là|cái|chiếc|những)\b"),
}
IDEOGRAM = re.compile("([\u4e00-\u9fa5])")  # the script's range: no extensions


def normalize_squad(text: str) -> str:
    """Lower-case, remove ASCII punctuation and the words a, an, the, collapse white space; the same for all languages."""
    without_punctuation = "".join(letter for letter in text.lower() if letter not in PUNCTUATION)
    return " ".join(ENGLISH_ARTICLES.sub(" ", without_punctuation).split())


def normalize_mlqa(text: str, language: str) -> str:
    """Lower-case, remove Unicode punctuation and the articles of `language`, collapse white space; Chinese is split by character.

    Languages that MLQA does not have are split at white space and have no articles.
    """
    normalized = "".join(letter for letter in text.lower() if not _is_punctuation(letter))
    if language in ARTICLES:
        normalized = ARTICLES[language].sub(" ", normalized)
    if language == "zh":
        normalized = IDEOGRAM.sub(r" \1 ", normalized)
    return " ".join(normalized.split())


def squad_scores(predictions: Mapping[str, str], references: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Return {"exact_match", "f1"}, 0 to 100, averaged over the questions in `references`.

    `predictions`: question id -> answer; `references`: question id -> gold answers, of which the best match counts. A question
    without gold answers is unanswerable: a prediction that normalizes to the empty string scores 100, any other 0. A question
    without a prediction scores 0; predictions for other questions are ignored. Raises ValueError without references.
    """
    return _scores(predictions, references, normalize_squad)


def mlqa_scores(predictions: Mapping[str, str], references: Mapping[str, Sequence[str]], language: str) -> dict[str, float]:
    """Score like `squad_scores`, with MLQA's normalization for `language`, the language of the answers."""
    return _scores(predictions, references, lambda text: normalize_mlqa(text, language))


def _is_punctuation(letter: str) -> bool:
    return letter in PUNCTUATION or unicodedata.category(letter).startswith("P")


def _scores(
    predictions: Mapping[str, str], references: Mapping[str, Sequence[str]], normalize: Callable[[str], str]
) -> dict[str, float]:
    if not references:
        raise ValueError("nothing to score: no questions")
    exact, f1 = 0, 0.0
    for question, answers in references.items():
        if question not in predictions:
            continue
        prediction = normalize(predictions[question])
        if not answers:
            exact, f1 = exact + (prediction == ""), f1 + (prediction == "")
            continue
        gold = [normalize(answer) for answer in answers]
        exact += prediction in gold
        f1 += max(_token_f1(prediction.split(), answer.split()) for answer in gold)
    return {"exact_match": 100.0 * exact / len(references), "f1": 100.0 * f1 / len(references)}


def _token_f1(prediction: list[str], gold: list[str]) -> float:
    common = (Counter(prediction) & Counter(gold)).total()
    return 2.0 * common / (len(prediction) + len(gold)) if common else 0.0
