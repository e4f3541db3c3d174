"""Read the symbols files of xkeyboard-config: the characters of each key of a layout, at up to four levels.

Supports as much of the format as the layouts need: sections, includes, per-level merging, `name[Group1]`; of several groups the
first.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

LEVELS = 4  # plain, Shift, AltGr, AltGr with Shift
OPEN = ""  # NoSymbol: the level keeps the symbol of an included section
VOID = "VoidSymbol"  # the level types nothing, whatever the included section has; "none" is another name for it
UNICODE = 0x1000000  # keysyms from here on are code points (the X protocol's keysym encoding, annex A)

COMMENT = re.compile(r"//[^\n]*")
SECTION = re.compile(r'((?:\b\w+\s+)*)xkb_symbols\s+"([^"]+)"\s*\{')
STATEMENT = re.compile(
    r'include\s+"(?P<include>[^"]+)"'
    r"|(?P<merge>\b(?:augment|replace)\s+)?\bkey\s*<(?P<key>\w+)>\s*\{(?P<body>[^}]*)\}"
    r'|name\s*\[\s*group1\s*\]\s*=\s*"(?P<name>[^"]+)"',
    re.IGNORECASE,
)
TYPE = re.compile(r'\w+\s*(?:\[\s*group\d\s*\])?\s*=\s*"[^"]*"', re.IGNORECASE)
LABEL = re.compile(r"symbols\s*\[\s*group1\s*\]\s*=", re.IGNORECASE)
DEFINE = re.compile(r"^#define XK_(\w+)\s+0x([0-9a-fA-F]+)(?:\s*/\*[\s(<]*U\+([0-9A-F]{4,6}))?", re.MULTILINE)


@dataclass
class Symbols:
    """A section: the layout's name, and key -> keysym names by level (`OPEN`: none)."""

    name: str = ""
    keys: dict[str, list[str]] = field(default_factory=dict)


def keysyms(header: str) -> dict[str, str]:
    """Return keysym name -> character from the text of X11's keysymdef.h; hexadecimal values are names too ("0x6c1").

    A deprecated name has no code point beside it and means the character of its value.
    """
    table, defined = {}, [(name, int(value, 16), point) for name, value, point in DEFINE.findall(header)]
    for name, number, point in defined:
        if point or number > UNICODE:
            table[name] = chr(int(point, 16) if point else number - UNICODE)
            table.setdefault(hex(number), table[name])
    return table | {name: table[hex(number)] for name, number, point in defined if not point and hex(number) in table}


def character(name: str, table: Mapping[str, str]) -> str:
    """Return the character that a keysym types; "" for dead keys, modifiers and no symbol."""
    if re.fullmatch(r"\d", name):
        return name
    if re.fullmatch(r"U[0-9A-Fa-f]{4,6}", name) and name not in table:
        return chr(int(name[1:], 16))
    if name.lower().startswith("0x"):
        number = int(name, 16)
        return chr(number - UNICODE) if number >= UNICODE else table.get(hex(number), "")
    return table.get(name, "")


def symbols(folder: Path, layout: str) -> Symbols:
    """Read a layout such as "de(basic)" below xkb's folder `symbols`; without a section's name, the file's default.

    Raises KeyError if there is no such section.
    """
    file, _, section = layout.rstrip(")").partition("(")
    result = Symbols()
    for statement in STATEMENT.finditer(_section((folder / file).read_text(encoding="utf-8"), section, layout)):
        if statement["include"]:
            _include(folder, statement["include"], result)
        elif statement["name"]:
            result.name = statement["name"]
        else:
            _merge(result.keys, statement["key"], _levels(statement["body"]), (statement["merge"] or "").strip().lower())
    return result


def _section(text: str, name: str, layout: str) -> str:
    text = COMMENT.sub("", text)
    sections = list(SECTION.finditer(text))
    if name:
        matching = [match for match in sections if match[2] == name]
    else:
        matching = [match for match in sections if "default" in match[1]] or sections
    if not matching:
        raise KeyError(f"no section of xkb_symbols is called {layout}")
    start = end = matching[0].end()
    depth = 1
    while depth:
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        end += 1
    return text[start : end - 1]


def _include(folder: Path, line: str, into: Symbols) -> None:
    for part in re.split(r"[+|]", line):
        if part.endswith((":2", ":3", ":4")):  # another group than the first
            continue
        other = symbols(folder, part.removesuffix(":1"))
        into.name = other.name or into.name
        for key, levels in other.keys.items():
            _merge(into.keys, key, levels, "")


def _levels(body: str) -> list[str]:
    listed = re.search(r"\[([^\]]*)\]", LABEL.sub("", TYPE.sub("", body)))
    names = [name.strip() for name in listed[1].split(",")] if listed else []
    return [OPEN if name.lower() in ("nosymbol", "any") else VOID if name.lower() == "none" else name for name in names[:LEVELS]]


def _merge(keys: dict[str, list[str]], key: str, new: list[str], mode: str) -> None:
    """Merge levels: those that the later definition leaves open stay; with `augment` only open levels are filled."""
    old = keys.get(key, [])
    if mode == "replace" or not old:
        keys[key] = new
        return
    preferred, fallback = (old, new) if mode == "augment" else (new, old)
    longest = max(len(old), len(new))
    padded = [levels + [OPEN] * (longest - len(levels)) for levels in (preferred, fallback)]
    keys[key] = [level or other for level, other in zip(*padded)]
