"""Licences of the training data, and the strictest of them by the hub's names."""

from collections.abc import Iterable

from stilts_xtreme.tasks.catalogue import TASKS

MADE_UP = "miniature:"  # prefix of sources in the embedded miniature world
OWN = "Apache-2.0"  # of data that this package generates
# Licence as tasks name it -> the hub's name, least strict first.
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
    """Return the licences of a task's data from a source, those of joined tasks included."""
    if source.startswith(MADE_UP):
        return [OWN]
    return [TASKS[name].licence for name in (task, *TASKS[task].joins) if name == task or f"{name} " in source]


def strictest(licences: Iterable[str]) -> str | None:
    """Return the hub's name of the strictest licence; None without any, or if the hub has no name for any of them."""
    names, order = set(licences), list(NAMES)
    return NAMES[max(names, key=order.index)] if names and names <= NAMES.keys() else None
