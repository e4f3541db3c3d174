"""The paper's nine English intermediate tasks (arXiv 2005.13013, section 2.1), and SNLI, which ANLI+ joins.

They have no "test": most of their public test sets are without labels, so all are scored on the validation set ("dev").
"""

from stilts_xtreme.scoring.benchmarks import XTREME
from stilts_xtreme.tasks import hub_rows, metrics, readers, rows
from stilts_xtreme.tasks.task import Files, Hub, Task, Upstream

NLI_CHANCE = 100 / 3

SNLI = Task(
    name="snli",
    head="classification",
    example=rows.nli_pair,
    metric=metrics.label_accuracy,
    headline=("accuracy",),
    labels=readers.NLI,
    sources=(
        Files(
            readers.mnli_jsonl,
            train=("snli/snli_1.0_train.jsonl", "snli_1.0/snli_1.0_train.jsonl"),
            dev=("snli/snli_1.0_dev.jsonl", "snli_1.0/snli_1.0_dev.jsonl"),
        ),
        # revision: none known to us
        Hub("stanfordnlp/snli", "plain_text", hub_rows.nli, train=("train",), dev=("validation",)),
    ),
    upstream=(Upstream("https://nlp.stanford.edu/projects/snli/snli_1.0.zip", "snli_1.0.zip"),),
    licence="CC BY-SA 4.0",
    about="Image captions and what follows from them; snli_1.0.zip from nlp.stanford.edu/projects/snli",
    chance=NLI_CHANCE,
)

MNLI = Task(
    name="mnli",
    head="classification",
    example=rows.nli_pair,
    metric=metrics.label_accuracy,
    headline=("accuracy",),
    labels=readers.NLI,
    version=2,
    sources=(
        Files(
            readers.mnli_jsonl,
            train=("mnli/multinli_1.0_train.jsonl", "multinli_1.0/multinli_1.0_train.jsonl"),
            dev=("mnli/multinli_1.0_dev_matched.jsonl", "multinli_1.0/multinli_1.0_dev_matched.jsonl"),
        ),
        # XTREME's copy of the English training data. Its dev file is XNLI's, parallel to what XNLI may be scored on: not used.
        Files(readers.xnli_tsv, train=("xnli/train-en.tsv",)),
        # revision: none known to us
        Hub("nyu-mll/glue", "mnli", hub_rows.nli, train=("train",), dev=("validation_matched",)),
    ),
    translated=(
        Files(readers.xnli_tsv, train=("XNLI-MT-1.0/multinli/multinli.train.{language}.tsv",)),
        Files(readers.xnli_translated_tsv, train=("xtreme_translations/XNLI/translate-train/en-{language}-translated.tsv",)),
        Hub("facebook/xnli", "{language}", hub_rows.nli, train=("train",), languages=XTREME.languages["xnli"]),
    ),
    upstream=(Upstream("https://cims.nyu.edu/~sbowman/multinli/multinli_1.0.zip", "multinli_1.0.zip"),),
    licence="OANC and others, see the MultiNLI paper",
    about="Does a sentence follow from another, in ten genres; multinli_1.0.zip from cims.nyu.edu/~sbowman/multinli",
    chance=NLI_CHANCE,
)

ANLI = Task(
    name="anli",
    head="classification",
    example=rows.nli_pair,
    metric=metrics.label_accuracy,
    headline=("accuracy",),
    labels=readers.NLI,
    joins=("mnli", "snli"),
    sources=(
        Files(readers.anli_jsonl, train=("anli_v1.0/R[123]/train.jsonl",), dev=("anli_v1.0/R[123]/dev.jsonl",)),
        Hub(
            "facebook/anli",
            "plain_text",
            hub_rows.nli,  # revision: none known to us
            train=("train_r1", "train_r2", "train_r3"),
            dev=("dev_r1", "dev_r2", "dev_r3"),
        ),
    ),
    upstream=(Upstream("https://dl.fbaipublicfiles.com/anli/anli_v1.0.zip", "anli_v1.0.zip"),),
    licence="CC BY-NC 4.0",
    about="Inference written against a model, with MNLI and SNLI (ANLI+); anli_v1.0.zip from github.com/facebookresearch/anli",
    chance=NLI_CHANCE,
)

QQP = Task(
    name="qqp",
    head="classification",
    example=rows.qqp_pair,
    metric=metrics.label_accuracy,
    headline=("accuracy",),
    labels=("not_duplicate", "duplicate"),
    sources=(
        Files(readers.qqp_tsv, train=("qqp/train.tsv", "QQP/train.tsv"), dev=("qqp/dev.tsv", "QQP/dev.tsv")),
        # revision: none known to us
        Hub("nyu-mll/glue", "qqp", hub_rows.qqp, train=("train",), dev=("validation",)),
    ),
    licence="Quora's terms; may not be passed on",
    about="Do two questions ask the same; GLUE's QQP.zip (gluebenchmark.com/tasks), train.tsv and dev.tsv into qqp/",
    chance=50.0,
)

SQUAD = Task(
    name="squad",
    head="span_qa",
    example=rows.squad_question,
    metric=metrics.exact_match_and_f1,
    headline=("exact_match", "f1"),
    version=2,
    sources=(
        Files(
            readers.squad_json,
            train=("squad_v1/train-v1.1.json", "squad/train-v1.1.json"),
            dev=("squad_v1/dev-v1.1.json", "squad/dev-v1.1.json"),
        ),
        # revision: none known to us
        Hub("rajpurkar/squad", "plain_text", hub_rows.squad, train=("train",), dev=("validation",)),
    ),
    translated=(
        Files(
            readers.squad_json,
            train=("xtreme_translations/SQuAD/translate-train/squad.translate.train.en-{language}.json",),
        ),
        Files(readers.squad_json, train=("mlqa-translate-train/{language}_squad-translate-train-train-v1.1.json",)),
    ),
    upstream=(
        Upstream("https://rajpurkar.github.io/SQuAD-explorer/dataset/train-v1.1.json", "squad/train-v1.1.json"),
        Upstream("https://rajpurkar.github.io/SQuAD-explorer/dataset/dev-v1.1.json", "squad/dev-v1.1.json"),
    ),
    licence="CC BY-SA 4.0",
    about="SQuAD 1.1, questions answered by a span; train-v1.1.json and dev-v1.1.json from rajpurkar.github.io/SQuAD-explorer",
)

SQUAD_V2 = Task(
    name="squad_v2",
    head="span_qa",
    example=rows.squad_question,
    metric=metrics.exact_match_and_f1,
    headline=("exact_match", "f1"),
    unanswerable=True,
    version=2,
    sources=(
        Files(
            readers.squad_json,
            train=("squad_v2/train-v2.0.json", "squad/train-v2.0.json"),
            dev=("squad_v2/dev-v2.0.json", "squad/dev-v2.0.json"),
        ),
        # revision: the parquet commit begins with 80596c4; a pin needs all 40 digits
        Hub("rajpurkar/squad_v2", "squad_v2", hub_rows.squad, train=("train",), dev=("validation",)),
    ),
    upstream=(
        Upstream("https://rajpurkar.github.io/SQuAD-explorer/dataset/train-v2.0.json", "squad/train-v2.0.json"),
        Upstream("https://rajpurkar.github.io/SQuAD-explorer/dataset/dev-v2.0.json", "squad/dev-v2.0.json"),
    ),
    licence="CC BY-SA 4.0",
    about="SQuAD 2.0, some questions without an answer; {train,dev}-v2.0.json from rajpurkar.github.io/SQuAD-explorer",
)

HELLASWAG = Task(
    name="hellaswag",
    head="multiple_choice",
    example=rows.hellaswag_choices,
    metric=metrics.label_accuracy,
    headline=("accuracy",),
    sources=(
        Files(readers.hellaswag_jsonl, train=("hellaswag/hellaswag_train.jsonl",), dev=("hellaswag/hellaswag_val.jsonl",)),
        # revision: the data set was a script until its request 7, whose files this reference names
        Hub("Rowan/hellaswag", "default", hub_rows.hellaswag, "refs/pr/7", train=("train",), dev=("validation",)),
    ),
    upstream=(
        Upstream(
            "https://raw.githubusercontent.com/rowanz/hellaswag/master/data/hellaswag_train.jsonl",
            "hellaswag/hellaswag_train.jsonl",
        ),
        Upstream(
            "https://raw.githubusercontent.com/rowanz/hellaswag/master/data/hellaswag_val.jsonl", "hellaswag/hellaswag_val.jsonl"
        ),
    ),
    licence="MIT",
    about="Which of four endings goes on; data/hellaswag_{train,val}.jsonl from github.com/rowanz/hellaswag",
    chance=25.0,
)

CCG = Task(
    name="ccg",
    head="tagging",
    example=rows.tagged_sentence,
    metric=metrics.tag_accuracy,
    headline=("accuracy",),
    # No labels here: the categories are those of the training data (some 1,300 in CCGbank).
    version=2,
    sources=(
        Files(readers.ccg_tsv, train=("ccg/train.tsv",), dev=("ccg/dev.tsv",)),
        Files(readers.ccg_columns, train=("ccg_pmb/en/gold/train.conll",), dev=("ccg_pmb/en/gold/dev.conll",)),
    ),
    licence="CCGbank: LDC2005T13, paid; Parallel Meaning Bank: open, see pmb.let.rug.nl",
    about="A category of combinatory grammar for each word. CCGbank is licensed: write ccg/{train,dev}.tsv, one token, tab and "
    "category a line, a blank line between sentences; or use the English gold columns of the Parallel Meaning Bank",
)

COSMOSQA = Task(
    name="cosmosqa",
    head="multiple_choice",
    example=rows.cosmosqa_choices,
    metric=metrics.label_accuracy,
    headline=("accuracy",),
    # No hub entry: the data set there is a script, which `datasets` no longer runs.
    sources=(Files(readers.cosmosqa_csv, train=("cosmosqa/train.csv",), dev=("cosmosqa/valid.csv",)),),
    upstream=(
        Upstream("https://github.com/wilburOne/cosmosqa/raw/master/data/train.csv", "cosmosqa/train.csv"),
        Upstream("https://github.com/wilburOne/cosmosqa/raw/master/data/valid.csv", "cosmosqa/valid.csv"),
    ),
    licence="CC BY 4.0",
    about="Reading between the lines of blog posts; data/{train,valid}.csv from github.com/wilburOne/cosmosqa",
    chance=25.0,
)

COMMONSENSEQA = Task(
    name="commonsenseqa",
    head="multiple_choice",
    example=rows.commonsenseqa_choices,
    metric=metrics.label_accuracy,
    headline=("accuracy",),
    sources=(
        Files(
            readers.commonsenseqa_jsonl,
            train=("commonsenseqa/train_rand_split.jsonl",),
            dev=("commonsenseqa/dev_rand_split.jsonl",),
        ),
        # revision: the parquet commit begins with 94630fe; a pin needs all 40 digits
        Hub("tau/commonsense_qa", "default", hub_rows.commonsenseqa, train=("train",), dev=("validation",)),
    ),
    upstream=(
        Upstream("https://s3.amazonaws.com/commensenseqa/train_rand_split.jsonl", "commonsenseqa/train_rand_split.jsonl"),
        Upstream("https://s3.amazonaws.com/commensenseqa/dev_rand_split.jsonl", "commonsenseqa/dev_rand_split.jsonl"),
    ),
    licence="MIT",
    about="Questions of everyday knowledge with five answers; {train,dev}_rand_split.jsonl from tau-nlp.org/commonsenseqa",
    chance=20.0,
)
