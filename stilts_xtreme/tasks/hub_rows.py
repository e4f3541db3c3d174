"""How a row of a hub data set becomes a canonical row: a function for each layout.

Class labels arrive as their names (never as indices: data sets order NLI labels differently), a missing label as "-".
`row["row"]` is the row's number in its split, from 0, for data sets without ids.
"""

from stilts_xtreme.tasks.readers import Skipped, aligned, sentence_search, tydiqa_language
from stilts_xtreme.tasks.readers.choices import without_markers
from stilts_xtreme.tasks.readers.lines import Row


def nli(row: Row) -> Row:
    """GLUE MNLI (idx), ANLI (uid), SNLI and XNLI (no id)."""
    name = row.get("uid", row.get("idx", row["row"]))
    return {"id": str(name), "premise": row["premise"], "hypothesis": row["hypothesis"], "label": row["label"]}


def qqp(row: Row) -> Row | None:
    """GLUE QQP; None without a label."""
    label = {"not_duplicate": "0", "duplicate": "1"}.get(row["label"])
    canonical = {"id": str(row["idx"]), "question1": row["question1"], "question2": row["question2"], "is_duplicate": label}
    return None if label is None else canonical


def pawsx(row: Row) -> Row:
    """PAWS-X; the class names are "0" and "1"."""
    return {"id": str(row["id"]), "sentence1": row["sentence1"], "sentence2": row["sentence2"], "label": row["label"]}


def panx(row: Row) -> Row:
    """XTREME PAN-X; the language prefix is already taken off the tokens."""
    return {"id": str(row["row"]), "tokens": row["tokens"], "tags": row["ner_tags"]}


def sib200(row: Row) -> Row:
    """SIB-200; the category is a word."""
    return {"id": str(row["index_id"]), "text": row["text"], "label": row["category"]}


def squad(row: Row) -> Row:
    """Every data set with SQuAD's columns; offsets of answers as `readers.aligned` gives them."""
    return aligned({field: row[field] for field in ("id", "context", "question", "answers")})


def squad_sentence(row: Row) -> Row | Skipped:
    """SQuAD as a search for the sentence that holds the answer."""
    return sentence_search(squad(row), str(row["row"]))


def tydiqa(row: Row) -> Row:
    """TyDiQA-GoldP, nine languages in the same split; the id says which."""
    return {**squad(row), "language": tydiqa_language(row["id"])}


def hellaswag(row: Row) -> Row | None:
    """HellaSwag; None without a label; markers are taken out as in the release reader."""
    if row["label"] not in ("0", "1", "2", "3"):
        return None
    endings = [without_markers(ending) for ending in row["endings"]]
    parts = {"ctx_a": without_markers(row["ctx_a"]), "ctx_b": without_markers(row["ctx_b"])}
    return {"id": str(row["ind"]), **parts, "endings": endings, "label": row["label"]}


def commonsenseqa(row: Row) -> Row | None:
    """CommonsenseQA; None without an answer."""
    return {field: row[field] for field in ("id", "question", "choices", "answerKey")} if row["answerKey"] else None


def siqa(row: Row) -> Row:
    """Social IQa; the label is the text "1" to "3"."""
    return {
        "id": str(row["row"]),
        **{field: row[field] for field in ("context", "question", "answerA", "answerB", "answerC", "label")},
    }


def copa(row: Row) -> Row | None:
    """COPA (class names choice1 and choice2) and XCOPA (the numbers 0 and 1); None without a label."""
    label = {"choice1": "0", "choice2": "1", "0": "0", "1": "1"}.get(str(row["label"]))
    canonical = {"id": str(row["idx"]), **{field: row[field] for field in ("premise", "choice1", "choice2", "question")}}
    return None if label is None else {**canonical, "label": label}


def tatoeba(row: Row) -> list[Row]:
    """XTREME Tatoeba: a row holds both sides (the foreign side is "source"); sentences keep a line end there."""
    foreign, english = f"foreign-{row['row']}", f"english-{row['row']}"
    return [
        {"id": foreign, "text": row["source_sentence"].strip("\r\n"), "side": "foreign", "match": english},
        {"id": english, "text": row["target_sentence"].strip("\r\n"), "side": "english", "match": foreign},
    ]
