"""Inspect what stilts runs on: packages, devices, caches, the hub, the store; warn of known problems."""

import fcntl
import os
import platform
import shutil
import socket
import sys
import tempfile
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from time import monotonic
from types import ModuleType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from stilts_xtreme.models.published import within
from stilts_xtreme.store import CACHE, SCHEMAS, Store
from stilts_xtreme.utils import sanitize, system
from stilts_xtreme.utils.bounded_io import Record

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

NAME = "stilts-xtreme"
HUB = "https://huggingface.co"
ANSWER = 3.0  # seconds that the hub has
LOOK = 3.0  # seconds to add up a folder
LITTLE, NONE = 2 * 2**30, 50 * 2**20  # bytes free: worth a warning; too few for a stage
OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
VARIABLES = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "STILTS_STORE", "HF_HOME", "HF_ENDPOINT", *OFFLINE)


@dataclass(frozen=True)
class Fact:
    """A fact; `warning` is what may go wrong because of it, `fatal` whether nothing can be run."""

    group: str
    name: str
    value: str | int
    warning: str = ""
    fatal: bool = False


def facts(store: Store) -> Iterator[Fact]:
    """Yield all facts; nothing is written but a temporary file of no bytes beside the store's."""
    yield from packages()
    try:
        yield from machine()
    except (ImportError, OSError) as fault:  # a torch that is broken fails in either
        yield Fact("machine", "torch", "cannot be imported", f"torch: {fault}; install it again", fatal=True)
    yield from caches()
    yield hub()
    yield from folder(store)


def as_json(facts: list[Fact]) -> Record:
    """Return {group: {name: value}}, `warnings`, and as `faults` the fatal ones."""
    groups: Record = {}
    for fact in facts:
        groups.setdefault(fact.group, {})[fact.name] = fact.value
    warnings = [fact.warning for fact in facts if fact.warning and not fact.fatal]
    return {**groups, "warnings": warnings, "faults": [fact.warning for fact in facts if fact.fatal]}


def packages() -> Iterator[Fact]:
    """Yield Python's version, and those of the packages that are required, and of the extras'."""
    here, wanted = sys.version_info[:2], ">=3.11"
    warning = "" if here >= (3, 11) else f"Python {wanted} is needed"
    yield Fact("packages", "python", platform.python_version(), warning, fatal=bool(warning))
    for name, needs, extra in _requirements():
        version = _version(name)
        if version is None:
            how = f'pip install "{NAME}[{extra}]"' if extra else f'pip install "{name}{needs}"'
            state = f"not installed ({how})" if extra else "not installed"
            yield Fact("packages", f"{name} ({extra})" if extra else name, state, "" if extra else f"{name}: {how}", not extra)
            continue
        warning = "" if needs.contains(version, prereleases=True) else f"{name} {version}: {needs} is needed"
        yield Fact("packages", f"{name} ({extra})" if extra else name, version, warning, fatal=bool(warning) and not extra)


def _requirements() -> Iterator[tuple[str, "SpecifierSet", str]]:
    """Yield package, versions, and extra ("": always required): as installed, else as the checkout's pyproject.toml says."""
    from packaging.requirements import Requirement

    try:
        written = metadata.requires(NAME) or []
    except metadata.PackageNotFoundError:
        file = Path(__file__).parents[2] / "pyproject.toml"
        project = tomllib.loads(file.read_text(encoding="utf-8"))["project"] if file.is_file() else {}
        written = list(project.get("dependencies", ()))
        for extra, more in project.get("optional-dependencies", {}).items():
            written += [f'{line} ; extra == "{extra}"' for line in more]
    for line in written:
        requirement = Requirement(line)
        extra = str(requirement.marker).partition("extra == ")[2].strip('"') if requirement.marker else ""
        yield requirement.name, requirement.specifier, extra


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def machine() -> Iterator[Fact]:
    """Yield processors, memory, torch and its devices."""
    import torch

    from stilts_xtreme.engine.machine import environment

    hardware = environment(torch.device("cpu"), torch.get_num_threads())
    yield Fact("machine", "system", hardware["system"])
    yield Fact("machine", "processor", hardware["processor"])
    there, ours = os.cpu_count() or 1, system.cores()
    yield Fact("machine", "processors", there if ours == there else f"{ours} of {there}")
    if "memory_bytes" in hardware:
        yield Fact("machine", "memory", sanitize.size(hardware["memory_bytes"]))
    yield Fact("machine", "vector instructions", hardware["vector_instructions"])
    if (fast := system.fast_bf16()) is not None:
        how = "faster than fp32" if fast else "computed by products in fp32: about a quarter slower than fp32"
        yield Fact("machine", "bf16 on the processor", how)
    yield Fact("machine", "torch is built for", f"CUDA {torch.version.cuda}" if torch.version.cuda else "the processor only")
    yield from _gpus(torch)
    for name in VARIABLES:
        if name in os.environ and name not in OFFLINE:
            yield Fact("machine", name, _host(os.environ[name]) if name == "HF_ENDPOINT" else os.environ[name])


def _gpus(torch: ModuleType) -> Iterator[Fact]:
    for number in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        free, size = torch.cuda.mem_get_info(number)
        native = torch.cuda.get_device_capability(number) >= (8, 0)
        bf16 = "bf16 native" if native else "bf16 emulated"
        value = f"{torch.cuda.get_device_name(number)}, {sanitize.size(size)} of memory, {sanitize.size(free)} free, {bf16}"
        warning = "" if native else "recipe.precision=bf16 is slow on it: say fp32"
        if native and free < size / 2:
            warning = "others use more than half of its memory"
        yield Fact("machine", f"GPU {number}", value, warning)
    if torch.backends.mps.is_available():
        yield Fact("machine", "MPS", "there; not measured by us", "results on MPS are not tested: --device cpu gives tested ones")
    elif not torch.cuda.is_available():
        unused = os.path.exists("/proc/driver/nvidia/version")
        warning = "there is an NVIDIA GPU, and this build of torch cannot use it: install one for CUDA" if unused else ""
        yield Fact("machine", "GPU", "none that torch can use", warning)


def caches() -> Iterator[Fact]:
    """Yield the folders of the Hugging Face libraries, and whether they may go online."""
    home = Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser()
    hub = Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
    data = Path(os.environ.get("HF_DATASETS_CACHE") or home / "datasets").expanduser()
    for name, folder_ in (("hub's cache", hub), ("datasets' cache", data)):
        yield Fact("caches", name, f"{folder_}: {_taken(folder_)}")
    for name in OFFLINE:
        if _set(name):
            yield Fact("caches", name, os.environ[name], f"{name} is set: what is not in the caches is missing")


def hub() -> Fact:
    """Ask whether the hub answers, unless set to be offline. Never takes longer than `ANSWER`."""
    url = os.environ.get("HF_ENDPOINT") or HUB
    if any(map(_set, OFFLINE)):
        return Fact("hub", _host(url), "not asked: offline is set")
    if urlsplit(url).scheme not in ("http", "https"):
        return Fact("hub", _host(url), "not asked", "HF_ENDPOINT is no http address")
    try:
        answer = within(ANSWER, lambda: _head(url))
    except TimeoutError:
        answer = f"no answer in {ANSWER:g} s: offline; setups with local data need no hub"
    return Fact("hub", _host(url), answer)


def _set(name: str) -> bool:
    """Return whether a switch in the environment is on, as the Hugging Face libraries read it."""
    return os.environ.get(name, "").upper() in ("1", "ON", "YES", "TRUE")


def _head(url: str) -> str:
    began = monotonic()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=ANSWER):
            pass
    except urllib.error.HTTPError:
        pass  # an answer
    except (OSError, ValueError, urllib.error.URLError) as fault:
        why = getattr(fault, "reason", fault)
        known = "its name is not known here" if isinstance(why, socket.gaierror) else str(why)
        return f"cannot be reached ({known}); setups with local data need no hub"
    return f"answers in {monotonic() - began:.1f} s"


def _host(url: str) -> str:
    """Return an address without the user name and password that it may hold."""
    return f"{urlsplit(url).scheme}://{urlsplit(url).hostname}" if "@" in url else url


def folder(store: Store) -> Iterator[Fact]:
    """Yield what the store holds, what dead processes left, whether it can be written, how much room there is."""
    counts = {kind: store.count(kind)[0] for kind in SCHEMAS}
    finished = ", ".join(f"{count:,} {kind}" for kind, count in counts.items() if count)
    yield Fact("store", "folder", f"{store.root.absolute()}" + ("" if store.root.is_dir() else " (not there yet)"))
    if store.root.is_dir():
        yield Fact("store", "finished stages", finished or "none")
        yield Fact("store", "size", f"{_taken(store.root)}, of it {CACHE} {_taken(store.root / CACHE)}")
    there = next(path for path in (store.root.absolute(), *store.root.absolute().parents) if path.is_dir())
    if fault := _closed(there):
        yield Fact("store", "writing", fault, f"{there}: {fault}: give another --store", fatal=True)
        return
    left = len(store.leftovers())
    yield Fact("store", "leftovers", left, f"{left} leftovers of dead processes: `stilts runs clean`" if left else "")
    free = shutil.disk_usage(there).free
    warning = f"only {sanitize.size(free)} are free: give another --store, or make room" if free < LITTLE else ""
    yield Fact("store", "free disk", sanitize.size(free), warning, fatal=free < NONE)


def _closed(there: Path) -> str:
    """Return why files cannot be written or locked there; empty if they can."""
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as fault:
        return f"cannot be written or locked ({fault.strerror or fault})"
    return ""


def _taken(top: Path) -> str:
    """Add up the bytes of all files below a folder, as far as they can be counted in `LOOK` seconds."""
    total, until, open_ = 0, monotonic() + LOOK, [str(top)]
    while open_ and monotonic() < until:
        try:
            with os.scandir(open_.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        open_.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    return ("more than " if open_ else "") + sanitize.size(total) if top.is_dir() else "not there"
