"""Writing what must not be lost: whole or not at all, and one clear line where it cannot be written."""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stilts_xtreme.errors import RunFailed, UserError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOMEM}  # no space: nobody's input is wrong
CLOSED = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EISDIR}


def full(fault: BaseException) -> bool:
    """Whether a write failed because there is no room, which somebody may make; also of what `writing` made of such a fault."""
    causes = [one for one in (fault, fault.__context__) if isinstance(one, Exception)]
    return any(_number(one) in (errno.ENOSPC, errno.EDQUOT) for one in causes)


@contextmanager
def writing(path: Path, needed: int | None = None) -> Iterator[None]:
    """Failures of writes to `path` as one line: RunFailed, UserError where it is closed to us.

    `needed`: bytes to be written; of a scratch folder the line tells how many are there. Libraries written in Rust raise errors
    of their own; the system's number stands in their text.
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
        told = [f"{name}: cannot be written: {os.strerror(number)}"]
        if needed is not None:
            told.append(f"{needed:,} bytes needed")
        elif path.suffix == ".part":
            told.append(f"more than the {_size(path):,} bytes there needed")
        line = f"{', '.join(told)}, {_free(path)}; what was finished is kept"
        if number in FULL:
            raise RunFailed(f"{line}: make room, then run the same command again") from None
        raise UserError(f"{line}: give another folder or the right to write there") from None


def put(path: Path, text: str | bytes) -> None:
    """Write a file whole: beside its name first, then to disk, then under its name."""
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
    found = re.search(r"\(os error (\d+)\)", str(fault))
    return int(found[1]) if found else None


def _size(path: Path) -> int:
    """Bytes that are there so far."""
    return sum(file.stat().st_size for file in (path, *path.rglob("*")) if file.is_file())


def free(path: Path) -> int | None:
    """Bytes free where `path` stands, or would stand; None where the system does not tell."""
    for folder in (path, *path.absolute().parents):
        try:
            return shutil.disk_usage(folder).free
        except OSError:
            continue
    return None


def _free(path: Path) -> str:
    bytes_ = free(path)
    return "free space unknown" if bytes_ is None else f"{bytes_:,} bytes free"
