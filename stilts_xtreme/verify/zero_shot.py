"""Whether what was evaluated, or any label of its languages, reached training or selection.

Two examples are the same where all the text that a head reads of them is (see `texts`); labels do not matter. Of readings, all
examples count, also those that a recipe leaves out.

- Examples of several texts (pairs, choices, questions with their contexts, translations): one that is evaluated and was read
  for training or selection is a fault, but where the benchmark is made so (`MADE_SO`).
- Examples of one text (sentences with tags, queries) repeat in the releases: treebanks and Wikipedia's titles share whole
  sentences between splits, and names between languages. In the language that was read they are counted; in another one, those
  of at least `LONG` letters are a fault, shorter ones are counted.
- Labelled examples of the languages evaluated, from whatever split there is, among those of English readings: likewise.

A row that is trained on labels of other languages says so in its spec; that is told and is no fault. Nor is text without labels.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from stilts_xtreme import axes, plan
from stilts_xtreme.data import read as data
from stilts_xtreme.errors import UserError
from stilts_xtreme.stages.lineage import read_for
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.verify import texts
from stilts_xtreme.verify.found import Found, Tell

LONG = 40  # letters; the longest of 58 sentences that PAN-X and UD-POS in other languages share with English data has 33
MADE_SO = {  # English test data, English dev data: why the one is in the other
    ("xquad", "squad"): "XQuAD is a part of SQuAD's dev data",
    ("xquad", "squad_v2"): "XQuAD is a part of SQuAD's dev data",
    ("tydiqa", "tydiqa"): "TyDi QA has no other labelled data than train and dev",
}
TOLD = {  # readings in other languages than English that a study asks for
    "training": "{row}: trained on labels in {codes}, as the study says: no zero-shot claim there",
    "selection": "{task}: a threshold is chosen on dev data in {codes}, each language by its own, as the benchmark does",
    "text": "text without labels in {codes} is trained on, which is allowed",
}


@dataclass(frozen=True)
class Reading:
    """A task's own part of a split in a language."""

    task: str
    split: str
    language: str

    def __str__(self) -> str:
        return f"{self.task} {self.split} {self.language}"


@dataclass(frozen=True)
class Met:
    """A reading that was evaluated, or that has labels in the languages evaluated, and one that a stage read for `role`."""

    own: Reading
    read: Reading
    role: str


def check(cells: Sequence[axes.Cell], tell: Tell) -> Found:
    """The study's evaluations against everything their chains read."""
    where, pairs = cells[0].stage.where, list(dict.fromkeys(met for cell in cells for met in _meetings(cell.stage)))

    faults, remarks, counts = list[str](), list[str](), Counter[str]()

    @cache
    def known(reading: Reading) -> dict[bytes, texts.Told]:
        try:
            return {one.key: one for one in texts.told(_examples(reading, where))}
        except UserError as fault:  # a file beside those that the study reads
            remarks.append(f"{reading} is not held against what was read: {fault}")
            return {}

    for done, met in enumerate(sorted(pairs, key=lambda met: (str(met.read), str(met.own))), 1):
        own, read = known(met.own), known(met.read)
        counts["pairs of readings"] += 1
        if both := [name for name in own if name in read]:
            fault, line = _judged(met, [(own[name], read[name]) for name in both], where)
            (faults if fault else remarks).append(line)
        tell("overlaps", done, len(pairs))
    counts["evaluated examples"] = sum(len(known(own)) for own in {met.own for met in pairs if met.own.split == "test"})
    counts["evaluations that claim zero-shot"] = sum(not _labels_of_others(cell.stage) for cell in cells)
    return Found(tuple(faults), counts, (*_on_purpose(cells), *remarks))


def _meetings(stage: plan.Predict) -> Iterator[Met]:
    evaluated = [_reading(read) for read in stage.reads if read.split == "test"]
    labelled = [reading for one in evaluated for reading in _labelled(one, stage.where)]
    for role, read in _read(stage):
        yield from (Met(own, read, role) for own in evaluated)
        if role != "text" and read.language == "en":
            yield from (Met(own, read, role) for own in labelled)


def _labels_of_others(stage: plan.Predict) -> bool:
    """Whether labels in other languages than English are trained on."""
    return any(role == "training" and read.language != "en" for role, read in _read(stage))


def _read(stage: plan.Predict) -> Iterator[tuple[str, Reading]]:
    """All that the stage and those before it read for training, as text, or for selection."""
    for link in plan.chain(stage):
        for role, reads in read_for(link).items():
            if role != "evaluation":
                yield from ((role, _reading(read)) for read in reads)


def _reading(read: plan.Reads) -> Reading:
    return Reading(read.task, read.split, read.language)


@lru_cache(maxsize=1024)
def _labelled(evaluated: Reading, where: data.Where) -> tuple[Reading, ...]:
    """Other labelled readings of the task, and of the one it is trained on, in the language, as far as they are in a folder."""
    task, found = TASKS[evaluated.task], []
    if evaluated.language == "en" or task.source_task is None:
        return ()
    for name in dict.fromkeys((task.name, task.source_task)):
        if isinstance(data.nearest(TASKS[name], where), data.HubCache):
            continue  # what is not in its cache would be downloaded
        for split in ("dev", "train", "translated"):
            try:
                digest = data.digest(TASKS[name], split, evaluated.language, where)
            except UserError:
                continue
            if digest != data.digest(task, "test", evaluated.language, where):
                found.append(Reading(name, split, evaluated.language))
    return tuple(found)


def _examples(reading: Reading, where: data.Where) -> Sequence[object]:
    """Without those of joined tasks, which are readings of their own."""
    return data.read(replace(TASKS[reading.task], joins=()), reading.split, reading.language, where).examples


def _judged(met: Met, both: Sequence[tuple[texts.Told, texts.Told]], where: data.Where) -> tuple[bool, str]:
    """Whether examples that are the same are a fault, and the line that tells of them."""
    own, read = met.own, met.read
    one_text = TASKS[own.task].head in ("tagging", "dual_encoder")
    made_so = own.language == "en" and met.role == "selection" and MADE_SO.get((own.task, read.task))
    telling = both if not one_text else [pair for pair in both if pair[0].letters >= LONG and own.language != read.language]
    unlabelled = TASKS[read.task].head == "mlm"
    fault = bool(telling) and not unlabelled and not made_so
    shown = telling if fault else both
    first, second = shown[0]
    what = "evaluated examples" if own.split == "test" else f"labelled examples in {own.language}"
    line = (
        f"{_file(own, where)}: {len(shown)} {what} of {own} were read for {met.role} as {read} in {_file(read, where)}, "
        f"such as {first.id!r}, there {second.id!r}"
    )
    if fault:
        return True, f"{line}: take them out there, then run the study again"
    if unlabelled:
        return False, f"{line}: without labels, which is allowed"
    return False, f"{line}: {made_so or 'sentences repeat by chance in releases'}; no fault"


def _file(reading: Reading, where: data.Where) -> str:
    return data.source(replace(TASKS[reading.task], joins=()), reading.split, reading.language, where)


def _on_purpose(cells: Sequence[axes.Cell]) -> list[str]:
    """What rows read of other languages because the study says so, a line each."""
    told: dict[str, None] = {}
    for cell in cells:
        found: dict[str, set[str]] = {}
        for role, read in _read(cell.stage):
            if read.language != "en":
                found.setdefault(role, set()).add(read.language)
        for role, codes in found.items():
            told[TOLD[role].format(row=cell.intermediate, task=cell.target, codes=" ".join(sorted(codes)))] = None
        start = plan.chain(cell.stage)[0]
        origin = start.start if isinstance(start, plan.Train) else start.model
        if isinstance(origin, plan.Pretrained):
            told[f"what {origin.name} was trained on before is not known here"] = None
    return list(told)
