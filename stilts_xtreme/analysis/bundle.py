"""A study's finished stages without weights, predictions and data, in a single file that another store can take in.

So seeds of several machines make a common result. The file is a tar archive (xz); of each stage it holds its identity, its
result and the manifest of its folder, which names what is left out; of an evaluation also what every example adds to its score.
"""

import io
import lzma
import re
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from stilts_xtreme import results
from stilts_xtreme.analysis.example_scores import EXAMPLES, ExampleScorer, dump, load
from stilts_xtreme.pipeline import plan
from stilts_xtreme.store import SCHEMAS, Busy, Store, faults, of_another
from stilts_xtreme.store.manifest import NAME, reduced
from stilts_xtreme.utils import atomic_io, bounded_io
from stilts_xtreme.utils.errors import UserError

LARGEST = 256 * 2**20  # bytes of a bundle
MEMBER = re.compile(r"(train|predict)/([0-9a-f]{8,64})/([a-z]+\.json)")
LEFT = ("stage.json", "result.json", EXAMPLES)  # of each stage, beside its manifest


def pack(stages: Sequence[plan.Stage], store: Store, path: Path) -> dict[str, int]:
    """Write the finished of the `stages` to `path`; return how many trainings (`train`) and evaluations (`predict`) it holds.

    UserError where a stage is damaged, or where none is finished.
    """
    scorer, content, counts = ExampleScorer(store), dict[str, bytes](), {"train": 0, "predict": 0}
    for stage in stages:
        if plan.kind(stage) not in counts or not store.done(stage):
            continue
        folder = store.path(stage)
        if damage := store.faults(stage, weights=False):
            raise UserError(f"{folder}: {'; '.join(damage)}; run the study again, then this stage is done again")
        parts = {name: (folder / name).read_bytes() for name in LEFT if (folder / name).is_file()}
        if isinstance(stage, plan.Predict) and EXAMPLES not in parts:
            parts[EXAMPLES] = dump(scorer.scores(stage))
        parts[NAME] = reduced(folder, parts)
        content |= {f"{plan.kind(stage)}/{folder.name}/{name}": part for name, part in parts.items()}
        counts[plan.kind(stage)] += 1
    if not counts["predict"]:
        raise UserError(f"{store.root}: no evaluation of this study is finished: run it first")
    atomic_io.put(path, _archive(content))
    return counts


def unpack(path: Path, store: Store) -> tuple[int, int]:
    """Add the stages of a bundle to a store; return how many were added, and how many it had or is doing.

    UserError where the file is no bundle, is damaged, or holds anything else.
    """
    added = present = 0
    folders: dict[tuple[str, str], dict[str, bytes]] = {}
    for name, content in _members(path):
        if not (match := MEMBER.fullmatch(name)) or match[3] not in (*LEFT, NAME):
            raise UserError(f"{path}: {name[:80]!a} is not part of a bundle; write it again with `stilts runs pack`")
        folders.setdefault((match[1], match[2]), {})[match[3]] = content
    for (kind, address), parts in folders.items():
        try:
            with store.adopt(kind, address) as scratch:
                if scratch is not None:
                    for name, content in parts.items():
                        (scratch / name).write_bytes(content)
                    _check(path, kind, address, scratch)
        except Busy:  # another process does it: it will be there
            scratch = None
        added, present = added + (scratch is not None), present + (scratch is None)
    return added, present


def _check(path: Path, kind: str, address: str, folder: Path) -> None:
    """Raise UserError where a stage's files are not what its manifest and its name say."""
    damage = faults(folder)
    if not damage and of_another(folder, address):
        damage = ["stage.json is of another stage"]
    if not damage:
        try:
            results.read(folder / "result.json", SCHEMAS[kind])
            if kind == "predict":
                load((folder / EXAMPLES).read_bytes())
        except UserError as error:
            damage = [str(error)]
        except (OSError, ValueError, LookupError, TypeError, AttributeError):  # of `load`
            damage = [f"{EXAMPLES} does not hold the scores of examples"]
    if damage:
        raise UserError(f"{path}: {kind}/{address}: {'; '.join(damage)}; write it again with `stilts runs pack`")


def _archive(content: dict[str, bytes]) -> bytes:
    """Return a tar archive that is the same for the same content: sorted, without times and owners."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in sorted(content):
            entry = tarfile.TarInfo(name)
            entry.size = len(content[name])
            archive.addfile(entry, io.BytesIO(content[name]))
    return lzma.compress(buffer.getvalue(), preset=6)


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield names and bytes of the regular files in the archive; UserError where it cannot be read or holds anything else."""
    try:
        packed = bounded_io.content(path, LARGEST)
        with tarfile.open(fileobj=bounded_io.bounded(lzma.open(io.BytesIO(packed)), len(packed)), mode="r|") as archive:
            for entry in archive:
                file = archive.extractfile(entry) if entry.isreg() else None
                if file is None:
                    raise UserError(f"{path}: {entry.name[:80]!a} is not a file; write it again with `stilts runs pack`")
                yield entry.name, file.read()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (tarfile.TarError, lzma.LZMAError, EOFError, ValueError) as error:
        raise UserError(f"{path}: not a bundle of `stilts runs pack` ({error})") from None
