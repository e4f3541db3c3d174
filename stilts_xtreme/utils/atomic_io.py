"""Atomic writes: whole or not at all, and a clear line if something cannot be written."""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stilts_xtreme.utils.errors import RunFailed, UserError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOMEM}  # no space: nobody's input is wrong
CLOSED = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EISDIR}


def full(fault: BaseException) -> bool:
    """Return whether a write failed for lack of room; also for what `writing` raised because of that."""
    causes = [error for error in (fault, fault.__context__) if isinstance(error, Exception)]
    return any(_number(error) in (errno.ENOSPC, errno.EDQUOT) for error in causes)


@contextmanager
def writing(path: Path, needed: int | None = None) -> Iterator[None]:
    """Turn failures of writes to `path` into a line: RunFailed if there is no room, UserError if it may not be written.

    `needed`: bytes to be written; for a scratch folder the line says how many are there. Libraries written in Rust raise errors
    of their own, with the system's error number in their text.
    """
    try:
        yield
    except (UserError, RunFailed):
        raise
    except Exception as fault:
        number = _number(fault)
        if number not in FULL | CLOSED:
            raise
        name = getattr(fault, "filename", None) or path
        parts = [f"{name}: cannot be written: {os.strerror(number)}"]
        if needed is not None:
            parts.append(f"{needed:,} bytes needed")
        elif path.suffix == ".part":
            parts.append(f"more than the {_size(path):,} bytes there needed")
        line = f"{', '.join(parts)}, {_free(path)}; what was finished is kept"
        if number in FULL:
            raise RunFailed(f"{line}: make room, then run the same command again") from None
        raise UserError(f"{line}: give another folder or the right to write there") from None


def put(path: Path, text: str | bytes) -> None:
    """Write a file atomically: under a temporary name, synced, then renamed; errors as `writing`."""
    beside, content = path.with_name(f".{path.name}.part"), text.encode() if isinstance(text, str) else text
    with writing(path, len(content)):
        try:
            beside.unlink(missing_ok=True)  # what a killed process left, or somebody's link to elsewhere
            with open(beside, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


def publish(scratch: Path, final: Path) -> None:
    """Give a folder its final name once all that is in it is on disk; what stood under that name goes.

    Its files may be read by whoever may read the folder (safetensors' writer gives them to their owner alone).
    """
    mode = scratch.stat().st_mode & 0o666
    for path in sorted(scratch.rglob("*")):
        if path.is_file():
            path.chmod(mode)
        sync(path)
    sync(scratch)
    shutil.rmtree(final, ignore_errors=True)
    os.rename(scratch, final)
    sync(final.parent)


def sync(path: Path) -> None:
    """Wait until a file or folder is on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _number(fault: Exception) -> int | None:
    if isinstance(fault, OSError):
        return fault.errno
    match = re.search(r"\(os error (\d+)\)", str(fault))
    return int(match[1]) if match else None


def _size(path: Path) -> int:
    """Return the bytes that are there so far."""
    return sum(file.stat().st_size for file in (path, *path.rglob("*")) if file.is_file())


def free(path: Path) -> int | None:
    """Return the bytes free where `path` is, or would be; None if the system does not say."""
    for folder in (path, *path.absolute().parents):
        try:
            return shutil.disk_usage(folder).free
        except OSError:
            continue
    return None


def _free(path: Path) -> str:
    bytes_ = free(path)
    return "free space unknown" if bytes_ is None else f"{bytes_:,} bytes free"
