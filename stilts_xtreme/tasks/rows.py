"""How a canonical row becomes an example; None where the row is to be skipped (no gold label)."""

from stilts_xtreme.tasks.examples import Candidate, Choices, Example, Pair, Query, Question, Sentence, Tagged, Text
from stilts_xtreme.tasks.readers.lines import Row
from stilts_xtreme.tasks.readers.skipped import NO_LABEL, NO_TEXT


def nli_pair(row: Row) -> Pair | None:
    """Return premise and hypothesis; a row marked "-" (the annotators did not agree) is skipped."""
    return None if row["label"] == "-" else Pair(row["id"], row["premise"], row["hypothesis"], row["label"])


def qqp_pair(row: Row) -> Pair:
    """Return two questions, asking the same or not."""
    label = {"0": "not_duplicate", "1": "duplicate"}[row["is_duplicate"]]
    return Pair(row["id"], row["question1"], row["question2"], label)


def pawsx_pair(row: Row) -> Pair | None:
    """Return two sentences; a row with "NS" (a sentence that PAWS-X did not translate) is skipped, as a row marked "-" is."""
    return None if "NS" in (row["sentence1"].strip(), row["sentence2"].strip()) else pawsx_test_pair(row)


def pawsx_test_pair(row: Row) -> Pair | None:
    """Return two sentences of test data, also where either is "NS": XTREME scores all rows (third_party/processors/pawsx.py)."""
    return None if row["label"] == "-" else Pair(row["id"], row["sentence1"], row["sentence2"], row["label"])


def hellaswag_choices(row: Row) -> Choices:
    """Return the first part of the context, and its second part with each ending."""
    options = tuple(f"{row['ctx_b']} {ending}".strip() for ending in row["endings"])
    return Choices(row["id"], row["ctx_a"], options, int(row["label"]))


def cosmosqa_choices(row: Row) -> Choices:
    """Return the context, and the question with each answer."""
    options = tuple(f"{row['question']} {row[f'answer{i}']}" for i in range(4))
    return Choices(row["id"], row["context"], options, int(row["label"]))


def commonsenseqa_choices(row: Row) -> Choices:
    """Return the question and its answers, in the order of their letters as they stand."""
    labels, options = row["choices"]["label"], row["choices"]["text"]
    return Choices(row["id"], row["question"], tuple(options), list(labels).index(row["answerKey"]))


def siqa_choices(row: Row) -> Choices:
    """Return context and question, and each answer (order and wording of XTREME-R's runner, third_party/run_xcopa.py)."""
    options = (row["answerA"], row["answerB"], row["answerC"])
    return Choices(row["id"], f"{row['context']} {row['question']}", options, int(row["label"]) - 1)


def copa_choices(row: Row) -> Choices:
    """Return the premise with "What was the cause?" or "What was the effect?", and each choice.

    Order and wording of XTREME-R's runner (third_party/run_xcopa.py), where the question is English in every language.
    """
    first = f"{row['premise']} What was the {row['question']}?"
    return Choices(row["id"], first, (row["choice1"], row["choice2"]), int(row["label"]))


def tagged_sentence(row: Row) -> Tagged | None:
    """Return tokens and their tags; a sentence of underscores alone is skipped (a treebank that may not pass its text on)."""
    if all(token == "_" for token in row["tokens"]):
        return None
    return Tagged(row["id"], tuple(row["tokens"]), tuple(row["tags"]))


def squad_question(row: Row) -> Question:
    """Return question, passage and accepted answers, as in the SQuAD format; offset -1: the answer is not in the passage."""
    answers = row["answers"]
    return Question(row["id"], row["question"], row["context"], tuple(answers["text"]), tuple(answers["answer_start"]))


def bitext_sentence(row: Row) -> Sentence:
    """Return a sentence of either side of a bitext."""
    return Sentence(row["id"], row["text"], row["side"], row["match"])


def labelled_text(row: Row) -> Pair:
    """Return a text and its label."""
    return Pair(row["id"], row["text"], None, row["label"])


def labelled_pair(row: Row) -> Pair:
    """Return two texts and their label."""
    return Pair(row["id"], row["first"], row["second"], row["label"])


def question_choices(row: Row) -> Choices:
    """Return the context, and each choice; a question between them is part of the context."""
    first = " ".join(text for text in (row["context"], row["question"]) if text)
    return Choices(row["id"], first, tuple(row["options"]), int(row["label"]))


def match(row: Row) -> Query | Candidate:
    """Return a query with the ids of its right candidates, in training with a right candidate; or a candidate."""
    if "answers" not in row:
        return Candidate(row["id"], row["text"], row["second"])
    right = row.get("candidate")
    return Query(row["id"], row["query"], tuple(row["answers"]), Candidate(**right) if right else None)


def text_line(row: Row) -> Text:
    """Return a line of running text."""
    return Text(row["id"], row["text"])


# Fields of canonical rows that must hold text; of HellaSwag's ctx_a and ctx_b either may be empty.
_FIELDS = (
    "premise", "hypothesis", "sentence1", "sentence2", "question1", "question2", "context", "question", "query", "text",
    "answer0", "answer1", "answer2", "answer3", "answerA", "answerB", "answerC", "choice1", "choice2", "endings",
)  # fmt: skip


def why_skipped(row: Row) -> str:
    """Return the reason that a row function gave no example of this row."""
    if row.get("label") == "-":
        return NO_LABEL
    return NO_TEXT if "tokens" in row else "not translated (NS)" if "sentence1" in row else NO_LABEL


def lacks_text(row: Row, example: Example) -> bool:
    """Return whether a text of the row, or of the example made of it, is blank."""
    texts = [value for field in _FIELDS if field in row for value in _texts(row[field])]
    if isinstance(row.get("choices"), dict):
        texts += row["choices"].get("text", ())
    match example:
        case Pair():
            texts += [example.first] if example.second is None else [example.first, example.second]
        case Choices():
            texts += [f"{example.first}{row.get('ctx_b', '')}", *example.options]
        case Question():
            texts += [example.question, example.context]
        case Sentence() | Text() | Query() | Candidate():
            texts.append(example.text)
    return any(map(blank, texts))


def blank(text: str) -> bool:
    """Return whether nothing of the text can be seen: white space and invisible marks only."""
    return not any(sign.isprintable() and not sign.isspace() for sign in text)


def _texts(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
