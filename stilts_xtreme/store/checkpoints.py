"""Checkpoints of a stage that is being done: numbered folders, each whole or absent, beside where the stage will stand."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from stilts_xtreme.store import manifest


@dataclass(frozen=True)
class Checkpoints:
    """Those of one stage, in `folder`; only who holds the stage's lock may touch them. `keep`: how many stay (None: all)."""

    folder: Path
    keep: int | None = None

    def save(self, number: int, write: Callable[[Path], None], needed: int) -> None:
        """Keep what `write` puts into a folder, about `needed` bytes; on failure those before stay as they are."""
        with manifest.made(self.folder / f"{number:09}", needed) as scratch:
            write(scratch)
        if self.keep:
            for older in self._all()[: -self.keep]:
                shutil.rmtree(older, ignore_errors=True)

    def sound(self, note: Callable[[str], None]) -> Iterator[Path]:
        """Folders of undamaged checkpoints, the newest first; `note` is told of damaged ones, which are removed."""
        for folder in reversed(self._all()):
            if faults := manifest.faults(folder):
                note(f"checkpoint {folder.name} is left out: {'; '.join(faults)}")
                shutil.rmtree(folder, ignore_errors=True)
            else:
                yield folder

    def last(self) -> int:
        """The newest one's number, 0 where there is none."""
        return max((int(folder.name) for folder in self._all()), default=0)

    def _all(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]*")) if self.folder.is_dir() else []
