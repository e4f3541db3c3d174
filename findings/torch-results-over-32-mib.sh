#!/bin/bash
# torch 2.13.0 (CPU build), Python 3.11, Linux with glibc 2.36
#
# Logits over a vocabulary of 250,002 tokens, step after step: is the memory of the last step's used again?
# Expected: after some steps a result takes memory that was freed a step before, whatever its size.
# Seen: up to 32 MiB it does, once a block of nearly that size was freed. A larger result takes fresh pages at every step, each
#   zeroed by the kernel: 34 MiB are the logits of 35 masked tokens in single precision. Where the result is written into a
#   tensor that is there (out=), nothing is taken.
#     28 MiB: 0 MiB of fresh pages a step       34 MiB: 34 MiB       34 MiB with out=: 0 MiB
#   glibc raises the size from which it maps blocks of their own with each block that is freed, but not above 32 MiB
#   (DEFAULT_MMAP_THRESHOLD_MAX, mallopt(3)), and torch's CPU allocator keeps nothing itself.
# Exits with 1 if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 numpy
cat > "$folder/try.py" <<'PY'
import ctypes
import resource
import sys

import torch

STEPS, WARM, PR_SET_THP_DISABLE = 15, 5, 41
ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)  # a huge page would count as a single one
torch.set_num_threads(1)


def fresh(mib, reuse):
    rows = 35
    states, table = torch.randn(rows, 64), torch.randn(64, mib * 2**20 // 4 // rows)
    out = torch.empty(rows, table.shape[1]) if reuse else None
    for step in range(STEPS):
        if step == WARM:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        logits = torch.mm(states, table, out=out)
        del logits
    pages = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    return round(pages * resource.getpagesize() / 2**20 / (STEPS - WARM))


fresh(31, False)  # a size that is used again raises the limit
seen = fresh(28, False), fresh(34, False), fresh(34, True)
print("MiB of fresh pages a step: 28 MiB: %d, 34 MiB: %d, 34 MiB with out=: %d" % seen)
sys.exit(seen != (0, 34, 0))
PY
OMP_NUM_THREADS=1 "$folder/venv/bin/python" "$folder/try.py"
