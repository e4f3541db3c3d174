"""Every task there is, by name: a literal; nothing registers itself."""

from stilts_xtreme.tasks.intermediate import ANLI, CCG, COMMONSENSEQA, COSMOSQA, HELLASWAG, MNLI, QQP, SNLI, SQUAD, SQUAD_V2
from stilts_xtreme.tasks.task import Task
from stilts_xtreme.tasks.text import TEXT
from stilts_xtreme.tasks.xtreme import BUCC2018, MLQA, PANX, PAWSX, TATOEBA, TYDIQA, UDPOS, XNLI, XQUAD
from stilts_xtreme.tasks.xtreme_r import LAREQA, MEWSLIX, SQUAD_RETRIEVAL

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
    "text": TEXT,
    "squad_retrieval": SQUAD_RETRIEVAL,
    "lareqa": LAREQA,
    "mewslix": MEWSLIX,
}

INTERMEDIATES = ("anli", "mnli", "qqp", "squad", "squad_v2", "hellaswag", "ccg", "cosmosqa", "commonsenseqa")
TARGETS = ("pawsx", "xnli", "panx", "udpos", "xquad", "mlqa", "tydiqa", "bucc2018", "tatoeba", "lareqa", "mewslix")
