"""XTREME-R's tasks that XTREME does not have (arXiv 2104.07412), and what they are trained on.

Both retrieval tasks are scored by mean average precision at 20. XTREME-R's own code for LAReQA takes the whole ranking instead of
its first 20 (third_party/utils_lareqa.py), and no released scorer of LAReQA's 20 is known to us.
"""

from stilts_xtreme import formats
from stilts_xtreme.languages import codes
from stilts_xtreme.tasks import hub_rows, metrics, rows
from stilts_xtreme.tasks.task import Files, Hub, Task

SQUAD_RETRIEVAL = Task(
    name="squad_retrieval",
    head="dual_encoder",
    example=rows.match,
    metric=metrics.map_at_20,
    headline=("map@20",),
    sources=(
        Files(
            formats.squad_sentences_json,
            train=("squad_v1/train-v1.1.json", "squad/train-v1.1.json"),
            dev=("squad_v1/dev-v1.1.json", "squad/dev-v1.1.json"),
        ),
        # revision: none known to us
        Hub("rajpurkar/squad", "plain_text", hub_rows.squad_sentence, train=("train",), dev=("validation",)),
    ),
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
            formats.xquad_r_questions_json,
            test=("lareqa/xquad-r/{language}.json",),
            pool=Files(formats.xquad_r_sentences_json, test=("lareqa/xquad-r/{language}.json",)),
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
            formats.mewslix_mentions_jsonl,
            train=("mewslix/wikipedia_pairs-train.jsonl",),
            dev=("mewslix/wikipedia_pairs-dev.jsonl",),
            test=("mewslix/wikinews_mentions-test.jsonl",),
            pool=Files(formats.mewslix_entities_jsonl, test=("mewslix/candidate_set_entities.jsonl",)),
        ),
    ),
    licence="none stated (WikiNews and Wikipedia text)",
    about="Find what a name in the news stands for among a million described entities (Mewsli-X, release of 2022-05-18); "
    "get-mewsli-x.sh from github.com/google-research/google-research, dense_representations_for_entity_retrieval/mel; "
    "its .jsonl files into mewslix",
)
