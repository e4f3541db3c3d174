"""Writes keyboards.json from xkb's files.

    python -m stilts_xtreme.noise.generate /usr/share/X11/xkb /usr/include/X11/keysymdef.h "xkb-data 2.35.1-1"

Keysym names become characters by X11's header keysymdef.h. Kept are letters and combining marks only: a slip onto any
other key would end the word. Latin letters on a layout of another script (AltGr levels, capitals) are left out, since Latin is
typed on the US layout there; so are Greek ones on a Latin layout. xkb has no layout of jamo (Korean is composed by an input
method): those 26 keys are written here.
"""

import json
import sys
import unicodedata
from pathlib import Path

from stilts_xtreme.languages import LANGUAGES
from stilts_xtreme.noise.layouts import DUBEOLSIK, LAYOUTS, ROWS
from stilts_xtreme.noise.xkb import character, keysyms, symbols

TARGET = Path(__file__).with_name("keyboards.json")
GAP = " "
UNUSED = "ªºſˇ"  # letters to Unicode; ordinals, a spacing accent and the long s of old prints to everybody else

# KS X 5002: the jamo of each row, plain and shifted where that differs.
JAMO = {
    "AD": "ㅂㅃ ㅈㅉ ㄷㄸ ㄱㄲ ㅅㅆ ㅛ ㅕ ㅑ ㅐㅒ ㅔㅖ".split(),
    "AC": "ㅁ ㄴ ㅇ ㄹ ㅎ ㅗ ㅓ ㅏ ㅣ".split(),
    "AB": [GAP, *"ㅋ ㅌ ㅊ ㅍ ㅠ ㅜ ㅡ".split()],
}


def kept(character: str, latin: bool) -> bool:
    """Letters of the layout's script and combining marks, but no Arabic presentation forms (keys that type two letters)."""
    category = unicodedata.category(character)[0]
    if category == "L" and ("LATIN" in unicodedata.name(character)) != latin:
        return False
    return category in "LM" and character not in UNUSED and not "\ufb50" <= character <= "\ufefc"


def row(keys: dict[str, list[str]], names: tuple[str, ...], table: dict[str, str], latin: bool) -> list[str]:
    """One string a key, one character a level."""
    typed = [[character(name, table) for name in keys.get(key, [])] for key in names]
    return ["".join(one if one and kept(one, latin) else GAP for one in levels).rstrip() for levels in typed]


def layouts(folder: Path, table: dict[str, str]) -> dict[str, dict]:
    """Every layout that a language uses."""
    made = {}
    for layout in sorted(set(LAYOUTS.values())):
        if layout == DUBEOLSIK:
            made[layout] = {"name": "Korean (dubeolsik), KS X 5002", "rows": JAMO}
            continue
        found = symbols(folder / "symbols", layout)
        latin = LANGUAGES[next(code for code, used in LAYOUTS.items() if used == layout)].script == "Latin"
        rows = {name: row(found.keys, keys, table, latin) for name, (_, keys) in ROWS.items()}
        made[layout] = {"name": found.name, "rows": rows}
    return made


def written(found: dict[str, dict], source: str) -> str:
    """The file's text: one line a row of keys."""
    lines = ["{", f'"source": {json.dumps(source)},', '"keysyms": "X11/keysymdef.h",', '"layouts": {']
    for i, (layout, one) in enumerate(found.items()):
        lines.append(f'{json.dumps(layout)}: {{"name": {json.dumps(one["name"])},')
        rows = [f"  {json.dumps(name)}: {json.dumps(keys, ensure_ascii=False)}" for name, keys in one["rows"].items()]
        lines.append('"rows": {\n' + ",\n".join(rows) + "}}" + ("," if i < len(found) - 1 else ""))
    return "\n".join([*lines, "}", "}", ""])


def main(folder: str, header: str, source: str) -> None:
    """Reads the layouts and writes the file beside this module."""
    table = keysyms(Path(header).read_text(encoding="utf-8"))
    TARGET.write_text(written(layouts(Path(folder), table), source), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
