import re
import string
import sys
import unicodedata
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from stilts_xtreme.scoring.qa import mlqa_scores, normalize_mlqa, normalize_squad, squad_scores

CASES = yaml.safe_load((Path(__file__).parent / "cases" / "scoring_qa.yaml").read_text(encoding="utf-8"))


def normal(way: str, text: str) -> str:
    return normalize_squad(text) if way == "squad" else normalize_mlqa(text, way)


def scores(way: str, predictions: dict[str, str], references: dict[str, list[str]]) -> list[float]:
    found = squad_scores(predictions, references) if way == "squad" else mlqa_scores(predictions, references, way)
    assert set(found) == {"exact_match", "f1"}
    return [found["exact_match"], found["f1"]]


@pytest.mark.parametrize("case", CASES["normal"], ids=lambda case: f"{case['as']}: {case['text']}")
def test_normalisation(case: dict) -> None:
    assert normal(case["as"], case["text"]) == case["normal"]


@pytest.mark.parametrize("case", CASES["scores"], ids=lambda case: f"{case['as']}: {case['prediction']}")
def test_scores(case: dict) -> None:
    assert scores(case["as"], {"q": case["prediction"]}, {"q": case["answers"]}) == pytest.approx(case["scores"], abs=1e-9)


def test_average_over_the_questions_asked() -> None:
    references = {"right": ["x"], "missing": ["y"], "half": ["u v w"], "missing and unanswerable": []}
    predictions = {"right": "x", "half": "u", "another": "z"}
    assert scores("squad", predictions, references) == pytest.approx([25, (100 + 50) / 4])


def test_no_questions() -> None:
    with pytest.raises(ValueError):
        squad_scores({"q": "x"}, {})


# The official definitions once more, by another road: word by word over lists.
WORDS = {
    "squad": "a an the",
    "en": "a an the",
    "es": "un una unos unas el la los las",
    "de": "ein eine einen einem eines einer der die das den dem des",
    "vi": "của là cái chiếc những",
}
ASCII = set(string.punctuation)
UNICODE = {chr(i) for i in range(sys.maxunicode + 1) if unicodedata.category(chr(i))[0] == "P"} | ASCII


def slow_tokens(way: str, text: str) -> list[str]:
    marks = ASCII if way == "squad" else UNICODE
    text = "".join("" if letter in marks else letter for letter in text.lower())
    if way == "ar":
        text = text.replace("ال", " ")
    if way == "zh":
        text = "".join(f" {letter} " if "\u4e00" <= letter <= "\u9fa5" else letter for letter in text)
    if way in WORDS:  # an article is a whole word: letters, digits and "_" without a neighbour of that kind
        pieces = re.split(r"(\w+)", text)
        text = "".join(" " if piece in WORDS[way].split() else piece for piece in pieces)
    return text.split()


def slow_f1(given_words: list[str], wanted: list[str]) -> float:
    left, shared = list(wanted), 0
    for word in given_words:
        if word in left:
            left.remove(word)
            shared += 1
    if not shared:
        return 0.0
    precision, recall = shared / len(given_words), shared / len(wanted)
    return 2 * precision * recall / (precision + recall)


PIECES = st.sampled_from(
    "a an the The theory el la los là của những der die ein x y word ال كتاب بال".split()
    + "中 北京 文学 龦 「 」 、 । ' - $ ¿ é İ ß 10 _".split()
    + [" ", "  ", "\u00a0", "\u2028", "\u3000"]
)
TEXT = st.lists(PIECES, max_size=6).map("".join) | st.lists(PIECES, max_size=6).map(" ".join)


@pytest.mark.parametrize("way", ["squad", "ar", "de", "en", "es", "hi", "vi", "zh"])
def test_against_a_literal_evaluation(way: str) -> None:
    @given(st.lists(st.tuples(TEXT, st.lists(TEXT, max_size=3)), min_size=1, max_size=3))
    @settings(deadline=None)
    def check(questions: list[tuple[str, list[str]]]) -> None:
        exact = f1 = 0.0
        for prediction, answers in questions:
            ours = slow_tokens(way, prediction)
            every = [slow_tokens(way, answer) for answer in answers]
            exact += any(ours == answer for answer in every or [[]])
            f1 += max(slow_f1(ours, answer) for answer in every) if every else not ours
        found = scores(way, {str(n): q[0] for n, q in enumerate(questions)}, {str(n): q[1] for n, q in enumerate(questions)})
        assert found == pytest.approx([100 * exact / len(questions), 100 * f1 / len(questions)])

    check()


@given(TEXT, st.sampled_from(["squad", "en", "es", "zh"]))
@settings(deadline=None)
def test_an_answer_matches_itself(text: str, way: str) -> None:
    assert scores(way, {"q": text}, {"q": [text]})[0] == 100
