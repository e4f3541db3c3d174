"""The list of a folder's files by their SHA-256: whether they are what was written."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

NAME = "manifest.json"


def files(folder: Path) -> list[str]:
    """Every file below `folder`, by relative path."""
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def manifest(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below `folder`, by relative path."""
    return {name: _digest(folder / name) for name in files(folder)}


def write(folder: Path) -> None:
    """Write the manifest of all that is in the folder."""
    (folder / NAME).write_text(_text(manifest(folder)), encoding="utf-8", newline="\n")


def faults(folder: Path, looked_at: Callable[[str], Any] = lambda name: True) -> list[str]:
    """What is missing or damaged of a folder's files, a clause each: the manifest, and those it names that are `looked_at`."""
    try:
        text = (folder / NAME).read_bytes().decode()
        told = json.loads(text)
        if not told or text != _text(told):  # so that no damage to the manifest itself goes unseen
            raise ValueError
    except OSError:
        return [f"{NAME} is missing"]
    except (ValueError, TypeError):
        return [f"{NAME} is damaged"]
    found = []
    for name, digest in told.items():
        try:
            if looked_at(name) and _digest(folder / name) != digest:
                found.append(f"{name} is damaged")
        except OSError:
            found.append(f"{name} is missing")
    return found


def _text(told: dict[str, str]) -> str:
    return json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _digest(file: Path) -> str:
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
