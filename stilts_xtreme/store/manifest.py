"""Manifests: the SHA-256 of each file of a folder; folders that are written atomically, with a manifest."""

import hashlib
import json
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from stilts_xtreme.utils import atomic_io
from stilts_xtreme.utils.errors import RunFailed

NAME = "manifest.json"
DROPPED = "dropped "  # before the digest of a file that was removed on purpose


def files(folder: Path) -> list[str]:
    """List the files below `folder`, by relative path."""
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def manifest(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below `folder`, by relative path."""
    return {name: _digest(folder / name) for name in files(folder)}


def write(folder: Path) -> None:
    """Write the manifest of all that is in the folder."""
    (folder / NAME).write_text(text(manifest(folder)), encoding="utf-8", newline="\n")


def drop(folder: Path, keep: Collection[str]) -> None:
    """Remove all files but those to `keep`; the manifest, written first, marks the others and still has their digests."""
    digests = json.loads((folder / NAME).read_text(encoding="utf-8"))
    removed = {name: digest for name, digest in digests.items() if name not in keep}
    if not all(digest.startswith(DROPPED) for digest in removed.values()):
        marked = {name: DROPPED + digest.removeprefix(DROPPED) for name, digest in removed.items()}
        atomic_io.put(folder / NAME, text({**digests, **marked}))
    for name in removed:
        (folder / name).unlink(missing_ok=True)


def reduced(folder: Path, contents: Mapping[str, bytes]) -> bytes:
    """Return the manifest of a copy of the folder with these files only, new ones included: all others are marked as dropped."""
    listed = json.loads((folder / NAME).read_text(encoding="utf-8"))
    left_out = {name: DROPPED + digest.removeprefix(DROPPED) for name, digest in listed.items() if name not in contents}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    return text(left_out | digests).encode()


def dropped(folder: Path) -> list[str]:
    """Return the files that were dropped; none if the manifest cannot be read, which `faults` reports."""
    try:
        digests = json.loads((folder / NAME).read_bytes())
        return [name for name, digest in digests.items() if digest.startswith(DROPPED)]
    except (OSError, ValueError, AttributeError):
        return []


def faults(folder: Path, looked_at: Callable[[str], bool] = lambda name: True) -> list[str]:
    """Return what is missing or damaged, a clause each: the manifest, and of its files those that are `looked_at` and were not
    dropped."""
    try:
        written = (folder / NAME).read_bytes().decode()
        digests = json.loads(written)
        if not digests or written != text(digests):  # so that no damage to the manifest itself goes unseen
            raise ValueError
        removed = {name for name, digest in digests.items() if digest.startswith(DROPPED)}
    except OSError:
        return [f"{NAME} is missing"]
    except (ValueError, TypeError, AttributeError):
        return [f"{NAME} is damaged"]
    problems = []
    for name, digest in digests.items():
        try:
            if looked_at(name) and name not in removed and _digest(folder / name) != digest:
                problems.append(f"{name} is damaged")
        except OSError:
            problems.append(f"{name} is missing")
    return problems


def whole(folder: Path) -> Path:
    """Return the folder, whose weights are about to be read; RunFailed if anything in it is damaged or was dropped."""
    problems = faults(folder)
    if removed := dropped(folder):
        problems.append(f"{', '.join(removed)}: dropped, as `weights: drop` in a study's spec says")
    if problems:
        raise RunFailed(f"{folder}: {'; '.join(problems)}; run the same command again, then this stage is done again")
    return folder


@contextmanager
def atomic_folder(final: Path, needed: int | None = None) -> Iterator[Path]:
    """Yield a scratch folder beside `final` that takes its name on leaving, with a manifest; on any exception it is removed.

    Only the holder of the lock of `final` may call it. `needed`: see `atomic_io.writing`.
    """
    scratch = scratch_of(final)
    shutil.rmtree(scratch, ignore_errors=True)  # left by a killed process
    try:
        with atomic_io.writing(scratch, needed):
            scratch.mkdir(parents=True)
            yield scratch
            if not (scratch / NAME).is_file():  # a copy brings its own
                write(scratch)
            atomic_io.publish(scratch, final)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


def scratch_of(final: Path) -> Path:
    """Return the path of the folder that will take the name `final`."""
    return final.with_name(f".{final.name}.part")


def text(content: object) -> str:
    """Return JSON as the store's own files hold it."""
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _digest(file: Path) -> str:
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
