"""The names of tasks that a spec may say: those of the package, and the user's own whose descriptions it names.

A description is known in the spec that names its file and nowhere else, so that each spec stands for itself.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from stilts_xtreme.tasks import own
from stilts_xtreme.tasks.catalogue import INTERMEDIATES, OWN, TARGETS, TASKS
from stilts_xtreme.tasks.task import Task

TRAINED = ("classification", "multiple_choice", "tagging", "span_qa")  # heads that are trained on labels
TRAINED_TARGETS = tuple(name for name in TARGETS if TASKS[name].source_task is not None)
MIXABLE = tuple(name for name, task in TASKS.items() if task.head in TRAINED and task.trains_on is None)
_WITH_PROBABILITIES = tuple(name for name in TARGETS if TASKS[name].head in TRAINED)
PAIRED = tuple(name for name in TARGETS if TASKS[name].head == "classification")
_NONE: Mapping[str, Task] = {}
_OWN: ContextVar[Mapping[str, Task]] = ContextVar("tasks that the spec describes", default=_NONE)


@contextmanager
def described(tasks: Mapping[str, Task]) -> Iterator[None]:
    """A context in which specs may name these tasks of the user's own; more may be put into the mapping meanwhile."""
    token = _OWN.set(tasks)
    try:
        yield
    finally:
        _OWN.reset(token)


def intermediates() -> tuple[str, ...]:
    """What an encoder can be trained on before a target."""
    return (*INTERMEDIATES, *_own("trained"))


def mixable() -> tuple[str, ...]:
    """What a mixture can hold."""
    return (*MIXABLE, *_own("trained"))


def targets() -> tuple[str, ...]:
    """What can be evaluated."""
    return (*TARGETS, *_own("evaluated"))


def trained_targets() -> tuple[str, ...]:
    """The targets whose head is trained."""
    return (*TRAINED_TARGETS, *_own("evaluated"))


def with_probabilities() -> tuple[str, ...]:
    """The targets whose predictions have probabilities: all but those of retrieval."""
    return (*_WITH_PROBABILITIES, *_own("evaluated"))


def paired() -> tuple[str, ...]:
    """The targets of text pairs with a label each."""
    return (*PAIRED, *_own("evaluated", "pairs"))


def why_no_target(name: str) -> str:
    """Return why a task of the user's own cannot be evaluated, to be put after "is not a target"; "" for any other name."""
    untested = name in _OWN.get() and name not in _own("evaluated")
    return ": the file that describes it names no test files" if untested else ""


def taken(name: str) -> bool:
    """Whether a name is that of a task."""
    return name in _OWN.get() or name in TASKS and name not in OWN


def _own(*roles: str) -> tuple[str, ...]:
    return own.names(tuple(_OWN.get().values()), *roles)
