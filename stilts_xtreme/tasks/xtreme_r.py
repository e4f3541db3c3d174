"""XTREME-R's tasks that XTREME does not have (arXiv 2104.07412), and the English tasks they are trained on.

XCOPA is trained on Social IQa, then on COPA: XTREME-R's runner hands on the whole model between the two; here, as everywhere, the
encoder alone is handed on. File names beside the releases' own are those of its scripts: download_data.sh puts a
dot, run_xcopa.py reads a dash.

Both retrieval tasks are scored by mean average precision at 20. XTREME-R's own code for LAReQA takes the whole ranking instead of
its first 20 (third_party/utils_lareqa.py), and no released scorer of LAReQA's 20 is known to us.
"""

from stilts_xtreme.tasks import hub_rows, metrics, readers, rows
from stilts_xtreme.tasks.intermediate import SQUAD
from stilts_xtreme.tasks.task import Files, Hub, Task, Upstream
from stilts_xtreme.utils.languages import codes

SIQA = Task(
    name="siqa",
    head="multiple_choice",
    example=rows.siqa_choices,
    metric=metrics.label_accuracy,
    headline=("accuracy",),
    sources=(
        Files(
            readers.siqa_jsonl,
            train=("socialiqa/train.jsonl", "socialiqa-train-dev/train.jsonl"),
            dev=("socialiqa/dev.jsonl", "socialiqa-train-dev/dev.jsonl"),
        ),
        Files(
            readers.siqa_correct_jsonl,
            train=("siqa/socialIQa_v1.4_trn.jsonl", "socialIQa_v1.4/socialIQa_v1.4_trn.jsonl"),
            dev=("siqa/socialIQa_v1.4_dev.jsonl", "socialIQa_v1.4/socialIQa_v1.4_dev.jsonl"),
        ),
        # revision: none known to us. Not allenai/social_i_qa: a script.
        Hub("lighteval/siqa", "default", hub_rows.siqa, train=("train",), dev=("validation",)),
    ),
    upstream=(
        Upstream(
            "https://maartensap.github.io/social-iqa/data/socialIQa_v1.4.tgz", "socialIQa_v1.4.tgz", "its layout is a guess"
        ),
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
            readers.copa_jsonl,
            train=("copa/train-en.jsonl", "COPA/train.jsonl", "xcopa/train.en.jsonl", "xcopa/train-en.jsonl"),
            dev=("copa/val-en.jsonl", "COPA/val.jsonl", "xcopa/val.en.jsonl", "xcopa/val-en.jsonl"),
        ),
        # revision: none known to us
        Hub("aps/super_glue", "copa", hub_rows.copa, train=("train",), dev=("validation",)),
    ),
    upstream=(Upstream("https://dl.fbaipublicfiles.com/glue/superglue/data/v2/COPA.zip", "COPA.zip"),),
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
    parallel="question",
    sources=(
        Files(
            readers.copa_jsonl,
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
    upstream=(
        Upstream(
            "https://raw.githubusercontent.com/cambridgeltl/xcopa/master/data/{language}/val.{language}.jsonl",
            "xcopa/{language}/val.{language}.jsonl",
        ),
        Upstream(
            "https://raw.githubusercontent.com/cambridgeltl/xcopa/master/data/{language}/test.{language}.jsonl",
            "xcopa/{language}/test.{language}.jsonl",
        ),
    ),
    licence="CC BY 4.0",
    about="COPA translated into 11 languages, none of them English; data/ of github.com/cambridgeltl/xcopa",
    chance=50.0,
)

SQUAD_RETRIEVAL = Task(
    name="squad_retrieval",
    head="dual_encoder",
    example=rows.match,
    metric=metrics.map_at_20,
    headline=("map@20",),
    version=2,
    sources=(
        Files(
            readers.squad_sentences_json,
            train=("squad_v1/train-v1.1.json", "squad/train-v1.1.json"),
            dev=("squad_v1/dev-v1.1.json", "squad/dev-v1.1.json"),
        ),
        # revision: none known to us
        Hub("rajpurkar/squad", "plain_text", hub_rows.squad_sentence, train=("train",), dev=("validation",)),
    ),
    translated=tuple(
        Files(readers.squad_sentences_json, train=source.train) for source in SQUAD.translated if isinstance(source, Files)
    ),
    upstream=SQUAD.upstream,
    licence="CC BY-SA 4.0",
    about="SQuAD 1.1 as a search for the sentence that holds the answer; files as for squad",
)

LAREQA = Task(
    name="lareqa",
    head="dual_encoder",
    example=rows.match,
    metric=metrics.map_at_20,
    headline=("map@20",),
    languages=codes("ar de el en es hi ru th tr vi zh"),
    trains_on="squad_retrieval",
    # Official scores are means over the questions of all languages; each has as many, so the mean over languages is the same.
    pool="languages",
    # No hub entry: no copy known to us.
    sources=(
        Files(
            readers.xquad_r_questions_json,
            test=("lareqa/xquad-r/{language}.json",),
            pool=Files(readers.xquad_r_sentences_json, test=("lareqa/xquad-r/{language}.json",)),
        ),
    ),
    upstream=(
        Upstream(
            "https://raw.githubusercontent.com/google-research-datasets/lareqa/master/xquad-r/{language}.json",
            "lareqa/xquad-r/{language}.json",
            "the branch's name is not certain",
        ),
    ),
    licence="CC BY-SA 4.0",
    about="Find the answer to a question among the sentences of all languages, once in each (XQuAD-R); "
    "xquad-r/<language>.json from github.com/google-research-datasets/lareqa into lareqa/xquad-r",
)

MEWSLIX = Task(
    name="mewslix",
    head="dual_encoder",
    example=rows.match,
    metric=metrics.map_at_20,
    headline=("map@20",),
    languages=codes("ar de en es fa ja pl ro ta tr uk"),
    pool="shared",
    # No hub entry: no copy known to us.
    sources=(
        Files(
            readers.mewslix_mentions_jsonl,
            train=("mewslix/wikipedia_pairs-train.jsonl",),
            dev=("mewslix/wikipedia_pairs-dev.jsonl",),
            test=("mewslix/wikinews_mentions-test.jsonl",),
            pool=Files(readers.mewslix_entities_jsonl, test=("mewslix/candidate_set_entities.jsonl",)),
        ),
    ),
    licence="none stated (WikiNews and Wikipedia text)",
    about="Find what a name in the news stands for among a million described entities (Mewsli-X, release of 2022-05-18); "
    "get-mewsli-x.sh from github.com/google-research/google-research, dense_representations_for_entity_retrieval/mel; "
    "its .jsonl files into mewslix",
)
