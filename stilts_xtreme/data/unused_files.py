"""Files below a data folder that no task looks for: a slip in a name is seen here, and not as missing data only."""

import re
from pathlib import Path

from stilts_xtreme.data.archive import ENDINGS, members
from stilts_xtreme.data.folder import place_pattern, wanted_files, wanted_places
from stilts_xtreme.tasks import readers
from stilts_xtreme.utils.errors import UserError

FEW = 4  # files of a folder that are listed each by itself
_ABOUT = re.compile(r"(?i)(readme|licen[cs]e|manifest|changelog|notice|copying|citation|\.).*|.*\.(md|pdf|html?)")


def files(folder: Path) -> list[str]:
    """Their paths in the folder, sorted; many below a folder together, as "sib200/ (12 files, such as sib200/dev.tsv)".

    Documentation and hidden files are left out, and so is an archive in which something is looked for.
    """
    known = re.compile(_known())
    unread = []
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder).as_posix()
        if path.is_file() and not any(_ABOUT.fullmatch(part) for part in place.split("/")):
            if not known.fullmatch(place.removesuffix(".gz")):
                unread.append(place)
    packed = _used_archives(folder) if any(place.lower().endswith(ENDINGS) for place in unread) else set()
    return _together([place for place in unread if place not in packed])


def _known() -> str:
    """A regular expression for every place where some task looks for a file, those that are opened beside it included."""
    places = []
    for reader, pattern in wanted_files():
        places.append(place_pattern(pattern))
        stem = pattern[: pattern.rindex(".")] if "." in pattern.rpartition("/")[2] else pattern
        places += [place_pattern(stem) + re.escape(ending) for ending in readers.companions(reader)]
    return "|".join(sorted(set(places)))


def _used_archives(folder: Path) -> set[str]:
    try:
        return {member.archive.path.relative_to(folder).as_posix() for member in members(folder, wanted_places()).values()}
    except UserError:  # a damaged archive has an entry of its own
        return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.name.lower().endswith(ENDINGS)}


def _together(places: list[str]) -> list[str]:
    """Places, with those below a folder of the first level put together where there are many."""
    groups: dict[str, list[str]] = {}
    for place in places:
        groups.setdefault(place.partition("/")[0] if "/" in place else "", []).append(place)
    lines: list[str] = []
    for top, own in groups.items():
        lines += own if not top or len(own) <= FEW else [f"{top}/ ({len(own)} files, such as {own[0]})"]
    return lines
