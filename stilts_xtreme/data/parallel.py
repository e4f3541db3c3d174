"""Whether a task's parallel files agree: a field that must be the same for an id in every language (XCOPA's `question`)."""

from collections import Counter
from dataclasses import replace
from functools import lru_cache

from stilts_xtreme.data import folder
from stilts_xtreme.data.counts import Counts
from stilts_xtreme.data.read import Folder, Where, digest, languages, nearest, rows
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.task import Task


def digests(task: Task, split: str, where: Where) -> tuple[tuple[str, str], ...]:
    """(language, digest) of the files that are compared; empty where nothing is."""
    place = nearest(task, where)
    if not task.parallel or not isinstance(place, Folder):
        return ()
    codes = [code for code in languages(task, place) if folder.find(task, split, code, place.path, place.cut)]
    return tuple((code, digest(task, split, code, place)) for code in codes)


def with_difference(task: Task, split: str, language: str, where: Where, counts: Counts) -> Counts:
    """The counts of a split, with the rows whose field is not what most languages have, where there are any."""
    if not (wrong := differing(task, split, language, where)):
        return counts
    reason = f"`{task.parallel}` is not that of most languages"
    return replace(counts, noted={**counts.noted, reason: wrong})


def differing(task: Task, split: str, language: str, where: Where) -> int:
    """How many rows have another value of the field than most languages; 0 where fewer than three languages can be compared."""
    compared = digests(task, split, where)
    if len(compared) < 3 or language not in dict(compared):
        return 0
    values = _values(task.name, split, nearest(task, where), compared)
    given = {name: Counter(own[name] for own in values.values() if name in own) for name in values[language]}
    common = {name: counts.most_common(1)[0][0] for name, counts in given.items()}
    return sum(value != common[name] for name, value in values[language].items())


@lru_cache(maxsize=16)
def _values(task: str, split: str, where: Where, compared: tuple[tuple[str, str], ...]) -> dict[str, dict[str, str]]:
    """By language and id, the field; `compared` makes it anew where a file changed."""
    declaration = TASKS[task]
    return {
        code: {name: row.get(declaration.parallel, "") for name, row in rows(declaration, split, code, where)}
        for code, _ in compared
    }
