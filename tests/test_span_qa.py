"""Question answering: windows over the context, the best span, when to give no answer."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stilts_xtreme.engine.tokenizer import train
from stilts_xtreme.models.heads import Limits, span_qa
from stilts_xtreme.scoring.qa import squad_scores
from stilts_xtreme.tasks.examples import Question

SHORT = Question("1", "mitu zu", "ka soraben lo paniku. dumi na vetora", ("lo paniku",), (11,))
TOKENIZER = train([f"{SHORT.question} {SHORT.context} lo na", "tibora zu hamelo", "ka lo na zu"] * 3, 50)  # long words split
WORDS = st.sampled_from(["ka", "mitu", "soraben", "lo", "paniku", "vetora", "zu", "hamelo", "kasora", "lomi.", "Ωx", "(na)"])


@st.composite
def questions(draw):
    words = draw(st.lists(WORDS, min_size=1, max_size=40))
    context = draw(st.sampled_from(["", " "])) + "  ".join(words)
    first = draw(st.integers(0, len(words) - 1))
    last = min(first + draw(st.integers(0, 1)), len(words) - 1)
    begin = len(context) - len("  ".join(words[first:]))
    answer = "  ".join(words[first : last + 1])
    assert context[begin : begin + len(answer)] == answer
    return Question("q", " ".join(draw(st.lists(WORDS, max_size=20))), context, (answer,), (begin,))


@given(questions(), st.integers(40, 60))
@settings(max_examples=80, deadline=None)
def test_gold_spans_survive_windows(question, longest):
    limits = Limits(longest, doc_stride=3, max_answer_length=30)
    features = span_qa.encode([question], TOKENIZER, (), limits, False)
    covered = set()
    for feature in features:
        assert len(feature["rows"][0]) <= longest
        covered.update(map(tuple, feature["spans"]))
    whole = TOKENIZER(question.context, add_special_tokens=False, return_offsets_mapping=True)
    assert covered == set(whole["offset_mapping"])
    # Logits that are certain of the gold positions: the first token in the windows that do not hold the answer.
    outputs = []
    for feature in features:
        logits = np.zeros((len(feature["rows"][0]), 2), dtype=np.float32)
        logits[feature["start"], 0] = logits[feature["end"], 1] = 30.0
        outputs.append(logits)
    assert any(feature["start"] for feature in features)
    assert span_qa.decode(outputs, features, [question], (), limits) == [question.answers[0]]
    assert span_qa.decode(outputs, features, [question], (), limits, no_answer_threshold=0.0) == [question.answers[0]]


def test_a_row_is_question_then_context_and_the_question_leaves_room():
    question = SHORT
    (feature,) = span_qa.encode([question], TOKENIZER, (), Limits(100), False)
    assert feature["rows"] == [TOKENIZER(question.question, question.context)["input_ids"]]
    at, spans = feature["context_at"], feature["spans"]
    assert feature["rows"][0][at - 2 : at] == [2, 2]
    assert question.context[spans[feature["start"] - at][0] : spans[feature["end"] - at][1]] == "lo paniku"
    long = Question("1", "mitu " * 200, "ka lo", ("lo",), (3,))
    for longest, kept in ((200, 64), (18, 7)):
        (feature,) = span_qa.encode([long], TOKENIZER, (), Limits(longest), False)
        assert feature["context_at"] == 1 + kept + 2 and feature["start"] > 0


def test_training_windows_without_the_answer_point_at_the_first_token():
    long = Question("2", "na", "tibora zu hamelo " * 4, ("zu hamelo",), (7,))
    features = span_qa.encode([long], TOKENIZER, (), Limits(18, doc_stride=5), True)
    assert len(features) > 2 and "spans" not in features[0]
    holding = [(feature["start"], feature["end"]) for feature in features]
    assert any(0 < first < last for first, last in holding) and holding[-1] == (0, 0)
    (feature,) = span_qa.encode([Question("3", "lo", "ka mitu", (), ())], TOKENIZER, (), Limits(18), True)
    assert (feature["start"], feature["end"]) == (0, 0)


@given(st.integers(1, 12), st.integers(1, 14), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_the_best_span_is_the_best_of_all(size, longest, seed):
    logits = np.random.default_rng(seed).normal(size=(size + 4, 2))
    logs = logits - np.log(np.exp(logits).sum(0))
    spans = [(logs[3 + i, 0] + logs[3 + j, 1], i, j) for i in range(size) for j in range(i, min(i + longest, size))]
    feature = {"rows": [[0] * (size + 4)], "example": 0, "context_at": 3, "spans": [(i, i + 1) for i in range(size)]}
    question = Question("q", "", "abcdefghijkl"[:size], (), ())
    score, first, last = max(spans)
    answer, limits = question.context[first : last + 1], Limits(20, max_answer_length=longest)
    assert span_qa.decode([logits], [feature], [question], (), limits) == [answer]
    margin = score - logs[0].sum()
    for line, expected in ((margin - 1e-6, answer), (margin + 1e-6, "")):
        assert span_qa.decode([logits], [feature], [question], (), limits, no_answer_threshold=line) == [expected]


@given(st.integers(1, 8), st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_the_tuned_threshold_is_as_good_as_any(count, seed):
    drawn = np.random.default_rng(seed)
    limits, context = Limits(20, max_answer_length=3), "ka lo mitu na zu"
    spans = [(0, 2), (3, 5), (6, 10), (11, 13), (14, 16)]
    examples, features, outputs = [], [], []
    for i in range(count):
        known = drawn.random() < 0.5
        examples.append(Question(str(i), "", context, ("mitu na",) if known else (), (6,) if known else ()))
        features.append({"rows": [[0] * 9], "example": i, "context_at": 3, "spans": spans})
        outputs.append(np.round(drawn.normal(size=(9, 2)), drawn.integers(0, 3)))

    def score(line):
        found = span_qa.decode(outputs, features, examples, (), limits, no_answer_threshold=line)
        predictions = {example.id: text for example, text in zip(examples, found, strict=True)}
        return squad_scores(predictions, {example.id: example.answers for example in examples})["f1"]

    line = span_qa.tune_threshold(outputs, features, examples, limits)
    assert math.isfinite(line)
    assert score(line) >= max(score(other) for other in np.linspace(-12.0123, 12.0456, 97)) - 1e-9
