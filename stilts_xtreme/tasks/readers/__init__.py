"""Readers of the tasks' release files: `reader(path)` yields canonical rows, and `Skipped` for a row that cannot be used.

A malformed file, or too many broken rows (see `skipped.rows_of`), raises UserError with its location. Every file may be plain or
.gz. A row has `at`, its line or location in the file, `language` where a file holds several, and `notes` where it was changed.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from stilts_xtreme.tasks.readers.choices import (
    commonsenseqa_jsonl,
    copa_jsonl,
    cosmosqa_csv,
    hellaswag_jsonl,
    siqa_correct_jsonl,
    siqa_jsonl,
)
from stilts_xtreme.tasks.readers.entities import mewslix_entities_jsonl, mewslix_mentions_jsonl
from stilts_xtreme.tasks.readers.lines import Row
from stilts_xtreme.tasks.readers.pairs import (
    NLI,
    anli_jsonl,
    mnli_jsonl,
    paws_translated_tsv,
    paws_tsv,
    qqp_tsv,
    xnli_release_tsv,
    xnli_translated_tsv,
    xnli_tsv,
)
from stilts_xtreme.tasks.readers.questions import (
    aligned,
    sentence_search,
    squad_json,
    squad_sentences_json,
    tydiqa_json,
    tydiqa_language,
    xquad_r_questions_json,
    xquad_r_sentences_json,
)
from stilts_xtreme.tasks.readers.sentences import TOPICS, bucc_pair, companion, tatoeba_pair, text_lines, topics_tsv
from stilts_xtreme.tasks.readers.skipped import Skipped
from stilts_xtreme.tasks.readers.tagged import IOB2, UPOS, ccg_columns, ccg_tsv, conllu, iob2_tsv, upos_tsv

# Readers whose rows have `language`: the file holds several languages.
MULTILINGUAL = (xnli_release_tsv, tydiqa_json, mewslix_mentions_jsonl)

Reader = Callable[[Path], Iterator[Row | Skipped]]
# Name endings of further files that a reader opens; they belong to the data's digest.
_COMPANIONS: dict[Reader, tuple[str, ...]] = {tatoeba_pair: (".eng",), bucc_pair: (".en", ".gold"), siqa_jsonl: ("-labels.lst",)}


def companions(reader: Reader) -> tuple[str, ...]:
    """Return the name endings of further files that a reader opens (see `companion`)."""
    return _COMPANIONS.get(reader, ())


def files_of(reader: Reader, path: Path) -> tuple[Path, ...]:
    """Return all files that `reader(path)` opens; UserError where a file is missing."""
    return (path, *(companion(path, ending) for ending in companions(reader)))


__all__ = [
    "IOB2", "MULTILINGUAL", "NLI", "TOPICS", "UPOS", "Skipped", "aligned", "anli_jsonl", "bucc_pair", "ccg_columns",
    "ccg_tsv", "commonsenseqa_jsonl", "conllu", "copa_jsonl", "cosmosqa_csv", "files_of", "hellaswag_jsonl", "iob2_tsv",
    "mewslix_entities_jsonl", "mewslix_mentions_jsonl", "mnli_jsonl", "paws_translated_tsv", "paws_tsv", "qqp_tsv",
    "sentence_search", "siqa_correct_jsonl", "siqa_jsonl", "squad_json", "squad_sentences_json", "tatoeba_pair",
    "text_lines", "topics_tsv", "tydiqa_json", "tydiqa_language", "upos_tsv", "xnli_release_tsv", "xnli_translated_tsv",
    "xnli_tsv", "xquad_r_questions_json", "xquad_r_sentences_json",
]  # fmt: skip
