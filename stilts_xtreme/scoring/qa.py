"""Exact match and word F1 of answers, as SQuAD v1.1 (for XQuAD, TyDi QA) and as MLQA define them."""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

PUNCTUATION = frozenset(string.punctuation)
ENGLISH_ARTICLES = re.compile(r"\b(a|an|the)\b")
# facebookresearch/MLQA, mlqa_evaluation_v1.py. Other languages (there: hi, zh) have no articles.
ARTICLES = {
    "ar": re.compile("ال"),  # wherever it stands: the script's other alternative, `\sال^`, can match nothing
    "de": re.compile(r"\b(ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b"),
    "en": ENGLISH_ARTICLES,
    "es": re.compile(r"\b(un|una|unos|unas|el|la|los|las)\b"),
    "vi": re.compile(r"\b(của|là|cái|chiếc|những)\b"),
}
IDEOGRAM = re.compile("([\u4e00-\u9fa5])")  # the script's range: no extensions


def squad_normal(text: str) -> str:
    """Lower case, without ASCII punctuation and the words a, an, the; one space between words. For every language alike."""
    kept = "".join(letter for letter in text.lower() if letter not in PUNCTUATION)
    return " ".join(ENGLISH_ARTICLES.sub(" ", kept).split())


def mlqa_normal(text: str, language: str) -> str:
    """Lower case, without Unicode punctuation and `language`'s articles; one space between words, in Chinese between ideograms.

    A language MLQA does not have is split at white space and loses no articles.
    """
    kept = "".join(letter for letter in text.lower() if not _is_punctuation(letter))
    if language in ARTICLES:
        kept = ARTICLES[language].sub(" ", kept)
    if language == "zh":
        kept = IDEOGRAM.sub(r" \1 ", kept)
    return " ".join(kept.split())


def squad_scores(predictions: Mapping[str, str], references: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """exact_match and f1, 0 to 100, averaged over the questions in `references` (id -> right answers).

    A prediction counts by its best match. No right answers means unanswerable: a prediction that normalises to nothing gets 100,
    any other 0. A question without a prediction gets 0; predictions for other questions do not count. ValueError without any.
    """
    return _scores(predictions, references, squad_normal)


def mlqa_scores(predictions: Mapping[str, str], references: Mapping[str, Sequence[str]], language: str) -> dict[str, float]:
    """As `squad_scores`, with MLQA's normalisation for `language`, the language of the answers."""
    return _scores(predictions, references, lambda text: mlqa_normal(text, language))


def _is_punctuation(letter: str) -> bool:
    return letter in PUNCTUATION or unicodedata.category(letter).startswith("P")


def _scores(
    predictions: Mapping[str, str], references: Mapping[str, Sequence[str]], normal: Callable[[str], str]
) -> dict[str, float]:
    if not references:
        raise ValueError("nothing to score: no questions")
    exact, f1 = 0, 0.0
    for question, answers in references.items():
        if question not in predictions:
            continue
        given = normal(predictions[question])
        if not answers:
            exact, f1 = exact + (given == ""), f1 + (given == "")
            continue
        wanted = [normal(answer) for answer in answers]
        exact += given in wanted
        f1 += max(_word_f1(given.split(), answer.split()) for answer in wanted)
    return {"exact_match": 100.0 * exact / len(references), "f1": 100.0 * f1 / len(references)}


def _word_f1(given: list[str], wanted: list[str]) -> float:
    both = (Counter(given) & Counter(wanted)).total()
    return 2.0 * both / (len(given) + len(wanted)) if both else 0.0
