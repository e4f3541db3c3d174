"""Readers of the tasks' release files: `reader(path)` yields canonical rows, and `Skipped` where a row cannot be used.

A malformed file, or too many broken rows (see `skipped.rows_of`), is a UserError with its place. Every file may be plain or .gz.
A row has `at`, its line or place in the file, `language` where one file holds several, and `notes` where it was changed.
"""

from collections.abc import Callable
from pathlib import Path

from stilts_xtreme.formats.choices import (
    commonsenseqa_jsonl,
    copa_jsonl,
    cosmosqa_csv,
    hellaswag_jsonl,
    siqa_correct_jsonl,
    siqa_jsonl,
)
from stilts_xtreme.formats.entities import mewslix_entities_jsonl, mewslix_mentions_jsonl
from stilts_xtreme.formats.pairs import (
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
from stilts_xtreme.formats.questions import (
    aligned,
    sentence_search,
    squad_json,
    squad_sentences_json,
    tydiqa_json,
    tydiqa_language,
    xquad_r_questions_json,
    xquad_r_sentences_json,
)
from stilts_xtreme.formats.sentences import beside, bucc_pair, tatoeba_pair, text_lines
from stilts_xtreme.formats.skipped import Skipped
from stilts_xtreme.formats.tagged import IOB2, UPOS, ccg_columns, ccg_tsv, conllu, iob2_tsv, upos_tsv

# Readers whose rows carry `language`: one file, several languages.
MULTILINGUAL = (xnli_release_tsv, tydiqa_json, mewslix_mentions_jsonl)

# Endings of the files a reader opens beside the one it is given; they belong to the data's digest.
_BESIDE = {tatoeba_pair: (".eng",), bucc_pair: (".en", ".gold"), siqa_jsonl: ("-labels.lst",)}


def companions(reader: Callable) -> tuple[str, ...]:
    """Endings of the files a reader opens beside the one it is given (see `beside`)."""
    return _BESIDE.get(reader, ())


def files_of(reader: Callable, path: Path) -> tuple[Path, ...]:
    """All files `reader(path)` opens; UserError where one is missing."""
    return (path, *(beside(path, ending) for ending in companions(reader)))


__all__ = [
    "IOB2", "MULTILINGUAL", "NLI", "UPOS", "Skipped", "aligned", "anli_jsonl", "bucc_pair", "ccg_columns", "ccg_tsv",
    "commonsenseqa_jsonl", "conllu", "copa_jsonl", "cosmosqa_csv", "files_of", "hellaswag_jsonl", "iob2_tsv",
    "mewslix_entities_jsonl", "mewslix_mentions_jsonl", "mnli_jsonl", "paws_translated_tsv", "paws_tsv", "qqp_tsv",
    "sentence_search", "siqa_correct_jsonl", "siqa_jsonl", "squad_json", "squad_sentences_json", "tatoeba_pair",
    "text_lines", "tydiqa_json", "tydiqa_language", "upos_tsv", "xnli_release_tsv", "xnli_translated_tsv", "xnli_tsv",
    "xquad_r_questions_json", "xquad_r_sentences_json",
]  # fmt: skip
