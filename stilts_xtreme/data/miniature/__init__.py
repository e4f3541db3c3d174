"""A miniature world: made-up languages in which every task can be read, trained and scored offline in minutes.

Every language tells of the same world; none of the running text is translated. The rows follow from the seed alone.
"""

from stilts_xtreme.data.miniature.lexicon import LANGUAGE_INFO, LANGUAGES, Language
from stilts_xtreme.data.miniature.readings import NAMES, check, expected_rows, languages, rows, text_lines

VERSION = 1  # part of every address that reads from here: raise it when any row changes

__all__ = [
    "LANGUAGES", "LANGUAGE_INFO", "NAMES", "VERSION", "Language", "check", "expected_rows", "languages", "rows", "text_lines",
]  # fmt: skip
