"""A row of a study's tables: how its models are trained, as fields. Its name is a label, put together here and parsed nowhere."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from stilts_xtreme.utils.bounded_io import Record

Fields = Mapping[str, Any]  # a JSON object of a result, to be read
CONTROL, BASELINE = "untrained", "none"  # the names of rows of a random encoder as it is, and without intermediate training
USUAL = "usual"  # the recipe of a study that has no such axis
ENGLISH = ("en",)
LISTS = (  # of a study's result, whose entries are of a row: the keys that lead to them
    ("evaluations",), ("comparisons",), ("arms",), ("pairs",), ("pooled",), ("noise", "evaluations"), ("noise", "drops"),
    ("noise", "spared"), ("noise", "between"), ("resources", "scores"), ("resources", "groups"), ("resources", "narrowed"),
    ("resources", "slopes"), ("language_groups", "groups"), ("language_groups", "seen"), ("language_groups", "slopes"),
    ("sizes", "points"),
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """How the models of a row are trained. Rows are equal where these fields are; results are looked up by them.

    `intermediate`: the tasks and mixtures that are trained in turn before the target; empty without intermediate training. The
    control, an encoder of random weights as it is, has the single entry "untrained".
    """

    intermediate: tuple[str, ...]
    languages: tuple[str, ...] = ENGLISH  # of fine-tuning
    noise: float = 0.0  # share of words changed in the data of fine-tuning
    recipe: str = USUAL  # the name of what is laid over the target's
    spelled: bool = field(default=False, compare=False)  # the name says `recipe xa`: `xa` alone would read like a language

    @property
    def chain(self) -> str:
        """`squad>mnli`, `none` or `untrained`."""
        return ">".join(self.intermediate) or BASELINE

    @property
    def recipe_label(self) -> str:
        """`few`; `recipe xa` where `xa` would read like a language; empty for the usual recipe."""
        return "" if self.recipe == USUAL else f"recipe {self.recipe}" if self.spelled else self.recipe

    @property
    def tuning_label(self) -> str:
        """`en+de, noise 0.1, few`: what is not as usual in fine-tuning; empty where all is."""
        languages = "" if self.languages == ENGLISH else "+".join(self.languages)
        noise = f"noise {_share(self.noise)}" if self.noise else ""
        return ", ".join(filter(None, (languages, noise, self.recipe_label)))

    @property
    def tail(self) -> str:
        """` (en+de, noise 0.1, few)`: the same in brackets."""
        return f" ({self.tuning_label})" if self.tuning_label else ""

    @property
    def name(self) -> str:
        """`squad>mnli (en+de, noise 0.1, few)`: the label of tables; of the rows of a study no two have the same."""
        return self.chain + self.tail

    @property
    def is_control(self) -> bool:
        return self.intermediate == (CONTROL,)

    @property
    def is_baseline(self) -> bool:
        """Without intermediate training, however it is fine-tuned."""
        return not self.intermediate

    @property
    def is_usual(self) -> bool:
        """Fine-tuned as usual: on English, without noise, by the usual recipe."""
        return (self.languages, self.noise, self.recipe) == (ENGLISH, 0.0, USUAL)

    @property
    def is_plain(self) -> bool:
        """Without intermediate training and fine-tuned as usual: the row called `none`."""
        return self.is_baseline and self.is_usual

    @property
    def tuning(self) -> tuple[tuple[str, ...], float, str]:
        """How it is fine-tuned: equal of rows that differ in their intermediate training alone."""
        return self.languages, self.noise, self.recipe

    @property
    def baseline(self) -> "Row":
        """The row that differs only in having no intermediate training."""
        return replace(self, intermediate=())

    def record(self) -> Record:
        """Return the fields as results hold them, after the label."""
        return {"row": self.name, **self.fields()}

    def fields(self) -> Record:
        """Return the fields as results hold them."""
        return {
            "intermediate": list(self.intermediate),
            "training_languages": list(self.languages),
            "training_noise": self.noise,
            "recipe": self.recipe,
        }


def labelled(rows: Iterable[Row]) -> list[Row]:
    """Return a study's rows, with `spelled` where a recipe is called like a language that a row is fine-tuned on."""
    rows = list(rows)
    codes = {*ENGLISH, *(code for row in rows for code in row.languages)}
    return [replace(row, spelled=row.recipe in codes) for row in rows]


def read(records: Sequence[Fields]) -> dict[str, Row]:
    """Return the rows of a study's result by their labels.

    ValueError where a label is not that of its fields, or two rows are the same.
    """
    rows: dict[str, Row] = {}
    for number, (record, row) in enumerate(zip(records, labelled(map(of, records)), strict=True)):
        if record["row"] != row.name:
            raise ValueError(f"rows[{number}].row: {record['row']} is not what a row of these fields is called: {row.name}")
        if row.name in rows:
            raise ValueError(f"rows[{number}]: {row.name} stands there twice")
        rows[row.name] = row
    return rows


def of(record: Fields) -> Row:
    """Return the row whose fields a record holds."""
    languages, noise = tuple(record["training_languages"]), float(record["training_noise"])
    return Row(tuple(record["intermediate"]), languages, noise, record["recipe"])


def entries(study: Fields) -> Iterator[tuple[str, Fields]]:
    """Yield all that a study's result holds of a row of its own, each with its place there: `noise.drops[3]`."""
    for path in LISTS:
        for number, entry in enumerate(entries_at(study, path)):
            if "row" in entry:
                yield f"{'.'.join(path)}[{number}]", entry
    for number, panel in enumerate(entries_at(study, ("orders", "panels"))):
        for part in ("mixtures", "last"):
            for at, entry in enumerate(entries_at(panel, (part,))):
                yield f"orders.panels[{number}].{part}[{at}]", entry


def entries_at(content: object, path: Sequence[str]) -> Iterator[Record]:
    """Yield the JSON objects of the list to which these keys lead; none where it is no list."""
    for key in path:
        content = content.get(key) if isinstance(content, dict) else None
    yield from (entry for entry in content if isinstance(entry, dict)) if isinstance(content, list) else ()


def _share(noise: float) -> str:
    """Return the share in short form where that loses nothing: two shares never read the same."""
    short = f"{noise:g}"
    return short if float(short) == noise else repr(noise)
