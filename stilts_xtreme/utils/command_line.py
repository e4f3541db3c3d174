"""The command line that computes a result, as the result records it."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from stilts_xtreme.utils.sanitize import visible


def recorded(command: str, spec: Path, overrides: Sequence[str] | None) -> str:
    """Return the command that computes a result, as a shell takes it, without paths of this machine."""
    shown = [re.sub(r"(\.(?:path|folder)=).*", r"\1FOLDER", override) for override in overrides or []]
    return visible(" ".join([f"stilts {command}", *(quoted(word) for word in (spec.as_posix(), *shown))]))


def quoted(word: str) -> str:
    """Return a word, in quotes if a shell would split or expand it; lists such as seeds=[1,2] stay readable."""
    return word if re.fullmatch(r"[\w@%+=:,./\[\]-]+", word, re.ASCII) else shlex.quote(word)
