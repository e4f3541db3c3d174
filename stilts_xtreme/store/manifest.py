"""The list of a folder's files by their SHA-256: whether they are what was written; folders that are made whole, with one."""

import hashlib
import json
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stilts_xtreme import disk
from stilts_xtreme.errors import RunFailed

NAME = "manifest.json"
DROPPED = "dropped "  # before the digest of a file that was removed on purpose


def files(folder: Path) -> list[str]:
    """Every file below `folder`, by relative path."""
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def manifest(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below `folder`, by relative path."""
    return {name: _digest(folder / name) for name in files(folder)}


def write(folder: Path) -> None:
    """Write the manifest of all that is in the folder."""
    (folder / NAME).write_text(text(manifest(folder)), encoding="utf-8", newline="\n")


def drop(folder: Path, kept: Collection[str]) -> None:
    """Remove all files but those `kept`; the manifest says so first, and goes on naming them with their digests."""
    told = json.loads((folder / NAME).read_text(encoding="utf-8"))
    gone = {name: digest for name, digest in told.items() if name not in kept}
    if not all(digest.startswith(DROPPED) for digest in gone.values()):
        marked = {name: DROPPED + digest.removeprefix(DROPPED) for name, digest in gone.items()}
        disk.put(folder / NAME, text({**told, **marked}))
    for name in gone:
        (folder / name).unlink(missing_ok=True)


def reduced(folder: Path, contents: Mapping[str, bytes]) -> bytes:
    """The manifest of a copy of the folder with these files only, new ones among them: all others are marked as dropped."""
    listed = json.loads((folder / NAME).read_text(encoding="utf-8"))
    left_out = {name: DROPPED + digest.removeprefix(DROPPED) for name, digest in listed.items() if name not in contents}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    return text(left_out | digests).encode()


def dropped(folder: Path) -> list[str]:
    """The files that were dropped; none where the manifest cannot be read, which `faults` tells."""
    try:
        told = json.loads((folder / NAME).read_bytes())
        return [name for name, digest in told.items() if digest.startswith(DROPPED)]
    except (OSError, ValueError, AttributeError):
        return []


def faults(folder: Path, looked_at: Callable[[str], Any] = lambda name: True) -> list[str]:
    """What is missing or damaged of a folder's files, a clause each: the manifest, and those it names that are `looked_at` and
    were not dropped."""
    try:
        written = (folder / NAME).read_bytes().decode()
        told = json.loads(written)
        if not told or written != text(told):  # so that no damage to the manifest itself goes unseen
            raise ValueError
        gone = {name for name, digest in told.items() if digest.startswith(DROPPED)}
    except OSError:
        return [f"{NAME} is missing"]
    except (ValueError, TypeError, AttributeError):
        return [f"{NAME} is damaged"]
    found = []
    for name, digest in told.items():
        try:
            if looked_at(name) and name not in gone and _digest(folder / name) != digest:
                found.append(f"{name} is damaged")
        except OSError:
            found.append(f"{name} is missing")
    return found


def whole(folder: Path) -> Path:
    """The folder, whose weights are about to be read; RunFailed where anything in it is damaged or was dropped."""
    found = faults(folder)
    if gone := dropped(folder):
        found.append(f"{', '.join(gone)}: dropped, as `weights: drop` in a study's spec says")
    if found:
        raise RunFailed(f"{folder}: {'; '.join(found)}; run the same command again, then this stage is done again")
    return folder


@contextmanager
def made(final: Path, needed: int | None = None) -> Iterator[Path]:
    """A scratch folder beside `final` that takes its name on leaving, with a manifest; on any exception nothing is left of it.

    Only who holds the lock of what stands there may. `needed`: see `disk.writing`.
    """
    scratch = scratch_of(final)
    shutil.rmtree(scratch, ignore_errors=True)  # left by a killed process
    try:
        with disk.writing(scratch, needed):
            scratch.mkdir(parents=True)
            yield scratch
            if not (scratch / NAME).is_file():  # a copy brings its own
                write(scratch)
            disk.publish(scratch, final)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


def scratch_of(final: Path) -> Path:
    """The folder that takes the name `final`, until it does."""
    return final.with_name(f".{final.name}.part")


def text(content: Any) -> str:
    """JSON as the store's own files hold it."""
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _digest(file: Path) -> str:
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
