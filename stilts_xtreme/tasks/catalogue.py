"""Every task there is, by name: a literal; nothing registers itself."""

from dataclasses import replace

from stilts_xtreme.tasks.intermediate import ANLI, CCG, COMMONSENSEQA, COSMOSQA, HELLASWAG, MNLI, QQP, SNLI, SQUAD, SQUAD_V2
from stilts_xtreme.tasks.sib200 import SIB200
from stilts_xtreme.tasks.task import Task
from stilts_xtreme.tasks.text import TEXT
from stilts_xtreme.tasks.xtreme import BUCC2018, MLQA, PANX, PAWSX, TATOEBA, TYDIQA, UDPOS, XNLI, XQUAD
from stilts_xtreme.tasks.xtreme_r import COPA, LAREQA, MEWSLIX, SIQA, SQUAD_RETRIEVAL, XCOPA
from stilts_xtreme.utils.languages import TABLE, of_task

TASKS: dict[str, Task] = {
    "anli": ANLI,
    "mnli": MNLI,
    "qqp": QQP,
    "squad": SQUAD,
    "squad_v2": SQUAD_V2,
    "hellaswag": HELLASWAG,
    "ccg": CCG,
    "cosmosqa": COSMOSQA,
    "commonsenseqa": COMMONSENSEQA,
    "snli": SNLI,
    "pawsx": PAWSX,
    "xnli": XNLI,
    "panx": PANX,
    "udpos": UDPOS,
    "xquad": XQUAD,
    "mlqa": MLQA,
    "tydiqa": TYDIQA,
    "bucc2018": BUCC2018,
    "tatoeba": TATOEBA,
    "siqa": SIQA,
    "copa": COPA,
    "xcopa": XCOPA,
    "squad_retrieval": SQUAD_RETRIEVAL,
    "lareqa": LAREQA,
    "mewslix": MEWSLIX,
    "sib200": SIB200,
    "text": TEXT,
}
# Languages that languages.csv gives to a task stand after those of the task itself.
for name in {task for language in TABLE for task in language.tasks}:
    TASKS[name] = replace(TASKS[name], languages=tuple(dict.fromkeys((*TASKS[name].languages, *of_task(name)))))


OWN: dict[str, Task] = {}  # described in YAML files, as far as this process has read them; in TASKS, too


def add(task: Task) -> None:
    """Add a described task to the catalogue, in place of an earlier description of that name."""
    TASKS[task.name] = OWN[task.name] = task


def training(name: str) -> tuple[Task, tuple[str, ...]]:
    """Return a task by the name of its training data, and the languages of that data; KeyError for an unknown task.

    "mnli" is English, "mnli@de" and "mnli@en+de" are in the languages they name (see `task.in_translation`).
    """
    base, _, codes = name.partition("@")
    return TASKS[base], tuple(codes.split("+")) if codes else ("en",)


INTERMEDIATES = ("anli", "mnli", "qqp", "squad", "squad_v2", "hellaswag", "ccg", "cosmosqa", "commonsenseqa")
TARGETS = (
    "pawsx", "xnli", "panx", "udpos", "xquad", "mlqa", "tydiqa", "bucc2018", "tatoeba", "xcopa", "lareqa", "mewslix", "sib200",
)  # fmt: skip


def trained_on(name: str) -> tuple[str, ...]:
    """List the tasks on whose English data a task's head is trained, in order; none where nothing is trained (retrieval)."""
    names: list[str] = []
    source = TASKS[name].source_task
    while source is not None:
        names.insert(0, source)
        source = TASKS[source].after
    return tuple(names)
