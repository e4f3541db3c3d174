"""Read examples without labels from a user's file, for the head of a finished training."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stilts_xtreme.export.run_lookup import Run
from stilts_xtreme.tasks import rows
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.examples import Example, Tagged
from stilts_xtreme.tasks.own import KINDS, NUMBERED, Kind
from stilts_xtreme.tasks.readers.columns import Column, Layout
from stilts_xtreme.tasks.readers.lines import Row
from stilts_xtreme.tasks.readers.skipped import Skipped
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import UserError
from stilts_xtreme.utils.sanitize import visible

FORMS = {
    ".tsv": "tsv", ".csv": "csv", ".jsonl": "jsonl", ".json": "squad", ".conll": "conll", ".txt": "txt",
}  # of a file, by the end of its name  # fmt: skip
Field = Column | tuple[Column, ...]  # of a part of a row: a column, or those of several choices
GOLD = ("label", "answer", "offset", "tag")  # parts of a row that are predicted


@dataclass(frozen=True)
class Source:
    """The head that predicts: the name of its training data, its kind (`heads.HEADS`), and the examples it was trained on.

    `examples`: a kind of `readers.columns.Layout`. `columns`: those of the task's description, where the user described it.
    """

    name: str
    head: str
    examples: str
    columns: Mapping[str, Column | list[Column]]


def source(run: Run, notes: Mapping[str, Record], name: str | None) -> Source:
    """Return the head of a training of this name (None: its only head); UserError where none of it predicts a file's rows.

    `notes`: the records of heads.json.
    """
    fit = [task for task, note in notes.items() if note["head"] in {kind.head for kind in KINDS.values()}]
    there = ", ".join(fit)
    if not fit:
        heads = ", ".join(note["head"] for note in notes.values()) or "none"
        raise UserError(f"{run.folder}: has no head that predicts labels, choices, tags or spans, only: {heads}")
    if name is not None and name not in fit:
        raise UserError(f"--task {name}: this training has no such head, only: {there}")
    if name is None and len(fit) > 1:
        raise UserError(f"{run.folder}: has several heads: say which with --task: {there}")
    chosen = name or fit[0]
    base = chosen.partition("@")[0]
    layouts = (record["layout"] for record in run.result["data"] if record["task"] == base and "layout" in record)
    head = notes[chosen]["head"]
    if layout := next(layouts, None):
        return Source(chosen, head, layout["examples"], layout["columns"])
    return Source(chosen, head, _examples(head, base), {})


def _examples(head: str, name: str) -> str:
    """Return the kind of examples of a task of the package."""
    if head == "classification":
        return "text" if name in TASKS and TASKS[name].example is rows.labelled_text else "pair"
    return next(kind.examples for kind in KINDS.values() if kind.head == head)


def kind_of(source: Source) -> Kind:
    """Return what a description could say of such examples."""
    return next(kind for kind in KINDS.values() if (kind.head, kind.examples) == (source.head, source.examples))


def read(path: Path, source: Source, columns: Mapping[str, str]) -> list[Example]:
    """Read the examples of a file, whose format the end of its name says; `columns` by part, as they were given.

    UserError for another format, for columns that are not there, with every broken row, and where there are no rows.
    """
    kind, form = kind_of(source), FORMS.get(path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix)
    forms = [*kind.forms, *(("txt",) if source.examples == "text" else ())]
    if form is None or form not in forms:
        endings = ", ".join(ending for ending, name in FORMS.items() if name in forms)
        raise UserError(f"{path}: a file for {source.name} ({source.head}) ends in one of {endings}")
    layout = Layout(source.examples, "tsv" if form == "txt" else form, _parts(kind, form, source, columns), gold=False)
    examples = [_example(source.examples, row) for row in layout(path) if not isinstance(row, Skipped)]
    if not examples:
        raise UserError(f"{path}: holds no rows; give a file with one at least")
    return examples


def _parts(kind: Kind, form: str, source: Source, given: Mapping[str, str]) -> tuple[tuple[str, Field], ...]:
    """Return the field of each part that is read: as given, else as the task's description has it, else named like the part.

    UserError for parts that such rows do not have.
    """
    if form == "squad":
        if given:
            raise UserError("--columns: SQuAD's JSON has its own names: leave it out")
        return ()
    parts = [part for part in (*kind.needed, *kind.optional) if part not in GOLD]
    if strange := [part for part in given if part not in parts]:
        raise UserError(visible(f"--columns {strange[0]}: is no part of a row for {source.name}; one of: {', '.join(parts)}"))
    if form == "txt":
        return (("text", 1),)
    columns: dict[str, Field] = {part: 1 if form == "conll" else part for part in kind.needed if part not in GOLD}
    described = {
        part: tuple(field) if isinstance(field, list) else field for part, field in source.columns.items() if part in parts
    }
    flat = (column for field in described.values() for column in (field if isinstance(field, tuple) else (field,)))
    numbered = any(isinstance(column, int) for column in flat)
    if form in NUMBERED if numbered else form != "conll":  # a description of another format may not fit
        columns |= described
    columns |= {part: _field(part, text, form) for part, text in given.items()}
    return tuple(columns.items())


def _field(part: str, text: str, form: str) -> Field:
    """Parse a field of the option: a name, a number where columns are counted, or several of them with + between (choices)."""
    words = text.split("+") if part == "choices" and form != "jsonl" else [text]
    fields: tuple[Column, ...] = tuple(int(word) if word.isdecimal() and form != "jsonl" else word for word in words)
    return fields if len(fields) > 1 else fields[0]


def _example(kind: str, row: Row) -> Example:
    match kind:
        case "text":
            return rows.labelled_text(row)
        case "pair":
            return rows.labelled_pair(row)
        case "choices":
            return rows.question_choices(row)
        case "question":
            return rows.squad_question(row)
    return Tagged(row["id"], tuple(row["tokens"]), tuple(row["tags"]))


def columns(text: str | None) -> dict[str, str]:
    """Parse the option --columns ("text=review,id=number") to columns by part; UserError for another form."""
    pairs = [word.partition("=") for word in (text or "").split(",") if word]
    if any(not sign or not part or not field for part, sign, field in pairs):
        raise UserError(visible(f"--columns {text}: give PART=COLUMN, with commas between, such as text=review"))
    return {part: field for part, _, field in pairs}
