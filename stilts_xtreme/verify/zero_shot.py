"""Check that neither evaluated examples nor labels in the evaluated languages reached training or selection.

Two examples are equal if all the text that a head reads of them is (see `example_keys`), whatever their labels. All examples of a
split count, also those that a recipe leaves out.

- Examples of several texts (pairs, choices, questions with contexts, translations): an evaluated example that was read for
  training or selection is an error, unless the benchmark is built that way (`KNOWN_OVERLAPS`).
- Examples of a single text (sentences with tags, queries) repeat in the releases: treebanks and Wikipedia titles share whole
  sentences between splits, and names between languages. In the language that was read they are counted; in another language,
  those of at least `MIN_LETTERS` letters are errors and shorter ones are counted.
- Labelled examples of the evaluated languages, from any split, among those of English data: likewise.

A row that is trained on labels of other languages by its spec is a remark, not an error. So is text without labels.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from stilts_xtreme.data import read as data
from stilts_xtreme.pipeline import grid, plan
from stilts_xtreme.stages.lineage import read_for
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.examples import Example
from stilts_xtreme.tasks.rows import labelled_text
from stilts_xtreme.utils.errors import UserError
from stilts_xtreme.verify.example_keys import ExampleKey, example_keys
from stilts_xtreme.verify.report import CheckReport, ProgressCallback

MIN_LETTERS = 40  # the longest of 58 sentences that PAN-X and UD-POS in other languages share with English data has 33
KNOWN_OVERLAPS = {  # (task of English test data, task of English dev data): reason
    ("xquad", "squad"): "XQuAD is a part of SQuAD's dev data",
    ("xquad", "squad_v2"): "XQuAD is a part of SQuAD's dev data",
    ("tydiqa", "tydiqa"): "TyDi QA has no other labelled data than train and dev",
}
REMARKS = {  # by role: data in other languages than English that a study asks for
    "training": "{row}: trained on labels in {codes}, as the study says: no zero-shot claim there",
    "selection": "{task}: a threshold is chosen on dev data in {codes}, each language by its own, as the benchmark does",
    "text": "text without labels in {codes} is trained on, which is allowed",
}


@dataclass(frozen=True)
class Split:
    """A task's own part of a split in a language, without joined tasks."""

    task: str
    split: str
    language: str

    def __str__(self) -> str:
        return f"{self.task} {self.split} {self.language}"


@dataclass(frozen=True)
class SplitPair:
    """A split that was evaluated, or has labels in the evaluated languages, and a split that a stage read for `role`."""

    own: Split
    read: Split
    role: str


def check(cells: Sequence[grid.Cell], callback: ProgressCallback) -> CheckReport:
    """Compare the study's evaluated data with everything that their chains of stages read."""
    _labelled.cache_clear()  # another study may have meant another task by a name
    where = cells[0].stage.where
    pairs = list(dict.fromkeys(pair for cell in cells for pair in _split_pairs(cell.stage)))
    errors, remarks, counts = list[str](), list[str](), Counter[str]()

    @cache
    def keys(split: Split) -> dict[bytes, ExampleKey]:
        try:
            return {key.key: key for key in example_keys(_examples(split, where))}
        except UserError as error:  # a file beside those that the study reads
            remarks.append(f"{split} is not held against what was read: {error}")
            return {}

    for done, pair in enumerate(sorted(pairs, key=lambda pair: (str(pair.read), str(pair.own))), 1):
        own, read = keys(pair.own), keys(pair.read)
        counts["pairs of readings"] += 1
        if common := [key for key in own if key in read]:
            is_error, line = _describe_overlap(pair, [(own[key], read[key]) for key in common], where)
            (errors if is_error else remarks).append(line)
        callback("overlaps", done, len(pairs))
    counts["evaluated examples"] = sum(len(keys(own)) for own in {pair.own for pair in pairs if pair.own.split == "test"})
    counts["evaluations that claim zero-shot"] = sum(not _trains_on_other_labels(cell.stage) for cell in cells)
    return CheckReport(tuple(errors), counts, (*_remarks(cells), *remarks))


def _split_pairs(stage: plan.Predict) -> Iterator[SplitPair]:
    evaluated = [_split(read) for read in stage.reads if read.split == "test"]
    labelled = [split for test in evaluated for split in _labelled(test, stage.where)]
    for role, read in _reads(stage):
        yield from (SplitPair(own, read, role) for own in evaluated)
        if role != "text" and read.language == "en":
            yield from (SplitPair(own, read, role) for own in labelled)


def _trains_on_other_labels(stage: plan.Predict) -> bool:
    """Return whether labels in other languages than English are trained on."""
    return any(role == "training" and read.language != "en" for role, read in _reads(stage))


def _reads(stage: plan.Predict) -> Iterator[tuple[str, Split]]:
    """Yield (role, split) of everything the stage and those before it read for training, as text, or for selection."""
    for link in plan.chain(stage):
        for role, reads in read_for(link).items():
            if role != "evaluation":
                yield from ((role, _split(read)) for read in reads)


def _split(read: plan.Reads) -> Split:
    return Split(read.task, read.split, read.language)


@lru_cache(maxsize=1024)
def _labelled(evaluated: Split, where: data.Where) -> tuple[Split, ...]:
    """Return other labelled splits, in this language, of the task and of the task it is trained on, as far as they are here."""
    task, splits = TASKS[evaluated.task], []
    if evaluated.language == "en" or task.source_task is None:
        return ()
    for name in dict.fromkeys((task.name, task.source_task)):
        if isinstance(data.nearest(TASKS[name], where), data.HubCache):
            continue  # data outside its cache would be downloaded
        for split in ("dev", "train", "translated"):
            try:
                digest = data.digest(TASKS[name], split, evaluated.language, where)
            except UserError:
                continue
            if digest != data.digest(task, "test", evaluated.language, where):
                splits.append(Split(name, split, evaluated.language))
    return tuple(splits)


def _examples(split: Split, where: data.Where) -> Sequence[Example]:
    """Read a split without joined tasks, whose splits are separate."""
    return data.read(replace(TASKS[split.task], joins=()), split.split, split.language, where).examples


def _describe_overlap(pair: SplitPair, common: Sequence[tuple[ExampleKey, ExampleKey]], where: data.Where) -> tuple[bool, str]:
    """Return whether the common examples are an error, and the line that describes them."""
    own, read = pair.own, pair.read
    single_text = TASKS[own.task].head in ("tagging", "dual_encoder") or TASKS[own.task].example is labelled_text
    known = own.language == "en" and pair.role == "selection" and KNOWN_OVERLAPS.get((own.task, read.task))
    long = [keys for keys in common if keys[0].letters >= MIN_LETTERS and own.language != read.language]
    significant = long if single_text else common
    unlabelled = TASKS[read.task].head == "mlm"
    is_error = bool(significant) and not unlabelled and not known
    shown = significant if is_error else common
    first, second = shown[0]
    what = "evaluated examples" if own.split == "test" else f"labelled examples in {own.language}"
    line = (
        f"{_file(own, where)}: {len(shown)} {what} of {own} were read for {pair.role} as {read} in {_file(read, where)}, "
        f"such as {first.id!r}, there {second.id!r}"
    )
    if is_error:
        return True, f"{line}: take them out there, then run the study again"
    if unlabelled:
        return False, f"{line}: without labels, which is allowed"
    return False, f"{line}: {known or 'sentences repeat by chance in releases'}; no fault"


def _file(split: Split, where: data.Where) -> str:
    return data.source(replace(TASKS[split.task], joins=()), split.split, split.language, where)


def _remarks(cells: Sequence[grid.Cell]) -> list[str]:
    """Return a line per kind of data in other languages that rows read because the study says so."""
    lines: dict[str, None] = {}
    for cell in cells:
        by_role: dict[str, set[str]] = {}
        for role, read in _reads(cell.stage):
            if read.language != "en":
                by_role.setdefault(role, set()).add(read.language)
        for role, codes in by_role.items():
            lines[REMARKS[role].format(row=cell.row.name, task=cell.target, codes=" ".join(sorted(codes)))] = None
        origin = plan.root(cell.stage)
        if isinstance(origin, plan.Pretrained):
            lines[f"what {origin.name} was trained on before is not known here"] = None
    return list(lines)
