"""Split an English passage into sentences."""

import re
from functools import lru_cache

# A final mark, closing quotes and brackets, notes such as [12]; then white space before a capital letter or a digit.
_BREAK = re.compile(r"""[.?!]["'”’)\]]*(?:\[[\w ?]+\])*(\s+)(?=["'“‘(\[]*[^\W_a-z])""")
_WORDS = (
    "Mr Mrs Ms Dr Prof Rev Fr St Lt Gen Col Maj Adm Capt Sgt Rep Gov Sen Pres Mt Ft "
    "Jan Aug Sept Oct Nov Dec v vs cf ca c approx al"
)
# No sentence end: a title, an abbreviation, an initial.
_SHORT = re.compile(rf"\b(?:{'|'.join(_WORDS.split())}|e\.g|i\.e|[A-Z])\.$")
_NUMBERED = re.compile(r"\b(?:No|Vol|Sec|Art)\.$")  # no sentence end before a number
_START = re.compile(r"(?:The|This|That|These|It|In|On|By|During|After|However)\b")  # starts a sentence, also after an initial

WINDOW = 12  # characters before a mark in which an abbreviation is looked for; searching from the start is quadratic


@lru_cache(maxsize=64)
def sentence_spans(passage: str) -> tuple[tuple[int, int], ...]:
    """Return (start, end) of every sentence, without white space around it; a span at least for any text.

    These are short rules of our own; the sentence breaks of LAReQA's training data come from a longer list of rules.
    """
    spans, begin = [], len(passage) - len(passage.lstrip())
    for match in _BREAK.finditer(passage):
        mark, after = match.start() + 1, match.end()
        near = max(begin, mark - WINDOW)
        if _SHORT.search(passage, near, mark) and not _START.match(passage, after):
            continue
        if passage[after].isdigit() and _NUMBERED.search(passage, near, mark):
            continue
        spans.append((begin, match.start(1)))
        begin = match.end()
    end = len(passage.rstrip())
    return (*spans, (begin, end)) if begin < end else tuple(spans)
