"""Write stilts_xtreme/noise/keyboards.json from xkb's files.

    python -m experiments.tools.keyboard_layouts /usr/share/X11/xkb /usr/include/X11/keysymdef.h "xkb-data 2.35.1-1"

Keysym names become characters by X11's header keysymdef.h. Only letters and combining marks are taken: a slip onto any other key
would end the word. Latin letters on a layout of another script (AltGr levels, capitals) are left out, since Latin is typed on the
US layout there; so are Greek letters on a Latin layout. xkb has no layout of jamo (Korean is composed by an input method): those
26 keys are written here.
"""

import json
import sys
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.tools.xkb import character, keysyms, symbols
from stilts_xtreme.noise import keyboard
from stilts_xtreme.noise.layouts import DUBEOLSIK, LAYOUTS, ROWS
from stilts_xtreme.utils.languages import LANGUAGES

TARGET = Path(keyboard.__file__).with_name("keyboards.json")
GAP = keyboard.GAP
UNUSED = "ªºſˇ"  # letters in Unicode, but in use ordinals, a spacing accent and the long s of old prints
Layouts = dict[str, dict[str, Any]]  # layout -> {"name": .., "rows": {row: [a string for each key]}}

# KS X 5002: the jamo of each row, plain and shifted where that differs.
JAMO = {
    "AD": "ㅂㅃ ㅈㅉ ㄷㄸ ㄱㄲ ㅅㅆ ㅛ ㅕ ㅑ ㅐㅒ ㅔㅖ".split(),
    "AC": "ㅁ ㄴ ㅇ ㄹ ㅎ ㅗ ㅓ ㅏ ㅣ".split(),
    "AB": [GAP, *"ㅋ ㅌ ㅊ ㅍ ㅠ ㅜ ㅡ".split()],
}


def is_usable(character: str, latin: bool) -> bool:
    """Accept letters of the script and combining marks, but no Arabic presentation forms (keys that type two letters)."""
    category = unicodedata.category(character)[0]
    if category == "L" and ("LATIN" in unicodedata.name(character)) != latin:
        return False
    return category in "LM" and character not in UNUSED and not "\ufb50" <= character <= "\ufefc"


def row(keys: Mapping[str, list[str]], names: tuple[str, ...], table: Mapping[str, str], latin: bool) -> list[str]:
    """Return a string for each key, with a character for each level."""
    typed = [[character(name, table) for name in keys.get(key, [])] for key in names]
    return ["".join(text if text and is_usable(text, latin) else GAP for text in levels).rstrip() for levels in typed]


def layouts(folder: Path, table: Mapping[str, str]) -> Layouts:
    """Read every layout that a language uses."""
    result: Layouts = {}
    for layout in sorted(set(LAYOUTS.values())):
        if layout == DUBEOLSIK:
            result[layout] = {"name": "Korean (dubeolsik), KS X 5002", "rows": JAMO}
            continue
        section = symbols(folder / "symbols", layout)
        latin = LANGUAGES[next(code for code, used in LAYOUTS.items() if used == layout)].script == "Latin"
        rows = {name: row(section.keys, keys, table, latin) for name, (_, keys) in ROWS.items()}
        result[layout] = {"name": section.name, "rows": rows}
    return result


def to_json(content: Layouts, source: str) -> str:
    """Return the file's text, with a line for each row of keys."""
    lines = ["{", f'"source": {json.dumps(source)},', '"keysyms": "X11/keysymdef.h",', '"layouts": {']
    for i, (name, layout) in enumerate(content.items()):
        lines.append(f'{json.dumps(name)}: {{"name": {json.dumps(layout["name"])},')
        rows = [f"  {json.dumps(name)}: {json.dumps(keys, ensure_ascii=False)}" for name, keys in layout["rows"].items()]
        lines.append('"rows": {\n' + ",\n".join(rows) + "}}" + ("," if i < len(content) - 1 else ""))
    return "\n".join([*lines, "}", "}", ""])


def main(folder: str, header: str, source: str) -> None:
    """Read the layouts and write the file."""
    table = keysyms(Path(header).read_text(encoding="utf-8"))
    TARGET.write_text(to_json(layouts(Path(folder), table), source), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
