"""Processors and memory (bytes) of this machine, or of the part of it that this process may use."""

import ctypes
import os
import platform
import sys
from functools import lru_cache
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")


def cores() -> int:
    """Count the processors that this process may use: by its mask, the quota of its control group, and the Slurm job it is in."""
    limits = [len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1]
    given = os.environ.get("SLURM_CPUS_ON_NODE", "")
    limits += [int(given)] if given.isdigit() else []
    try:
        quota, period = (GROUPS / "cpu.max").read_text(encoding="ascii").split()
        limits.append(int(quota) // int(period))
    except (OSError, ValueError):  # another system; "max": no quota
        pass
    return max(1, min(limits))


def free_memory() -> int | None:
    """Return the bytes that this machine, or our control group, has left for us; None if the system does not say."""
    free = _bytes("/proc/meminfo", "MemAvailable")
    rooms = [free] if free is not None else []
    for limit, used, unused in _limits():
        try:
            counts = [(folder / name).read_text(encoding="ascii").strip() for folder, name in (limit, used)]
            idle = [int(line.split()[1]) for line in unused.read_text(encoding="ascii").splitlines() if _reclaimable(line)]
            rooms.append(int(counts[0]) - int(counts[1]) + max(idle, default=0))
        except (OSError, ValueError):  # "max": no limit
            continue
    return max(0, min(rooms)) if rooms else None


def peak_memory() -> int | None:
    """Return the most bytes this process held since `forget_peak`, or since it began; None if the system does not say.

    A child's `ru_maxrss` begins, on Linux, with what its parent held when it was started.
    """
    if (peak := _bytes("/proc/self/status", "VmHWM")) is not None:
        return peak
    try:
        import resource
    except ImportError:
        return None

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def held_memory(pid: int | str = "self") -> int | None:
    """Return the bytes that a process holds in memory; None if the system does not say."""
    return _bytes(f"/proc/{pid}/status", "VmRSS")


def forget_peak() -> None:
    """Let `peak_memory` of this process begin anew; nothing where the system does not know how."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        pass


def release_memory() -> None:
    """Return to the system what this process has freed; nothing where its C library is not glibc.

    glibc keeps freed blocks below the top of its heap: after a training that is most of what the training took.
    """
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):  # another C library; TypeError: Windows has no library without a name
        pass


def memory() -> int | None:
    """Return the bytes of memory of the machine; None if the system does not say."""
    return _bytes("/proc/meminfo", "MemTotal")


def processor() -> str:
    """Return the name of the machine's processors, or of their kind."""
    return proc_field("/proc/cpuinfo", "model name") or platform.processor() or platform.machine()


@lru_cache(1)
def fast_bf16() -> bool | None:
    """Return whether bfloat16 products are faster here than in single precision; None where the system does not say.

    Measured at 1,024 x 384 x 1,536 on one core with torch 2.13 (oneDNN 3.12), as a multiple of single precision: AVX-512 BF16
    2 on an AMD EPYC, 0.55 on an Intel Xeon that has AVX-512 FP16 and no AMX; 0.1 without any bfloat16 instruction.
    """
    flags = set((proc_field("/proc/cpuinfo", "flags") or proc_field("/proc/cpuinfo", "Features") or "").split())
    if not flags:
        return None
    intel = proc_field("/proc/cpuinfo", "vendor_id") == "GenuineIntel"
    return bool({"amx_bf16", "bf16"} & flags) or ("avx512_bf16" in flags and not (intel and "avx512_fp16" in flags))


def proc_field(file: str, key: str) -> str | None:
    """Return the value after the first `key:` in a file of /proc; None if there is none."""
    try:
        with open(file, encoding="utf-8", errors="replace") as lines:
            return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == key), None)
    except OSError:
        return None


def _bytes(file: str, key: str) -> int | None:
    """Return the bytes after the first `key:` of a file that counts in kB."""
    value = proc_field(file, key)
    return int(value.split()[0]) * 1024 if value else None


def _limits() -> list[tuple[tuple[Path, str], tuple[Path, str], Path]]:
    """Return limit, use and statistics of our memory group and of those around it (cgroups, version 2 and 1)."""
    groups = []
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    for line in lines:
        _, kinds, path = line.split(":", 2)
        if kinds == "":
            top, names = GROUPS, ("memory.max", "memory.current")
        elif "memory" in kinds.split(","):
            top, names = GROUPS / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        inner = top / path.lstrip("/")
        for folder in dict.fromkeys((inner, *inner.parents, top)):  # in a container, the group's own folder may be the top
            if folder == top or top in folder.parents:
                groups.append(((folder, names[0]), (folder, names[1]), folder / "memory.stat"))
    return groups


def _reclaimable(line: str) -> bool:
    """Return whether the line counts pages of files, which count as used and are given up when somebody needs the room."""
    return line.startswith(("inactive_file ", "total_inactive_file "))
