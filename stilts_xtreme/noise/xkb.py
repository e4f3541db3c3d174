"""Reading the symbols files of xkeyboard-config: which characters each key of a layout gives, at up to four levels.

As much of the format as the layouts need: sections, includes, per-level merging, `name[Group1]`; of several groups the first.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

LEVELS = 4  # plain, Shift, AltGr, AltGr with Shift
OPEN = ""  # NoSymbol: the level keeps what an included section gives
VOID = "VoidSymbol"  # the level types nothing, whatever an included section gives; "none" is another name of it
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
    """A section: the layout's own name, and the keysym names of every key, `OPEN` where a level has none."""

    name: str = ""
    keys: dict[str, list[str]] = field(default_factory=dict)


def keysyms(header: str) -> dict[str, str]:
    """Keysym name -> character, from the text of X11's keysymdef.h; also the hexadecimal value as a name ("0x6c1").

    A deprecated name has no code point beside it and stands for the character of its value.
    """
    found, defined = {}, [(name, int(value, 16), point) for name, value, point in DEFINE.findall(header)]
    for name, number, point in defined:
        if point or number > UNICODE:
            found[name] = chr(int(point, 16) if point else number - UNICODE)
            found.setdefault(hex(number), found[name])
    return found | {name: found[hex(number)] for name, number, point in defined if not point and hex(number) in found}


def character(name: str, table: dict[str, str]) -> str:
    """What a keysym types; "" for one that types nothing (dead keys, modifiers, no symbol)."""
    if re.fullmatch(r"\d", name):
        return name
    if re.fullmatch(r"U[0-9A-Fa-f]{4,6}", name) and name not in table:
        return chr(int(name[1:], 16))
    if name.lower().startswith("0x"):
        number = int(name, 16)
        return chr(number - UNICODE) if number >= UNICODE else table.get(hex(number), "")
    return table.get(name, "")


def symbols(folder: Path, layout: str) -> Symbols:
    """A layout such as "de(basic)" below xkb's folder `symbols`; without a section's name, the file's default one."""
    file, _, wanted = layout.rstrip(")").partition("(")
    made = Symbols()
    for found in STATEMENT.finditer(_section((folder / file).read_text(encoding="utf-8"), wanted, layout)):
        if found["include"]:
            _include(folder, found["include"], made)
        elif found["name"]:
            made.name = found["name"]
        else:
            _merge(made.keys, found["key"], _levels(found["body"]), (found["merge"] or "").strip().lower())
    return made


def _section(text: str, wanted: str, layout: str) -> str:
    text = COMMENT.sub("", text)
    found = list(SECTION.finditer(text))
    fits = [one for one in found if one[2] == wanted] if wanted else [one for one in found if "default" in one[1]] or found
    if not fits:
        raise KeyError(f"no section of xkb_symbols is called {layout}")
    start = end = fits[0].end()
    depth = 1
    while depth:
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        end += 1
    return text[start : end - 1]


def _include(folder: Path, line: str, into: Symbols) -> None:
    for part in re.split(r"[+|]", line):
        if part.endswith((":2", ":3", ":4")):  # another group than the one that is read
            continue
        other = symbols(folder, part.removesuffix(":1"))
        into.name = other.name or into.name
        for key, levels in other.keys.items():
            _merge(into.keys, key, levels, "")


def _levels(body: str) -> list[str]:
    listed = re.search(r"\[([^\]]*)\]", LABEL.sub("", TYPE.sub("", body)))
    names = [name.strip() for name in listed[1].split(",")] if listed else []
    return [OPEN if name.lower() in ("nosymbol", "any") else VOID if name.lower() == "none" else name for name in names[:LEVELS]]


def _merge(keys: dict[str, list[str]], key: str, new: list[str], how: str) -> None:
    """A level that the later definition leaves open keeps what it had; `augment` only fills open levels."""
    old = keys.get(key, [])
    if how == "replace" or not old:
        keys[key] = new
        return
    first, second = (old, new) if how == "augment" else (new, old)
    longest = max(len(old), len(new))
    padded = [levels + [OPEN] * (longest - len(levels)) for levels in (first, second)]
    keys[key] = [one or other for one, other in zip(*padded)]
