"""XCOPA, which XTREME-R (arXiv 2104.07412) adds, and the two English tasks it is trained on: Social IQa, then COPA.

File names beside the releases' own are those of XTREME-R's scripts: download_data.sh puts a dot, run_xcopa.py reads a dash.
That runner hands on the whole model from Social IQa to COPA; here, as everywhere, the encoder alone is handed on.
"""

from stilts_xtreme import formats
from stilts_xtreme.languages import codes
from stilts_xtreme.tasks import hub_rows, metrics, rows
from stilts_xtreme.tasks.task import Files, Hub, Task

SIQA = Task(
    name="siqa",
    head="multiple_choice",
    example=rows.siqa_choices,
    metric=metrics.label_accuracy,
    headline=("accuracy",),
    sources=(
        Files(
            formats.siqa_jsonl,
            train=("socialiqa/train.jsonl", "socialiqa-train-dev/train.jsonl"),
            dev=("socialiqa/dev.jsonl", "socialiqa-train-dev/dev.jsonl"),
        ),
        Files(
            formats.siqa_correct_jsonl,
            train=("siqa/socialIQa_v1.4_trn.jsonl", "socialIQa_v1.4/socialIQa_v1.4_trn.jsonl"),
            dev=("siqa/socialIQa_v1.4_dev.jsonl", "socialIQa_v1.4/socialIQa_v1.4_dev.jsonl"),
        ),
        # revision: none known to us. Not allenai/social_i_qa: a script.
        Hub("lighteval/siqa", "default", hub_rows.siqa, train=("train",), dev=("validation",)),
    ),
    licence="none stated (public download of the Allen Institute for AI)",
    about="What people do, why, and how they feel about it, with three answers; socialiqa-train-dev.zip of the Allen Institute "
    "for AI, train.jsonl, dev.jsonl and their -labels.lst into socialiqa/",
    chance=100 / 3,
)

COPA = Task(
    name="copa",
    head="multiple_choice",
    example=rows.copa_choices,
    metric=metrics.label_accuracy,
    headline=("accuracy",),
    after="siqa",
    # No "test": SuperGLUE's has no labels, and copies of it put 0 in their place.
    sources=(
        Files(
            formats.copa_jsonl,
            train=("copa/train-en.jsonl", "COPA/train.jsonl", "xcopa/train.en.jsonl", "xcopa/train-en.jsonl"),
            dev=("copa/val-en.jsonl", "COPA/val.jsonl", "xcopa/val.en.jsonl", "xcopa/val-en.jsonl"),
        ),
        # revision: none known to us
        Hub("aps/super_glue", "copa", hub_rows.copa, train=("train",), dev=("validation",)),
    ),
    licence="BSD 2-Clause",
    about="Which of two sentences is the cause or the effect of another; COPA.zip of SuperGLUE (super.gluebenchmark.com/tasks)",
    chance=50.0,
)

XCOPA = Task(
    name="xcopa",
    head="multiple_choice",
    example=rows.copa_choices,
    metric=metrics.label_accuracy,
    headline=("accuracy",),
    languages=codes("et ht id it qu sw ta th tr vi zh"),
    trains_on="copa",
    sources=(
        Files(
            formats.copa_jsonl,
            dev=(
                "xcopa/{language}/val.{language}.jsonl",
                "xcopa/data/{language}/val.{language}.jsonl",
                "data/{language}/val.{language}.jsonl",
                "xcopa/val.{language}.jsonl",
                "xcopa/val-{language}.jsonl",
            ),
            test=(
                "xcopa/{language}/test.{language}.jsonl",
                "xcopa/data/{language}/test.{language}.jsonl",
                "data/{language}/test.{language}.jsonl",
                "xcopa/test.{language}.jsonl",
                "xcopa/test-{language}.jsonl",
            ),
        ),
        # revision: the parquet commit begins with 042f789; a pin needs all 40 digits
        Hub("cambridgeltl/xcopa", "{language}", hub_rows.copa, dev=("validation",), test=("test",)),
    ),
    licence="CC BY 4.0",
    about="COPA translated into 11 languages, none of them English; data/ of github.com/cambridgeltl/xcopa",
    chance=50.0,
)
