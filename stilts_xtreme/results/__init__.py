"""The JSON of a training, an evaluation and a study: schema names, reading, writing, provenance."""

import json
import math
import platform
import re
import subprocess
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import NoReturn

from stilts_xtreme.results import agreement, upgrade
from stilts_xtreme.results import schemas as checks
from stilts_xtreme.results.rows import Fields
from stilts_xtreme.utils import atomic_io, bounded_io, system
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import UserError
from stilts_xtreme.utils.sanitize import HIDDEN, visible

TRAINING = "stilts/training@1"
EVALUATION = "stilts/evaluation@1"
STUDY = upgrade.NEW
LATENCY = "stilts/latency@1"
LATENCY_STUDY = "stilts/latency-study@1"
LARGEST = 256 * 2**20  # bytes of a result
DEPTH = 60  # of nested lists and mappings
LIMIT = 2.0**63
FIX = "write it again with the command that made it"
LAST = ("provenance", "measured")  # what no second run repeats to the byte: where and when it ran, and times


def write(path: Path, content: Record) -> None:
    """Write `content` as `text` gives it."""
    atomic_io.put(path, text(content))


def text(content: Record) -> str:
    """Return a result as JSON with sorted keys, `provenance` and what was `measured` last; ValueError for not-a-number."""
    body = {key: content[key] for key in sorted(content) if key not in LAST}
    for key in LAST:
        if key in content:
            part = content[key]
            body[key] = dict(sorted(part.items())) if isinstance(part, dict) else part
    return json.dumps(body, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def stable(text: str) -> str:
    """Return the part of a result's text that every run repeats to the byte."""
    return re.split(rf'\n "(?:{"|".join(LAST)})":', text, maxsplit=1)[0]


def read(path: Path, *schemas: str) -> Record:
    """Read a result of these `schemas`, a study of an older schema as it is written today.

    UserError where it is of none of them, or not what its schema says.
    """
    try:
        content = json.loads(bounded_io.content(path, LARGEST), parse_constant=_not_finite)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except RecursionError:
        raise UserError(f"{path}: not JSON that we read: nested too deeply; {FIX}") from None
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error}); {FIX}") from None
    known = [*schemas, *([upgrade.OLD] if STUDY in schemas else [])]
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema not in known:
        raise UserError(f"{path}: schema: expected {' or '.join(schemas)}, found {str(schema)[:60]!r}")
    if problem := _unfit(content):
        raise UserError(f"{path}: {problem}; {FIX}")
    if schema == upgrade.OLD:
        try:
            content = upgrade.upgraded(content)
        except ValueError as error:
            raise UserError(f"{path}: {error}; {FIX}") from None
    if problem := checks.fault(content) or _contradiction(content):
        raise UserError(f"{path}: {problem}; {FIX}")
    return content


def _contradiction(content: Record) -> str:
    """Return what the parts of a study's result do not agree on; empty where there is nothing."""
    of = {STUDY: agreement.of_study, LATENCY_STUDY: agreement.of_latency}.get(content["schema"])
    return of(content) if of else ""


def _not_finite(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number in JSON")


def _unfit(content: object) -> str:
    """Return where a text or a number could not be shown; empty where there is none."""
    level: list[tuple[str, object]] = [("", content)]
    depth = 0
    while level:
        depth, below = depth + 1, list[tuple[str, object]]()
        if depth > DEPTH:
            return f"more than {DEPTH} lists and mappings inside each other"
        for place, value in level:
            if isinstance(value, dict):
                below += [(f"{place}.{key}", part) for key, part in value.items()]
                if hidden := next((key for key in value if HIDDEN.search(key)), None):
                    return f"{(place + '.')[1:]}{visible(hidden)[:60]}: control characters in a name"
            elif isinstance(value, list):
                below += [(f"{place}[{i}]", part) for i, part in enumerate(value)]
            elif isinstance(value, str) and (match := HIDDEN.search(value)):
                return f"{place[1:]}: the control character {match[0]!a} in a text"
            elif isinstance(value, int | float) and not -LIMIT < value < LIMIT:
                return f"{place[1:]}: is too large a number"
        level = below
    return ""


def dev_scores(training: Fields) -> list[float]:
    """Return English dev scores of a training's tasks; text counts only where nothing else is trained."""
    scores = {name: metrics["score"] for name, metrics in training["dev"].items()}
    return [score for name, score in scores.items() if name != "text" or len(scores) == 1]


def provenance(device: str, seconds: float, extra: Iterable[tuple[str, object]] = ()) -> Record:
    """Return what a result must not depend on but a reader wants to know: versions, commit, device, seconds, peak memory."""
    names = ("stilts-xtreme", "torch", "transformers", "tokenizers", "accelerate", "datasets", "numpy")
    versions = {"python": platform.python_version()}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            pass
    record = {"commit": _commit(), "device": device, "seconds": round(seconds, 1), "versions": versions, **dict(extra)}
    return record if (peak := system.peak_memory()) is None else {**record, "peak_memory_bytes": peak}


def provenance_of(results: Sequence[Fields]) -> Record:
    """Return the provenance of all these results: their versions, commits, devices and threads, and the sum of their seconds."""
    parts = [result["provenance"] for result in results]
    names = dict.fromkeys(name for part in parts for name in part["versions"])
    versions = {name: sorted({part["versions"][name] for part in parts if name in part["versions"]}) for name in names}
    return {
        "commits": sorted({str(part["commit"]) for part in parts}),
        "devices": sorted({part["device"] for part in parts}),
        "seconds": round(math.fsum(part["seconds"] for part in parts), 1),
        "threads": sorted({count for part in parts for count in _threads(part)}),
        "versions": {name: ", ".join(versions[name]) for name in versions},
    }


def _threads(provenance: Fields) -> set[int]:
    """Return the numbers of threads that a stage was computed with."""
    parts = {part["threads"] for part in provenance.get("parts", ())} | set(provenance.get("threads_of_parts", ()))
    return parts or {provenance["threads"]} if "threads" in provenance else parts


def _commit() -> str | None:
    try:
        process = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return process.stdout.strip() or None
