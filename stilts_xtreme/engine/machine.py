"""The machine that is measured on: hardware, load by other processes, and pinning to processors of our own."""

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import torch

from stilts_xtreme.utils import system
from stilts_xtreme.utils.bounded_io import Record

LOOK = 0.5  # seconds to see which processors are idle
Times = dict[int, tuple[float, float]]  # by processor: busy and idle ticks


def environment(device: torch.device, threads: int) -> Record:
    """Return hardware, system, versions and threads, as far as they are known."""
    facts: Record = {
        "device": device.type,
        "processor": system.processor(),
        "processors": os.cpu_count(),
        "memory_bytes": system.memory(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "threads": threads,
        "vector_instructions": torch.backends.cpu.get_cpu_capability(),
        "native_bf16": _native_bf16(device),
        "int8_engine": torch.backends.quantized.engine,
    }
    if device.type == "cuda":
        facts |= {"gpu": torch.cuda.get_device_name(device), "cuda": torch.version.cuda}
    for name in ("onnx", "onnxruntime", "onnxscript"):
        try:
            facts[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            pass
    return {name: value for name, value in facts.items() if value is not None}


def _native_bf16(device: torch.device) -> bool | None:
    """Return whether the chip multiplies bf16 itself; None if the system does not say."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    flags = system.proc_field("/proc/cpuinfo", "flags")
    return None if flags is None else bool({"avx512_bf16", "amx_bf16"} & set(flags.split()))


@contextmanager
def pinned(threads: int) -> Iterator[list[int]]:
    """Keep this process on `threads` processors, those that others use least; yields them (none if it cannot be pinned)."""
    if not hasattr(os, "sched_setaffinity"):
        yield []
        return
    allowed = os.sched_getaffinity(0)
    before = _ticks()
    time.sleep(LOOK)
    after = _ticks()
    busy = {cpu: after[cpu][0] - before[cpu][0] for cpu in after.keys() & before.keys()}
    chosen = sorted(allowed, key=lambda cpu: (busy.get(cpu, 0.0), cpu))[:threads]
    os.sched_setaffinity(0, chosen)
    try:
        yield sorted(chosen)
    finally:
        os.sched_setaffinity(0, allowed)


class Watch:
    """How busy the machine is from when this is made until `load_since` is called."""

    def __init__(self) -> None:
        self.load = _load()
        self.ticks, self.own = _ticks(), _own()

    def load_since(self, cpus: list[int]) -> Record:
        """Return load averages, and the share (0 to 1) of our processors' time that others took, as far as the system says."""
        load: Record = {}
        if self.load is not None:
            load |= {"load_before": self.load, "load_after": _load()}
        now = _ticks()
        mine = [cpu for cpu in cpus if cpu in now and cpu in self.ticks]
        if mine:
            busy = sum(now[cpu][0] - self.ticks[cpu][0] for cpu in mine)
            idle = sum(now[cpu][1] - self.ticks[cpu][1] for cpu in mine)
            own = (_own() - self.own) * os.sysconf("SC_CLK_TCK")
            load["taken_by_others"] = max(0.0, (busy - own) / max(busy + idle, 1.0))
        return load


def _own() -> float:
    """Return processor seconds of this process and of those it waited for (a compiler's, too)."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _load() -> float | None:
    try:
        return round(os.getloadavg()[0], 2)
    except (OSError, AttributeError):
        return None


def _ticks() -> Times:
    ticks: Times = {}
    try:
        lines = Path("/proc/stat").read_text(encoding="ascii").splitlines()
    except OSError:
        return ticks
    for line in lines:
        name, *numbers = line.split()
        if name.startswith("cpu") and name[3:].isdigit():
            values = [float(number) for number in numbers[:8]]  # user nice system idle iowait irq softirq steal
            idle = values[3] + values[4]
            ticks[int(name[3:])] = sum(values) - idle, idle
    return ticks
