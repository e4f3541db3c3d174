"""SIB-200 (arXiv 2309.07445): the topic of a sentence of FLORES-200, in its languages and scripts."""

from stilts_xtreme.tasks import hub_rows, metrics, readers, rows
from stilts_xtreme.tasks.task import Files, Hub, Task, Upstream
from stilts_xtreme.utils.languages import of_task

PLACES = ("sib200/data/annotated/{flores}", "data/annotated/{flores}")  # a checkout below the data folder, or the folder itself

SIB200 = Task(
    name="sib200",
    head="classification",
    example=rows.labelled_text,
    metric=metrics.label_accuracy_and_macro_f1,
    headline=("accuracy",),
    languages=of_task("sib200"),
    any_language=True,
    labels=readers.TOPICS,
    sources=(
        Files(
            readers.topics_tsv,
            train=tuple(f"{place}/train.tsv" for place in PLACES),
            dev=tuple(f"{place}/dev.tsv" for place in PLACES),
            test=tuple(f"{place}/test.tsv" for place in PLACES),
        ),
        # revision: none known to us
        Hub("Davlan/sib200", "{flores}", hub_rows.sib200, train=("train",), dev=("validation",), test=("test",)),
    ),
    upstream=tuple(
        Upstream(
            f"https://raw.githubusercontent.com/dadelani/sib-200/main/data/annotated/{code}/{split}.tsv",
            f"sib200/data/annotated/{code}/{split}.tsv",
        )
        for code, split in (("eng_Latn", "train"), ("eng_Latn", "dev"), ("{flores}", "test"))
    ),
    licence="CC BY-SA 4.0",
    about="Which of seven topics a sentence is about, in 205 languages and scripts; data/ of github.com/dadelani/sib-200 "
    "into sib200/",
    chance=100 / 7,
)
