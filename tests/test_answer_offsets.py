"""Answers of SQuAD-format data: wrong offsets, answers that stand nowhere, questions without any."""

import json
from pathlib import Path

import pytest
from test_read import put
from test_reading_counts import reading

from stilts_xtreme.data.inventory import check
from stilts_xtreme.tasks.readers.questions import MAX_SHIFT, offset_of

CONTEXT = "Cows eat hay. " * 20 + "Anna Berg built the mill. " + "Hens eat corn. " * 20
START = CONTEXT.index("Anna")


def squad(*answers: list[tuple[str, int]], context: str = CONTEXT) -> str:
    """A SQuAD file with one question for each list of (text, offset)."""
    questions = [
        {"id": f"q{i}", "question": "Who?", "answers": [{"text": text, "answer_start": start} for text, start in own]}
        for i, own in enumerate(answers)
    ]
    return json.dumps({"data": [{"title": "t", "paragraphs": [{"context": context, "qas": questions}]}]})


def test_an_offset_is_repaired_where_the_answer_stands_once_near_by() -> None:
    assert offset_of(CONTEXT, "Anna Berg", START) == START
    for wrong in (-7, 30, 1, MAX_SHIFT, -MAX_SHIFT):
        assert offset_of(CONTEXT, "Anna Berg", START + wrong) == START
    assert offset_of("Anna Berg ran.", "Anna Berg", -7) == 0 and offset_of("Bo sat.", "Bo", 7) == 0
    assert offset_of(CONTEXT, "Anna Berg", 0) is None  # too far away to be meant
    assert offset_of(CONTEXT, "Anna Berg", START + MAX_SHIFT + 1) is None
    assert offset_of(CONTEXT, "hay", START) is None and offset_of(CONTEXT, "Zoe", START) is None


TRAIN = {
    "squad": "squad_v1/train-v1.1.json", "squad_v2": "squad_v2/train-v2.0.json", "squad_retrieval": "squad_v1/train-v1.1.json",
    "tydiqa": "tydiqa/tydiqa-goldp-v1.1-train/tydiqa.goldp.en.train.json",
}  # fmt: skip


@pytest.mark.parametrize("task", TRAIN)
def test_training_data_has_answers_where_they_stand(task: str, tmp_path: Path) -> None:
    wrong = [[("Anna Berg", START)], [("Anna Berg", START + 30)], [("hay", START)], [("Zoe", 3)], [("Anna Berg", START - 7)]]
    found = reading(tmp_path, task, "train", {TRAIN[task]: squad(*wrong)})
    assert [example.id for example in found.examples] == ["q0", "q1", "q4"]
    assert (found.rows, found.dropped) == (5, 2) and found.counts.dropped == {"answer not in the context": 2}
    assert found.counts.noted == {"answer offset repaired": 2}
    assert found.counts.places["answer offset repaired"][0] == f"{TRAIN[task]}:data[0].paragraphs[0].qas[1]"
    if task == "squad_retrieval":
        assert {example.candidate.text for example in found.examples} == {"Anna Berg built the mill."}
    else:
        assert {(example.answers, example.starts) for example in found.examples} == {(("Anna Berg",), (START,))}


def test_of_several_answers_those_that_stand_there_are_trained_on(tmp_path: Path) -> None:
    found = reading(tmp_path, "squad", "train", {TRAIN["squad"]: squad([("Zoe", START), ("Anna Berg", START + 5)])})
    assert (found.examples[0].answers, found.examples[0].starts) == (("Anna Berg",), (START,))


def test_test_data_keeps_every_question(tmp_path: Path) -> None:
    """A span is scored by its text: the official scripts look at no offset."""
    found = reading(tmp_path, "xquad", "test", {"xquad/xquad.de.json": squad([("Zoe", 3)], [("Anna Berg", START + 4)])}, "de")
    assert [(example.answers, example.starts) for example in found.examples] == [(("Zoe",), (-1,)), (("Anna Berg",), (START,))]
    assert found.counts.noted == {"answer not in the context": 1, "answer offset repaired": 1} and not found.dropped


def test_lareqa_looks_for_the_sentence_the_answer_stands_in(tmp_path: Path) -> None:
    content = json.loads(squad([("Anna Berg", START + 30)], [("Zoe", 3)]))
    (paragraph,) = content["data"][0]["paragraphs"]
    paragraph["sentence_breaks"] = [[0, START - 1], [START, START + 25], [START + 26, len(CONTEXT)]]
    files = {"lareqa/xquad-r/en.json": json.dumps(content)}
    found = reading(tmp_path, "lareqa", "test", files)
    assert [example.answers for example in found.examples] == [("1-1",)]
    assert found.counts.dropped == {"answer not in the context": 1} and found.counts.noted == {"answer offset repaired": 1}


def test_the_pool_is_not_taken_for_the_questions(tmp_path: Path) -> None:
    content = json.loads(squad([("Anna Berg", START)]))
    content["data"][0]["paragraphs"][0]["sentence_breaks"] = [[0, START - 1], [START, START + 25], [START + 26, len(CONTEXT)]]
    where = put(tmp_path, {"lareqa/xquad-r/en.json": json.dumps(content)})
    counts = {one.split: one.rows for one in check(["lareqa"], where) if one.task == "lareqa" and one.rows}
    assert counts == {"test": 1, "pool": 3}


def test_questions_without_an_answer_are_for_squad_v2(tmp_path: Path) -> None:
    content = squad([("Anna Berg", START)], [], [])
    translated = "mlqa-translate-train/de_squad-translate-train-train-v1.1.json"
    for task, split, name, language in (
        ("squad", "train", TRAIN["squad"], "en"),
        ("squad", "translated", translated, "de"),
        ("squad_retrieval", "translated", translated, "de"),
    ):
        found = reading(tmp_path, task, split, {name: content}, language)
        assert (found.rows, len(found.examples)) == (3, 1) and found.counts.dropped == {"no answer": 2}
    found = reading(tmp_path, "squad_v2", "train", {TRAIN["squad_v2"]: content})
    assert len(found.examples) == 3 and not found.counts.noted
    found = reading(tmp_path, "xquad", "test", {"xquad/xquad.de.json": content}, "de")
    assert len(found.examples) == 3 and found.counts.noted == {"no answer": 2}
