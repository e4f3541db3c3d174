"""Licences of the data that a training saw, and the strictest of them by the hub's names."""

from collections.abc import Iterable

from stilts_xtreme.tasks.catalogue import TASKS

MADE_UP = "miniature:"  # how the source of a reading from the embedded world begins
OWN = "Apache-2.0"  # that of what this package generates
# The hub's names, the least strict first; by what tasks say.
NAMES = {
    "MIT": "mit",
    "BSD 2-Clause": "bsd-2-clause",
    "Apache-2.0": "apache-2.0",
    "CC BY 2.0 FR": "cc-by-2.0",
    "CC BY 4.0": "cc-by-4.0",
    "CC BY-SA 3.0": "cc-by-sa-3.0",
    "CC BY-SA 4.0": "cc-by-sa-4.0",
    "CC BY-NC 4.0": "cc-by-nc-4.0",
}


def of(task: str, source: str) -> list[str]:
    """What is known of the licence of a task's data from a source; of joined tasks theirs too."""
    if source.startswith(MADE_UP):
        return [OWN]
    return [TASKS[name].licence for name in (task, *TASKS[task].joins) if name == task or f"{name} " in source]


def strictest(found: Iterable[str]) -> str | None:
    """The strictest by the hub's name; None where one of them is not among those it knows."""
    names, order = set(found), list(NAMES)
    return NAMES[max(names, key=order.index)] if names and names <= NAMES.keys() else None
