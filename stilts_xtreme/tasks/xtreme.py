"""XTREME's nine target tasks (arXiv 2003.11080). "test" is the split that counts for zero-shot scoring.

XTREME's prepared test files have no labels, so the releases' own files come first; where only a labelled dev file is there, that
file is scored.
"""

from itertools import permutations

from stilts_xtreme.scoring.benchmarks import XTREME, XTREME_R
from stilts_xtreme.tasks import hub_rows, metrics, readers, rows
from stilts_xtreme.tasks.task import Files, Hub, Task, Upstream

# Context and question in the same language ("de": what XTREME scores) or in two ("de-en": German context, English question).
MLQA_LANGUAGES = (
    *XTREME.languages["mlqa"],
    *("-".join(pair) for pair in permutations(XTREME.languages["mlqa"], 2)),
)

PAWSX = Task(
    name="pawsx",
    head="classification",
    example=rows.pawsx_pair,
    test_example=rows.pawsx_test_pair,
    metric=metrics.label_accuracy,
    headline=("accuracy",),
    languages=XTREME.languages["pawsx"],
    labels=("0", "1"),
    sources=(
        Files(
            readers.paws_tsv,
            # PAWS-X drew its dev and test pairs from the dev part of PAWS-Wiki: the other parts share no pair with them.
            train=("x-final/{language}/train.tsv", "pawsx/train-{language}.tsv", "paws_wiki/train.tsv", "paws_wiki/test.tsv"),
            dev=("x-final/{language}/dev_2k.tsv", "pawsx/dev-{language}.tsv"),
            test=("x-final/{language}/test_2k.tsv", "pawsx/test-{language}.tsv", "pawsx/dev-{language}.tsv"),
        ),
        # revision: none known to us. Not google/xtreme: its copy lost rows to csv quoting.
        Hub("google-research-datasets/paws-x", "{language}", hub_rows.pawsx, None, ("train",), ("validation",), ("test",)),
    ),
    translated=(
        Files(readers.paws_tsv, train=("x-final/{language}/translated_train.tsv",)),
        Files(readers.paws_translated_tsv, train=("xtreme_translations/PAWSX/translate-train/en-{language}-translated.tsv",)),
        Hub(
            "google-research-datasets/paws-x",
            "{language}",
            hub_rows.pawsx,
            train=("train",),
            languages=XTREME.languages["pawsx"],
        ),
    ),
    upstream=(Upstream("https://storage.googleapis.com/paws/pawsx/x-final.tar.gz", "x-final.tar.gz"),),
    licence="free use with acknowledgement (Google)",
    about="Do two sentences of many shared words mean the same; x-final.tar.gz from github.com/google-research-datasets/paws",
    chance=50.0,
    version=2,
)

XNLI = Task(
    name="xnli",
    head="classification",
    example=rows.nli_pair,
    metric=metrics.label_accuracy,
    headline=("accuracy",),
    languages=XTREME.languages["xnli"],
    labels=readers.NLI,
    trains_on="mnli",
    sources=(
        Files(readers.xnli_release_tsv, dev=("XNLI-1.0/xnli.dev.tsv",), test=("XNLI-1.0/xnli.test.tsv",)),
        Files(readers.xnli_tsv, dev=("xnli/dev-{language}.tsv",), test=("xnli/test-{language}.tsv", "xnli/dev-{language}.tsv")),
        # revision: the parquet commit begins with b8dd5d7; a pin needs all 40 digits
        Hub("facebook/xnli", "{language}", hub_rows.nli, dev=("validation",), test=("test",)),
    ),
    upstream=(Upstream("https://dl.fbaipublicfiles.com/XNLI/XNLI-1.0.zip", "XNLI-1.0.zip"),),
    licence="CC BY-NC 4.0",
    about="MNLI-style pairs in 15 languages; XNLI-1.0.zip from github.com/facebookresearch/XNLI",
    chance=100 / 3,
)

PANX = Task(
    name="panx",
    head="tagging",
    example=rows.tagged_sentence,
    metric=metrics.entity_f1,
    headline=("f1",),
    languages=XTREME_R.languages["panx"],
    labels=readers.IOB2,
    sources=(
        Files(
            readers.iob2_tsv,
            train=("panx/train-{language}.tsv", "panx_dataset/{language}/train"),
            dev=("panx/dev-{language}.tsv", "panx_dataset/{language}/dev"),
            test=("panx_dataset/{language}/test", "panx/test-{language}.tsv", "panx/dev-{language}.tsv"),
        ),
        # revision: none known to us
        Hub(
            "google/xtreme",
            "PAN-X.{language}",
            hub_rows.panx,
            train=("train",),
            dev=("validation",),
            test=("test",),
            languages=XTREME.languages["panx"],
        ),
    ),
    licence="none stated (Wikipedia text)",
    about="Names of persons, places, organisations (WikiANN as split by Rahimi et al. 2019); github.com/afshinrahimi/mmner",
)

UDPOS = Task(
    name="udpos",
    head="tagging",
    example=rows.tagged_sentence,
    metric=metrics.chunk_f1,
    headline=("f1",),
    languages=XTREME_R.languages["udpos"],
    labels=readers.UPOS,
    # No hub entry: google/xtreme's copy mixes in Ancient Greek, Old French, Old Russian and others, and splits contracted words.
    sources=(
        Files(
            readers.upos_tsv,
            train=("udpos/train-{language}.tsv",),
            dev=("udpos/dev-{language}.tsv",),
            test=("udpos/test-{language}.tsv",),
        ),
        Files(
            readers.upos_tsv,
            train=("udpos/xtreme/train-{language}.tsv",),
            dev=("udpos/xtreme/dev-{language}.tsv",),
            test=("udpos/xtreme/test-{language}.tsv",),
        ),
        Files(
            readers.conllu,
            train=("udpos/ud/UD_*/{language}_*-ud-train.conllu", "ud-treebanks-v2.*/UD_*/{language}_*-ud-train.conllu"),
            dev=("udpos/ud/UD_*/{language}_*-ud-dev.conllu", "ud-treebanks-v2.*/UD_*/{language}_*-ud-dev.conllu"),
            test=("udpos/ud/UD_*/{language}_*-ud-test.conllu", "ud-treebanks-v2.*/UD_*/{language}_*-ud-test.conllu"),
        ),
    ),
    upstream=(
        Upstream(
            "https://lindat.mff.cuni.cz/repository/xmlui/bitstream/handle/11234/1-3105/ud-treebanks-v2.5.tgz",
            "ud-treebanks-v2.5.tgz",
        ),
    ),
    licence="per treebank, see universaldependencies.org; some are non-commercial",
    about="Universal part-of-speech tags; ud-treebanks-v2.5.tgz from hdl.handle.net/11234/1-3105",
)

XQUAD = Task(
    name="xquad",
    head="span_qa",
    example=rows.squad_question,
    metric=metrics.exact_match_and_f1,
    headline=("exact_match", "f1"),
    languages=XTREME_R.languages["xquad"],
    trains_on="squad",
    sources=(
        Files(readers.squad_json, test=("xquad/xquad.{language}.json",)),
        # revision: none known to us (google/xquad is the other copy; a commit of it begins with 51adfef1)
        Hub("google/xtreme", "XQuAD.{language}", hub_rows.squad, test=("validation",), languages=XTREME.languages["xquad"]),
    ),
    upstream=(
        Upstream(
            "https://raw.githubusercontent.com/google-deepmind/xquad/master/xquad.{language}.json", "xquad/xquad.{language}.json"
        ),
    ),
    licence="CC BY-SA 4.0",
    about="240 paragraphs of SQuAD translated by professionals; xquad.<language>.json from github.com/google-deepmind/xquad",
)

MLQA = Task(
    name="mlqa",
    head="span_qa",
    example=rows.squad_question,
    metric=metrics.mlqa_exact_match_and_f1,
    headline=("exact_match", "f1"),
    languages=MLQA_LANGUAGES,
    trains_on="squad",
    sources=(
        Files(
            readers.squad_json,
            dev=(
                "mlqa/MLQA_V1/dev/dev-context-{context}-question-{question}.json",
                "MLQA_V1/dev/dev-context-{context}-question-{question}.json",
            ),
            test=(
                "mlqa/MLQA_V1/test/test-context-{context}-question-{question}.json",
                "MLQA_V1/test/test-context-{context}-question-{question}.json",
                "mlqa/MLQA_V1/dev/dev-context-{context}-question-{question}.json",
                "MLQA_V1/dev/dev-context-{context}-question-{question}.json",
            ),
        ),
        # revision: none known to us. Not facebook/mlqa: a script.
        Hub("google/xtreme", "MLQA.{context}.{question}", hub_rows.squad, dev=("validation",), test=("test",)),
    ),
    upstream=(Upstream("https://dl.fbaipublicfiles.com/MLQA/MLQA_V1.zip", "mlqa/MLQA_V1.zip"),),
    licence="CC BY-SA 3.0",
    about="Questions on Wikipedia passages, in one language or in two; MLQA_V1.zip from github.com/facebookresearch/MLQA",
)

# The release has the dev questions as a single file and as an archive with a file for each language.
_TYDIQA_DEV = tuple(
    f"{folder}tydiqa-goldp-v1.1-dev{ending}" for folder in ("tydiqa/", "") for ending in (".json", "/tydiqa-goldp-dev-*.json")
)

TYDIQA = Task(
    name="tydiqa",
    head="span_qa",
    example=rows.squad_question,
    metric=metrics.exact_match_and_f1,
    headline=("exact_match", "f1"),
    languages=XTREME.languages["tydiqa"],
    version=2,
    sources=(
        Files(
            readers.squad_json,
            train=("tydiqa/tydiqa-goldp-v1.1-train/tydiqa.goldp.{language}.train.json",),
            dev=("tydiqa/tydiqa-goldp-v1.1-dev/tydiqa.goldp.{language}.dev.json",),
            test=("tydiqa/tydiqa-goldp-v1.1-dev/tydiqa.goldp.{language}.dev.json",),
        ),
        Files(
            readers.tydiqa_json,
            train=("tydiqa/tydiqa-goldp-v1.1-train.json", "tydiqa-goldp-v1.1-train.json"),
            dev=_TYDIQA_DEV,
            test=_TYDIQA_DEV,
        ),
        # There is no other labelled split than train and dev: as in the paper, dev is scored and, in English, selects the model.
        # revision: the parquet commit begins with da78f23; a pin needs all 40 digits
        Hub(
            "google-research-datasets/tydiqa",
            "secondary_task",
            hub_rows.tydiqa,
            train=("train",),
            dev=("validation",),
            test=("validation",),
        ),
    ),
    translated=(
        Files(
            readers.squad_json,
            train=("xtreme_translations/TyDiQA-GoldP/translate-train/tydiqa.translate.train.en-{language}.json",),
        ),
    ),
    upstream=(
        Upstream(
            "https://storage.googleapis.com/tydiqa/v1.1/tydiqa-goldp-v1.1-train.json", "tydiqa/tydiqa-goldp-v1.1-train.json"
        ),
        Upstream("https://storage.googleapis.com/tydiqa/v1.1/tydiqa-goldp-v1.1-dev.json", "tydiqa/tydiqa-goldp-v1.1-dev.json"),
    ),
    licence="Apache-2.0",
    about="Questions of native speakers on a given passage; tydiqa-goldp-v1.1 from github.com/google-research-datasets/tydiqa",
)

BUCC2018 = Task(
    name="bucc2018",
    head="embedding",
    example=rows.bitext_sentence,
    metric=metrics.bucc_f1,
    headline=("f1",),
    languages=XTREME.languages["bucc2018"],
    # No hub entry: google/xtreme holds only the gold pairs, without the sentences they have to be found among.
    sources=(
        Files(
            readers.bucc_pair,
            dev=("bucc2018/{language}-en/{language}-en.sample.{language}", "bucc2018/{language}-en.dev.{language}"),
            test=(
                "bucc2018/{language}-en/{language}-en.training.{language}",
                "bucc2018/{language}-en.test.{language}",
                "bucc2018/{language}-en/{language}-en.sample.{language}",
                "bucc2018/{language}-en.dev.{language}",
            ),
        ),
    ),
    upstream=tuple(
        Upstream(
            f"https://comparable.limsi.fr/bucc2018/bucc2018-{{language}}-en.{part}-gold.tar.bz2",
            f"bucc2018-{{language}}-en.{part}-gold.tar.bz2",
            "it is not known whether this host still answers",
        )
        for part in ("training", "sample")
    ),
    licence="none stated",
    about="Find the translations in two large sets of sentences (as in XTREME, the shared task's training part is test, its "
    "sample dev); bucc2018-<language>-en.{training,sample}-gold.tar.bz2 from comparable.limsi.fr/bucc2018",
)

TATOEBA = Task(
    name="tatoeba",
    head="embedding",
    example=rows.bitext_sentence,
    metric=metrics.tatoeba_accuracy,
    headline=("accuracy",),
    languages=XTREME_R.languages["tatoeba"],
    sources=(
        Files(readers.tatoeba_pair, test=("tatoeba/v1/tatoeba.{iso3}-eng.{iso3}", "tatoeba/tatoeba.{iso3}-eng.{iso3}")),
        # revision: none known to us
        Hub("google/xtreme", "tatoeba.{iso3}", hub_rows.tatoeba, test=("validation",), languages=XTREME.languages["tatoeba"]),
    ),
    upstream=tuple(
        Upstream(
            f"https://raw.githubusercontent.com/facebookresearch/LASER/main/data/tatoeba/v1/tatoeba.{{iso3}}-eng.{end}",
            f"tatoeba/v1/tatoeba.{{iso3}}-eng.{end}",
        )
        for end in ("{iso3}", "eng")
    ),
    licence="CC BY 2.0 FR",
    about="Find each sentence's translation among up to 1,000; data/tatoeba/v1 from github.com/facebookresearch/LASER",
)
