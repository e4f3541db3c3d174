"""The JSON kept for a training, an evaluation and a study: schema names, reading, writing, provenance."""

import json
import math
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from stilts_xtreme import schemas as checks
from stilts_xtreme.results import agreement, upgrade
from stilts_xtreme.utils import atomic_io, bounded_io, system
from stilts_xtreme.utils.errors import UserError
from stilts_xtreme.utils.sanitize import HIDDEN, visible

TRAINING = "stilts/training@1"
EVALUATION = "stilts/evaluation@1"
STUDY = upgrade.NEW
LATENCY = "stilts/latency@1"
LATENCY_STUDY = "stilts/latency-study@1"
LARGEST = 256 * 2**20  # bytes of a result
DEPTH = 60  # lists and mappings inside one another
LIMIT = 2.0**63
MEND = "write it again with the command that made it"
LAST = ("provenance", "measured")  # what no second run repeats to the byte: where and when it ran, and times


def write(path: Path, content: dict[str, Any]) -> None:
    """Write `content` as `text` gives it."""
    atomic_io.put(path, text(content))


def text(content: dict[str, Any]) -> str:
    """A result as JSON with sorted keys, `provenance` and what was `measured` last; not-a-number is an error."""
    body = {key: content[key] for key in sorted(content) if key not in LAST}
    for key in LAST:
        if key in content:
            found = content[key]
            body[key] = dict(sorted(found.items())) if isinstance(found, dict) else found
    return json.dumps(body, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def stable(text: str) -> str:
    """The part of a result's text that every run repeats to the byte."""
    return re.split(rf'\n "(?:{"|".join(LAST)})":', text, maxsplit=1)[0]


def read(path: Path, *schemas: str) -> dict[str, Any]:
    """Read a result of one of `schemas`, a study of an older one as it is written today.

    UserError where it is none, or not what such a one holds.
    """
    try:
        content = json.loads(bounded_io.content(path, LARGEST), parse_constant=_not_finite)
    except OSError as fault:
        raise UserError(f"{path}: cannot be read: {fault.strerror}") from None
    except RecursionError:
        raise UserError(f"{path}: not JSON that we read: nested too deeply; {MEND}") from None
    except ValueError as fault:
        raise UserError(f"{path}: not JSON ({fault}); {MEND}") from None
    known = [*schemas, *([upgrade.OLD] if STUDY in schemas else [])]
    if not isinstance(content, dict) or content.get("schema") not in known:
        found = content.get("schema") if isinstance(content, dict) else None
        raise UserError(f"{path}: schema: expected {' or '.join(schemas)}, found {str(found)[:60]!r}")
    if wrong := _unfit(content):
        raise UserError(f"{path}: {wrong}; {MEND}")
    if content["schema"] == upgrade.OLD:
        try:
            content = upgrade.upgraded(content)
        except ValueError as error:
            raise UserError(f"{path}: {error}; {MEND}") from None
    if wrong := checks.fault(content) or _contradiction(content):
        raise UserError(f"{path}: {wrong}; {MEND}")
    return content


def _contradiction(content: dict[str, Any]) -> str:
    """What the parts of a study's result do not agree on; empty where there is nothing."""
    of = {STUDY: agreement.of_study, LATENCY_STUDY: agreement.of_latency}.get(content["schema"])
    return of(content) if of else ""


def _not_finite(word: str) -> float:
    raise ValueError(f"{word} is no number in JSON")


def _unfit(content: Any) -> str:
    """Where a text or a number could not be shown; empty where there is none."""
    open_, depth = [("", content)], 0
    while open_:
        depth, below = depth + 1, []
        if depth > DEPTH:
            return f"more than {DEPTH} lists and mappings inside one another"
        for place, value in open_:
            if isinstance(value, dict):
                below += [(f"{place}.{key}", part) for key, part in value.items()]
                if wrong := next((key for key in value if HIDDEN.search(key)), None):
                    return f"{(place + '.')[1:]}{visible(wrong)[:60]}: control characters in a name"
            elif isinstance(value, list):
                below += [(f"{place}[{i}]", part) for i, part in enumerate(value)]
            elif isinstance(value, str) and (found := HIDDEN.search(value)):
                return f"{place[1:]}: the control character {found[0]!a} in a text"
            elif isinstance(value, int | float) and not -LIMIT < value < LIMIT:
                return f"{place[1:]}: is too large a number"
        open_ = below
    return ""


def dev_scores(training: Mapping[str, Any]) -> list[float]:
    """English dev scores of a training's tasks; text counts only where nothing else is trained."""
    found = {name: scores["score"] for name, scores in training["dev"].items()}
    return [score for name, score in found.items() if name != "text" or len(found) == 1]


def provenance(device: str, seconds: float, extra: Iterable[tuple[str, Any]] = ()) -> dict[str, Any]:
    """What a result must not depend on but a reader wants to know: versions, commit, device, seconds, memory at the peak."""
    names = ("stilts-xtreme", "torch", "transformers", "tokenizers", "accelerate", "datasets", "numpy")
    versions = {"python": platform.python_version()}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            pass
    told = {"commit": _commit(), "device": device, "seconds": round(seconds, 1), "versions": versions, **dict(extra)}
    return told if (peak := system.peak_memory()) is None else {**told, "peak_memory_bytes": peak}


def provenance_of(told: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Provenance of all of these results: versions, commits, devices and threads they ran with, and their seconds added up."""
    parts = [result["provenance"] for result in told]
    versions = {
        name: sorted({p["versions"][name] for p in parts if name in p["versions"]}) for p in parts for name in p["versions"]
    }
    return {
        "commits": sorted({str(p["commit"]) for p in parts}),
        "devices": sorted({p["device"] for p in parts}),
        "seconds": round(math.fsum(p["seconds"] for p in parts), 1),
        "threads": sorted({count for p in parts for count in _threads(p)}),
        "versions": {name: ", ".join(found) for name, found in versions.items()},
    }


def _threads(provenance: Mapping[str, Any]) -> set[int]:
    """The numbers of threads that a stage was computed with."""
    parts = {part["threads"] for part in provenance.get("parts", ())} | set(provenance.get("threads_of_parts", ()))
    return parts or {provenance["threads"]} if "threads" in provenance else parts


def _commit() -> str | None:
    try:
        asked = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return asked.stdout.strip() or None
