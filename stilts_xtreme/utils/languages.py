"""The languages: a table, languages.csv, the only place a list of languages may start from.

A line is a language, or a further script of it. What no source says stays empty there, and is None or "" here. Its columns:

- code: in specs, file names and results: ISO 639-1 if there is such a code and a single script, else the code of FLORES-200
- iso3: ISO 639-3; of XTREME's languages as in Tatoeba's file names (arXiv 1812.10464), which prefer a spoken variety: cmn, pes
- iso1: ISO 639-1, also where two lines share it
- flores: the code with script of FLORES-200 (arXiv 2207.04672) and SIB-200 (arXiv 2309.07445)
- name, family, script, joshi: XTREME (arXiv 2003.11080, table 9) and XTREME-R (arXiv 2104.07412, appendix); of other languages
  the name and the script of FLORES-200 and the family of Glottolog 5.1 under XTREME's names (of Indo-European the branch, pidgins
  and creoles for themselves), and the resource class of Joshi et al. 2020 (arXiv 2004.09095) where its list has the name
- xlmr, e5: yes or no, whether the pretraining text had it; cc100_gib: GiB of it in CC-100. XLM-R: table 6 of arXiv 1911.02116;
  empty for a variety of a macrolanguage that is listed there as a whole (Egyptian Arabic), as nobody knows. multilingual-e5 began
  as XLM-R or as Multilingual MiniLM, which was distilled from it; the pairs of its tuning may hold text in more languages
- benchmark: xtreme, or xtreme-r for those that XTREME-R adds
- tasks: tasks that have the language beside those of the benchmarks
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

UNCLASSIFIED = "unclassified"  # the group of a language whose value the table does not say


@dataclass(frozen=True, slots=True)
class Language:
    """A line of the table; `joshi` is the resource class, 0 (none) to 5 (most); None where it is not known, as in `xlmr`."""

    code: str
    iso3: str
    iso1: str
    flores: str
    name: str
    family: str
    script: str
    joshi: int | None
    xlmr: bool | None
    e5: bool | None
    cc100_gib: float | None
    benchmark: str
    tasks: tuple[str, ...]

    @property
    def resources(self) -> str:
        """low (class 0-2), mid (3), high (4-5) or unclassified."""
        if self.joshi is None:
            return UNCLASSIFIED
        return "low" if self.joshi < 3 else "mid" if self.joshi == 3 else "high"

    @property
    def xtreme(self) -> bool:
        """Whether it is among XTREME's 40."""
        return self.benchmark == "xtreme"

    @property
    def script_code(self) -> str:
        """ISO 15924, such as Latn; empty where no code of FLORES-200 says it."""
        return self.flores.partition("_")[2]


def read_table(path: Path) -> tuple[Language, ...]:
    """Read a table of languages; ValueError, with the line's number, for a value that is none of its column's."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = csv.DictReader(file)
        return tuple(_language(line, f"{path.name}:{lines.line_num}") for line in lines)


def _language(line: Mapping[str, str], place: str) -> Language:
    known = {"yes": True, "no": False, "": None}
    try:
        return Language(
            code=line["code"],
            iso3=line["iso3"],
            iso1=line["iso1"],
            flores=line["flores"],
            name=line["name"],
            family=line["family"],
            script=line["script"],
            joshi=int(line["joshi"]) if line["joshi"] else None,
            xlmr=known[line["xlmr"]],
            e5=known[line["e5"]],
            cc100_gib=float(line["cc100_gib"]) if line["cc100_gib"] else None,
            benchmark=line["benchmark"],
            tasks=tuple(line["tasks"].split()),
        )
    except (KeyError, ValueError, TypeError, AttributeError) as fault:
        raise ValueError(f"{place}: {fault}: no value of this column, or a column is missing") from None


TABLE = read_table(Path(__file__).with_name("languages.csv"))
CODE = r"[a-z]{2,3}(_[A-Z][a-z]{3})?"  # of a language, as a regular expression: of ISO 639, or with a script
PAIR = r"[a-z]{2,3}(_[A-Z][a-z]{3}|-[a-z]{2,3})?"  # the same, or two languages ("de-en": a context and a question)
MANY = "mul"  # ISO 639-2's code for several languages at once: a pool of candidates in all of them
LANGUAGES = {language.code: language for language in TABLE}
XTREME = tuple(language.code for language in TABLE if language.xtreme)
BENCHMARKS = tuple(language.code for language in TABLE if language.benchmark)  # XTREME-R's 50
UNSEEN_BY_XLMR = frozenset(language.code for language in TABLE if language.xlmr is False)
UNSEEN_BY_E5 = frozenset(language.code for language in TABLE if language.e5 is False)
_BY_FLORES = {language.flores: language.code for language in TABLE if language.flores}


def of_task(task: str) -> tuple[str, ...]:
    """Return the codes of the languages that the table gives to a task."""
    return tuple(language.code for language in TABLE if task in language.tasks)


def canonical(code: str) -> str:
    """Return the table's code for a FLORES-200 code ("swh_Latn": "sw"); any other code as it stands."""
    return _BY_FLORES.get(code, code)


def flores(code: str) -> str:
    """Return the FLORES-200 code; a code outside the table, or whose entry is empty there, stands for itself."""
    return (LANGUAGES[code].flores or code) if code in LANGUAGES else code


def codes(text: str) -> tuple[str, ...]:
    """Split a line such as "ar de el" into codes; KeyError for a code that is not in the table or is listed twice."""
    known = tuple(LANGUAGES[code].code for code in text.split())
    if len(set(known)) != len(known):
        raise KeyError(f"a language is listed twice: {text}")
    return known


def fill(pattern: str, code: str) -> str:
    """Fill in a pattern for a language: `{language}` is its code; beside it `{iso3}`, `{flores}`, and `{context}` and
    `{question}`, the two sides of a pair such as "de-en", of "de" both the same."""
    context, _, question = code.partition("-")
    sides = {"{context}": context, "{question}": question or context, "{language}": code, "{iso3}": iso3(code)}
    for name, value in {**sides, "{flores}": flores(code)}.items():
        pattern = pattern.replace(name, value)
    return pattern


def iso3(code: str) -> str:
    """Return the three-letter code as in Tatoeba's file names; a code outside the table stands for itself."""
    return LANGUAGES[code].iso3 if code in LANGUAGES else code
