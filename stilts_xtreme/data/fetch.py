"""Downloading ahead of time, for machines that have no connection: releases into a data folder, hub data into the cache."""

import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPException
from pathlib import Path

from stilts_xtreme.data import hub
from stilts_xtreme.data.inventory import needed
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.task import Task, Upstream
from stilts_xtreme.utils.errors import UserError
from stilts_xtreme.utils.languages import fill

CHUNK = 2**18
PATIENCE = 60  # seconds without a byte
LICENSED = ("ccg", "qqp")  # no release may be passed on; the hub's copy of QQP is fetched only where the hub is asked for

# Called while something comes, with its name, bytes so far, bytes in all (None: not known).
Tell = Callable[[str, int, int | None], None]


def fetch(names: Sequence[str], to: Path | None, tell: Tell) -> Iterator[str]:
    """Get these tasks and those they are trained with; yields what is there now, files or hub data.

    With a folder: the releases as published, and the hub's copy of what has no release address. Without: the hub's copies.
    What is there already is not fetched again, and a download that broke off goes on where it stopped. UserError, before
    anything is fetched, where a task can be had in neither way; afterwards, where a download failed.
    """
    tasks = [TASKS[name] for name in needed(names)]
    if faults := [fault for task in tasks if (fault := _impossible(task, to))]:
        raise UserError("\n".join(faults))
    lost = []
    for task in tasks:
        if to is not None and task.upstream:
            for url, into, note in addresses(task):
                try:
                    download(url, to, into, tell, note)
                    yield str(to / into)
                except UserError as fault:  # the next may come from another publisher
                    lost.append(str(fault))
            continue
        for dataset, config, split in hub.wanted(task):
            tell(f"{dataset.id} {config} {split}", 0, None)
            try:
                hub.load(dataset, config, split)
                yield f"{dataset.id} {config} {split}"
            except UserError as fault:
                lost.append(str(fault))
    if lost:
        raise UserError("\n".join(lost))


def addresses(task: Task) -> list[tuple[str, str, str]]:
    """(address, place below the data folder, what is not certain) of everything the task's release consists of, each once."""
    return list(dict.fromkeys((fill(file.url, code), fill(file.into, code), file.note) for file, code in _each(task)))


def download(url: str, folder: Path, into: str, tell: Tell, note: str = "") -> None:
    """Get `url` as `folder`/`into`, by way of `into`.part; nothing where it is there already. UserError where that fails."""
    path = folder / into
    part = path.with_name(path.name + ".part")
    inside = all(place.resolve().is_relative_to(folder.resolve()) for place in (path, part))
    if not inside or not url.startswith(("http://", "https://")):
        raise UserError(f"{url}: not fetched into {path}: it is outside {folder}, or not a web address")
    if path.is_file():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _get(url, part, lambda done, total: tell(into, done, total))
        part.replace(path)
    except urllib.error.HTTPError as error:
        raise UserError(f"{url}: {error.code} {error.reason}" + (f" ({note})" if note else "") + "; get it by hand") from error
    except (OSError, HTTPException) as error:  # URLError is an OSError, and so are time-outs
        reason = getattr(error, "reason", None) or error
        raise UserError(f"{url}: {reason}" + (f" ({note})" if note else "") + "; run the same command again to go on") from error


def _get(url: str, part: Path, tell: Callable[[int, int | None], None]) -> None:
    """Fill `part`, from where it ends if the server can go on there, else from its beginning."""
    have = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "stilts", **({"Range": f"bytes={have}-"} if have else {})})
    try:
        answer = urllib.request.urlopen(request, timeout=PATIENCE)
    except urllib.error.HTTPError as error:
        if not have or error.code != 416:  # 416: there is nothing after what we have, so it is not what it seemed
            raise
        part.unlink()
        return _get(url, part, tell)
    with answer:
        goes_on = answer.status == 206 and (answer.headers.get("Content-Range") or "").startswith(f"bytes {have}-")
        done = have if goes_on else 0
        length = answer.headers.get("Content-Length")
        total = done + int(length) if length and length.isdecimal() else None
        if total is not None and total - done > shutil.disk_usage(part.parent).free:
            raise OSError(f"{total - done:,} bytes do not fit on the disk")
        with open(part, "ab" if goes_on else "wb") as file:
            tell(done, total)
            while chunk := answer.read(CHUNK):
                file.write(chunk)
                done += len(chunk)
                tell(done, total)
    if total is not None and done != total:
        raise OSError(f"broke off at {done:,} of {total:,} bytes")


def _impossible(task: Task, to: Path | None) -> str:
    """Why the task cannot be fetched; empty where it can."""
    if task.upstream and to is not None or hub.entry(task) is not None and (to is None or task.name not in LICENSED):
        return ""
    if task.upstream:
        return f"{task.name}: is not on the hub: say --to FOLDER to get its release"
    return f"{task.name}: cannot be fetched ({task.licence}). To get it: {task.about}"


def _each(task: Task) -> Iterator[tuple[Upstream, str]]:
    for file in task.upstream:
        for code in task.languages if "{" in file.url else task.languages[:1]:
            yield file, code
