"""Reading what others put on disk: regular files only, and no more of them than fits."""

import errno
import io
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Record = dict[str, Any]  # a JSON object: a result, an identity, a line of a log; its keys are those of its kind
FREE = 2**30  # bytes that anything may unpack to
RATIO = 200  # times its packed size that it may unpack to beyond that; text packs to a fifth or a tenth


def content(path: Path, most: int) -> bytes:
    """Read a regular file; OSError, whose `strerror` says why, for anything else and for more than `most` bytes."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, "is not a file", str(path))
    with open(path, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"has more than {most:,} bytes", str(path))
    return data


class Readable(Protocol):
    """As much of a file of bytes as `bounded` needs."""

    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


def bounded(file: Readable, packed: int) -> io.BufferedReader:
    """Wrap a decompressor's output as a file; OSError once it is far more than `packed` bytes can sensibly hold."""
    return io.BufferedReader(_Bounded(file, packed))


class _Bounded(io.RawIOBase):
    def __init__(self, file: Readable, packed: int):
        self._file, self._most, self._done = file, max(FREE, RATIO * packed), 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        target = memoryview(buffer)
        data = self._file.read(len(target))
        self._done += len(data)
        if self._done > self._most:
            raise OSError(f"it unpacks to more than {self._most:,} bytes")
        target[: len(data)] = data
        return len(data)

    def tell(self) -> int:
        return self._done

    def close(self) -> None:
        self._file.close()
        super().close()
