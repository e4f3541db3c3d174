"""Releases of single sentences: Tatoeba and BUCC bitexts, plain text."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stilts_xtreme.formats.lines import columns, fail, lines, tsv

Row = dict[str, Any]


def beside(path: Path, ending: str) -> Path:
    """The file of the same name with another ending, plain or .gz: zh-en.dev.zh.gz -> zh-en.dev.gold; UserError if missing."""
    plain = path.with_suffix("") if path.suffix == ".gz" else path
    wanted = plain.with_name(plain.stem + ending)
    packed = wanted.with_name(wanted.name + ".gz")
    if not wanted.is_file() and not packed.is_file():
        fail(path, 1, ending, f"no {wanted.name} (or .gz) beside this file; put it there")
    return wanted if wanted.is_file() else packed


def tatoeba_pair(path: Path) -> Iterator[Row]:
    """Tatoeba: the foreign file (tatoeba.deu-eng.deu), its English partner (.eng) beside it, aligned line by line."""
    partner = beside(path, ".eng")
    foreign, english = list(lines(path)), list(lines(partner))
    if len(foreign) != len(english):
        fail(path, len(foreign), "lines", f"{len(foreign)}, but {partner.name} has {len(english)}; they must be aligned")
    # Ids count from 0, as the answers of XTREME's submissions do.
    for side, other, content in (("foreign", "english", foreign), ("english", "foreign", english)):
        for number, sentence in content:
            row = {"id": f"{side}-{number - 1}", "text": sentence, "side": side, "match": f"{other}-{number - 1}"}
            yield {"at": str(number), **row}


def _gold(path: Path) -> tuple[dict[str, str], dict[str, str], list[tuple[int, str, str]]]:
    to_english: dict[str, str] = {}
    to_foreign: dict[str, str] = {}
    pairs = []
    for number, fields in tsv(path):
        foreign, english = columns(path, number, fields, 2)
        to_english.setdefault(foreign, english)
        to_foreign.setdefault(english, foreign)
        pairs.append((number, foreign, english))
    return to_english, to_foreign, pairs


def bucc_pair(path: Path) -> Iterator[Row]:
    """BUCC 2018: the foreign file (zh-en.dev.zh: id, tab, sentence); .en (the same) and .gold (pairs of ids) beside it.

    A sentence with several gold partners keeps the first; UserError where that would lose a pair on both sides.
    """
    gold = beside(path, ".gold")
    to_english, to_foreign, pairs = _gold(gold)
    seen: set[str] = set()
    for file, side, match in ((path, "foreign", to_english), (beside(path, ".en"), "english", to_foreign)):
        for number, fields in tsv(file):
            name, sentence = columns(file, number, fields, 2)
            if name in seen:
                fail(file, number, "id", f"{name!r} stands twice; ids must be unique over both sides")
            seen.add(name)
            yield {"at": str(number), "id": name, "text": sentence, "side": side, "match": match.get(name)}
    for number, foreign, english in pairs:
        if foreign not in seen or english not in seen:
            fail(gold, number, "pair", f"{foreign} {english}: there is no sentence of that id")
        if to_english[foreign] != english and to_foreign[english] != foreign:
            fail(gold, number, "pair", f"{foreign} {english}: both have another partner further up; remove one of the pairs")


def text_lines(path: Path) -> Iterator[Row]:
    """Plain text: a sentence or passage a line; blank lines only divide."""
    for number, line in lines(path):
        if line.strip():
            yield {"at": str(number), "id": str(number), "text": line}
