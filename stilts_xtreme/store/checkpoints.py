"""Checkpoints of a running stage: numbered folders, each whole or absent, beside the stage's own folder."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from stilts_xtreme.store import manifest


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of a stage, in `folder`; only for the holder of the stage's lock. `keep`: how many stay (None: all)."""

    folder: Path
    keep: int | None = None

    def save(self, number: int, write: Callable[[Path], None], needed: int) -> None:
        """Save what `write` puts into a folder, about `needed` bytes; on failure earlier checkpoints stay as they are."""
        with manifest.atomic_folder(self.folder / f"{number:09}", needed) as scratch:
            write(scratch)
        if self.keep:
            for older in self._all()[: -self.keep]:
                shutil.rmtree(older, ignore_errors=True)

    def sound(self, note: Callable[[str], None]) -> Iterator[Path]:
        """Yield folders of intact checkpoints, the newest first; damaged ones are removed, with a `note`."""
        for folder in reversed(self._all()):
            if faults := manifest.faults(folder):
                note(f"checkpoint {folder.name} is left out: {'; '.join(faults)}")
                shutil.rmtree(folder, ignore_errors=True)
            else:
                yield folder

    def last(self) -> int:
        """Return the newest checkpoint's number, 0 if there is none."""
        return max((int(folder.name) for folder in self._all()), default=0)

    def _all(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]*")) if self.folder.is_dir() else []
