"""Text that others wrote, made safe for a terminal and a page."""

import json
import re

# What a terminal acts on, halves of characters, and marks that turn the direction of reading. Tab and line feed are text.
HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")
LONGEST = 2000  # characters of a message's line


def visible(text: str) -> str:
    """Return `text` on a single line, with escapes in place of what a terminal would act on."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in text)


def message(text: str) -> str:
    """Return `text` as it is printed: its lines visible, a line that is too long without its middle."""
    return "\n".join(visible(_cut(line)) for line in text.split("\n"))


def content(text: str) -> str:
    """Return lines that hold what others wrote, of any length, without anything that a terminal would act on."""
    return HIDDEN.sub(lambda match: visible(match[0]), text)


def as_json(value: object) -> str:
    """Return `value` as JSON that may go to a terminal."""
    return HIDDEN.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, indent=1, ensure_ascii=False))


def clock(seconds: float) -> str:
    """0:42, 12:34, 1:02:34, 3 d 04 h."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24:02} h"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size(count: float) -> str:
    """So many bytes: 42 kB, 470.0 MB, 1.2 GB."""
    for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if count >= unit:
            return f"{count / unit:,.1f} {name}"
    return f"{count / 1e3:.0f} kB"


def line(fault: BaseException, most: int = 200) -> str:
    """Return an exception's text in a line of at most so many characters; its type if it has none."""
    return " ".join(str(fault).split())[:most] or type(fault).__name__


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST else f"{line[: LONGEST * 3 // 4]} ... {line[-LONGEST // 4 :]}"
