"""Reading what others put on disk: regular files only, and no more of them than fits."""

import errno
import io
import os
import stat
from pathlib import Path
from typing import Any

FREE = 2**30  # bytes that anything may unpack to
Record = dict[str, Any]  # a JSON object: a result, an identity, a line of a log; its keys are those of its kind
RATIO = 200  # times its packed size that it may unpack to beyond that; text packs to a fifth or a tenth


def content(path: Path, most: int) -> bytes:
    """The bytes of a regular file; OSError, whose `strerror` says why, for anything else and for more than `most` bytes."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, "is not a file", str(path))
    with open(path, "rb") as file:
        found = file.read(most + 1)
    if len(found) > most:
        raise OSError(errno.EFBIG, f"has more than {most:,} bytes", str(path))
    return found


def bounded(file: Any, packed: int) -> io.BufferedReader:
    """What a decompressor gives, as a file; OSError once that is far more than `packed` bytes of anything sensible hold."""
    return io.BufferedReader(_Bounded(file, packed))


class _Bounded(io.RawIOBase):
    def __init__(self, file: Any, packed: int):
        self._file, self._most, self._done = file, max(FREE, RATIO * packed), 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        self._done += len(data)
        if self._done > self._most:
            raise OSError(f"it unpacks to more than {self._most:,} bytes")
        buffer[: len(data)] = data
        return len(data)

    def tell(self) -> int:
        return self._done

    def close(self) -> None:
        self._file.close()
        super().close()
