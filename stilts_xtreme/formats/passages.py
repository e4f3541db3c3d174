"""Where the sentences of an English passage begin and end."""

import re
from functools import lru_cache

# A final mark, closing quotes and brackets, notes such as [12]; then white space before a capital letter or a digit.
_BREAK = re.compile(r"""[.?!]["'”’)\]]*(?:\[[\w ?]+\])*(\s+)(?=["'“‘(\[]*[^\W_a-z])""")
_WORDS = (
    "Mr Mrs Ms Dr Prof Rev Fr St Lt Gen Col Maj Adm Capt Sgt Rep Gov Sen Pres Mt Ft "
    "Jan Aug Sept Oct Nov Dec v vs cf ca c approx al"
)
# Not the end: a title, a shortened word, an initial.
_SHORT = re.compile(rf"\b(?:{'|'.join(_WORDS.split())}|e\.g|i\.e|[A-Z])\.$")
_NUMBERED = re.compile(r"\b(?:No|Vol|Sec|Art)\.$")  # not the end before a number
_START = re.compile(r"(?:The|This|That|These|It|In|On|By|During|After|However)\b")  # after an initial, a sentence all the same

WINDOW = 12  # characters before a mark that a short word may take; looking back to the beginning would take forever


@lru_cache(maxsize=64)
def sentence_spans(passage: str) -> tuple[tuple[int, int], ...]:
    """(start, end) of every sentence, white space around it left out; one span at least where there is any text.

    A short rule of its own: the sentence breaks of LAReQA's training data were made by a longer list of rules.
    """
    spans, begin = [], len(passage) - len(passage.lstrip())
    for found in _BREAK.finditer(passage):
        mark, after = found.start() + 1, found.end()
        near = max(begin, mark - WINDOW)
        if _SHORT.search(passage, near, mark) and not _START.match(passage, after):
            continue
        if passage[after].isdigit() and _NUMBERED.search(passage, near, mark):
            continue
        spans.append((begin, found.start(1)))
        begin = found.end()
    end = len(passage.rstrip())
    return (*spans, (begin, end)) if begin < end else tuple(spans)
