"""Release archives read where they lie: a member stands in for a file, is unpacked in memory, and nothing is written to disk.

A zip gives any member at once. A tar has to be read from its beginning: that is done once in a process, and the members that any
task reads are kept packed in memory. All of UD 2.5 costs that pass and some hundred megabytes; unpacked, it costs neither.
"""

import gzip
import io
import re
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from stilts_xtreme.utils.bounded_io import Readable, bounded
from stilts_xtreme.utils.errors import UserError
from stilts_xtreme.utils.sanitize import HIDDEN

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
LARGEST = 4 * 2**30  # bytes a member may unpack to
KEPT = 2 * 2**30  # bytes of a tar's members that are kept, packed
MOST = 500_000  # members of an archive
CHUNK = 2**20


@dataclass(frozen=True)
class Archive:
    """An archive as it lies there: `state` (inode, size, times) tells it from a later file of the same name.

    `prefixes` are the folders its members may be meant to stand in; `wanted` fits the places of those that any task reads.
    """

    path: Path
    state: tuple[int, ...]
    prefixes: tuple[str, ...]
    wanted: str


@dataclass(frozen=True)
class Status:
    """As much of what `Path.stat` gives as readers use."""

    st_size: int


@dataclass(frozen=True)
class Member:
    """A file in an archive, with as much of `Path` as readers use."""

    archive: Archive
    prefix: str
    inside: str

    def __str__(self) -> str:
        return f"{self.archive.path}!{self.inside}"

    @property
    def place(self) -> str:
        """Where it would stand below the data folder, were the archive unpacked."""
        return self.prefix + self.inside

    @property
    def name(self) -> str:
        return PurePosixPath(self.inside).name

    @property
    def stem(self) -> str:
        return PurePosixPath(self.inside).stem

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.inside).suffix

    def with_name(self, name: str) -> "Member":
        return replace(self, inside=str(PurePosixPath(self.inside).with_name(name)))

    def with_suffix(self, suffix: str) -> "Member":
        return replace(self, inside=str(PurePosixPath(self.inside).with_suffix(suffix)))

    def is_file(self) -> bool:
        return self.inside in _index(self.archive)

    def stat(self) -> "Status":
        return Status(_index(self.archive)[self.inside].size)

    def open(self, mode: str = "rb") -> BinaryIO:
        """The content as bytes; what is wrong with the archive comes up as OSError, as with files."""
        return io.BufferedReader(_Stream(_content(self)))


def members(folder: Path, wanted: str) -> dict[str, Member]:
    """All members of the archives in `folder` and the folders in it, by place: each archive as if unpacked beside itself, or into
    a folder of its own name (`panx_dataset/de.tar.gz` holds `train`). The first archive by name that has a place, has it.

    UserError for an archive that cannot be read.
    """
    return _merged(tuple(_archives(folder, wanted)))


def _archives(folder: Path, wanted: str) -> Iterator[Archive]:
    paths = [path for pattern in ("*", "*/*") for path in folder.glob(pattern) if path.name.lower().endswith(ENDINGS)]
    for path in sorted(paths):
        if path.is_file():
            status = path.stat()
            beside = path.relative_to(folder).parent.as_posix() + "/" if path.parent != folder else ""
            stem = path.name[: -len(next(end for end in reversed(ENDINGS) if path.name.lower().endswith(end)))]
            state = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            yield Archive(path, state, (beside, f"{beside}{stem}/"), wanted)


@lru_cache(maxsize=8)
def _merged(archives: tuple[Archive, ...]) -> dict[str, Member]:
    merged: dict[str, Member] = {}
    for archive in archives:
        for prefix in archive.prefixes:
            for inside in _index(archive):
                merged.setdefault(prefix + inside, Member(archive, prefix, inside))
    return merged


@dataclass(frozen=True)
class _Entry:
    """A member's name as the archive writes it and its size; of a tar also the packed content, where it is wanted."""

    name: str
    size: int
    packed: bytes | None = None


@lru_cache(maxsize=64)
def _index(archive: Archive) -> dict[str, _Entry]:
    """Members by their names, without folders, links and names that lead out of the archive."""
    import zipfile

    try:
        entries = _zip(archive.path) if zipfile.is_zipfile(archive.path) else _tar(archive)
        index: dict[str, _Entry] = {}
        for count, entry in enumerate(entries):
            if count == MOST:
                raise UserError(f"{archive.path}: more than {MOST:,} members; is this a release?")
            if name := _inside(entry.name):
                index[name] = entry
        return index
    except UserError:
        raise
    except Exception as error:  # a damaged archive makes zipfile, tarfile and the decompressors raise a dozen kinds
        raise UserError(f"{archive.path}: damaged archive ({error}); fetch it again") from error


def _inside(name: str) -> str:
    """The name without "./"; empty for a name that is absolute, climbs, cannot be shown or is not plainly written."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    plain = not name.startswith("/") and ".." not in parts and not any(sign in name for sign in "\\:") and not HIDDEN.search(name)
    return "/".join(parts) if plain else ""


def _zip(path: Path) -> Iterator[_Entry]:
    import zipfile

    with zipfile.ZipFile(path) as file:
        for info in file.infolist():
            if not info.is_dir() and not stat.S_ISLNK(info.external_attr >> 16):
                yield _Entry(info.filename, info.file_size)


def _tar(archive: Archive) -> Iterator[_Entry]:
    """One pass from beginning to end."""
    import tarfile

    wanted, held, end = re.compile(archive.wanted), 0, 0
    with _unpacked(archive.path) as file:
        with tarfile.open(fileobj=file, mode="r|") as tar:
            for info in tar:
                if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
                    continue
                end, packed, name = info.offset_data + info.size, None, _inside(info.name)
                if any(wanted.fullmatch(prefix + name) for prefix in archive.prefixes):
                    if info.size > LARGEST:
                        raise _too_large(f"{archive.path}!{info.name}", info.size)
                    packed = _pack(cast(IO[bytes], tar.extractfile(info)))  # of a file never None
                    held += len(packed)
                    if held > KEPT:
                        raise UserError(f"{archive.path}: too large to be read where it is; unpack it there")
                yield _Entry(info.name, info.size, packed)
        while file.read(CHUNK):  # to where the checksum stands
            pass
        if file.tell() < end:
            raise EOFError("it ends within a member")


def _unpacked(path: Path) -> io.BufferedReader:
    with open(path, "rb") as file:
        start = file.read(6)
    if start.startswith(b"\x1f\x8b"):
        opened: Readable = gzip.open(path, "rb")
    elif start.startswith(b"BZh"):
        import bz2

        opened = bz2.open(path, "rb")
    elif start == b"\xfd7zXZ\0":
        import lzma

        opened = lzma.open(path, "rb")
    else:
        return open(path, "rb")
    return bounded(opened, path.stat().st_size)


def _pack(file: IO[bytes]) -> bytes:
    packing, packed = zlib.compressobj(1, wbits=31), []
    while chunk := file.read(CHUNK):
        packed.append(packing.compress(chunk))
    return b"".join([*packed, packing.flush()])


def _too_large(name: str, size: int) -> UserError:
    return UserError(f"{name}: unpacks to {size:,} bytes, more than {LARGEST:,}; is this the release's own archive?")


def _content(member: Member) -> Readable:
    """Open a member for reading; UserError where it is too large, OSError where the archive is damaged."""
    import zipfile

    entry = _index(member.archive)[member.inside]
    if entry.size > LARGEST:
        raise _too_large(str(member), entry.size)
    packed = entry.packed
    if packed is None and zipfile.is_zipfile(member.archive.path):
        try:
            with zipfile.ZipFile(member.archive.path) as archive:
                return archive.open(entry.name)
        except Exception as error:  # damaged, encrypted, packed in another way: again a dozen kinds
            raise OSError(str(error)) from error
    if packed is None:  # not of any task in the catalogue: a pass of its own
        alone = replace(member.archive, wanted=re.escape(member.place))
        packed = _index(alone)[member.inside].packed or b""
    return gzip.GzipFile(fileobj=io.BytesIO(packed))


class _Stream(io.RawIOBase):
    """The bytes of a member; what is wrong with its archive comes up as OSError."""

    def __init__(self, file: Readable):
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        target = memoryview(buffer)
        try:
            data = self._file.read(len(target))
        except Exception as error:
            raise OSError(str(error)) from error
        target[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()
