"""Read releases of single sentences: Tatoeba and BUCC bitexts, SIB-200's topics, plain text."""

import csv
from collections.abc import Iterator
from pathlib import Path

from stilts_xtreme.tasks.readers.lines import Location, Row, choice, columns, fail, lines, tsv, without_last_blanks
from stilts_xtreme.tasks.readers.skipped import Skipped, rows_of

TOPICS = ("science/technology", "travel", "politics", "sports", "health", "entertainment", "geography")


def companion(path: Path, ending: str) -> Path:
    """Return the file of the same name with another ending, plain or .gz: zh-en.dev.zh.gz -> zh-en.dev.gold.

    Raises UserError if it is missing.
    """
    plain = path.with_suffix("") if path.suffix == ".gz" else path
    other = plain.with_name(plain.stem + ending)
    compressed = other.with_name(other.name + ".gz")
    if not other.is_file() and not compressed.is_file():
        fail(path, 1, ending, f"no {other.name} (or .gz) beside this file; put it there")
    return other if other.is_file() else compressed


def tatoeba_pair(path: Path) -> Iterator[Row]:
    """Read Tatoeba: the foreign file (tatoeba.deu-eng.deu) and its English companion (.eng), aligned line by line."""
    partner = companion(path, ".eng")
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
    """Read BUCC 2018: the foreign file (zh-en.dev.zh: id, tab, sentence), its companions .en (likewise) and .gold (id pairs).

    Of several gold partners of a sentence the first counts; UserError where that would drop a pair on both sides.
    """
    gold = companion(path, ".gold")
    to_english, to_foreign, pairs = _gold(gold)
    seen: set[str] = set()
    for file, side, match in ((path, "foreign", to_english), (companion(path, ".en"), "english", to_foreign)):
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


def topics_tsv(path: Path) -> Iterator[Row | Skipped]:
    """Read SIB-200: header index_id, category, text; unlike in other releases' TSV, texts may be quoted as in csv."""
    numbered = without_last_blanks(lines(path))
    header = next(numbered, (1, ""))[1]
    if header != "index_id\tcategory\ttext":
        fail(path, 1, "header", f"{header!r} instead of index_id, category, text; is this a file of data/annotated of SIB-200?")

    def row(number: Location, line: str) -> Row:
        try:
            fields = next(csv.reader([line], dialect="excel-tab", strict=True))
        except csv.Error as error:
            fail(path, number, "line", f"not csv ({error}); put the line right or remove it")
        name, category, sentence = columns(path, number, fields, 3)
        label = choice(path, number, {"category": category}, "category", TOPICS)
        return {"id": name, "text": sentence, "label": label}

    return rows_of(path, numbered, row)


def text_lines(path: Path) -> Iterator[Row]:
    """Read plain text: a sentence or passage per line; blank lines are ignored."""
    for number, line in lines(path):
        if line.strip():
            yield {"at": str(number), "id": str(number), "text": line}
