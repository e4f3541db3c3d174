"""Stages side by side within memory: what fits is a pure function, and real processes keep to it."""

import json
import mmap
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, strategies

from stilts_xtreme import results
from stilts_xtreme.pipeline import plan
from stilts_xtreme.stages import parallel
from stilts_xtreme.stages.events import Options
from stilts_xtreme.stages.memory_estimate import LIBRARIES, MARGIN, MemoryEstimates, estimate, select_that_fit
from stilts_xtreme.stages.run import PRODUCT_CACHES
from stilts_xtreme.store import Store
from stilts_xtreme.utils import system

ENCODER = plan.Random(96, 3, 3, 384, 130, 2600)
TEXT = plan.Train(ENCODER, ("text",), plan.Recipe(epochs=None, steps=5, max_length=128), 1, ())
SIZES = strategies.lists(strategies.integers(1, 100) | strategies.none(), max_size=12)


@given(
    SIZES, SIZES, strategies.lists(strategies.integers(0, 60), max_size=4), strategies.integers(1, 200), strategies.integers(0, 6)
)
def test_what_is_begun_fits_or_is_alone(wanted, running, idle, memory, slots) -> None:
    chosen = select_that_fit(wanted, running, idle, memory, slots)
    assert len(chosen) <= slots and chosen == sorted(set(chosen))
    if slots and wanted and not running:
        assert chosen and chosen[0] == 0  # something goes on
    together = [memory if size is None else size for size in [*running, *(wanted[i] for i in chosen)]]
    left = sorted(idle)[len(chosen) :]
    if chosen and len(together) > 1:
        assert sum(together) + sum(left) <= memory
    free = memory - sum(together) - sum(left)
    if len(chosen) < slots and not idle:  # no room is left unused
        assert all(free < (memory if size is None else size) for i, size in enumerate(wanted) if i not in chosen)


@given(SIZES, strategies.integers(1, 150), strategies.integers(1, 4))
def test_all_get_their_turn(wanted, memory, jobs) -> None:
    waiting, running, turns = list(wanted), [], 0
    while waiting or running:
        chosen = select_that_fit(waiting, running, [], memory, jobs - len(running))
        running += [waiting[i] for i in chosen]
        waiting = [size for i, size in enumerate(waiting) if i not in chosen]
        assert running
        running, turns = running[1:], turns + 1
    assert turns == len(wanted)


@pytest.mark.parametrize(
    ("wanted", "running", "idle", "expected"),
    [
        ([40, 40, 40], [], [], [0, 1]),
        ([90, 10], [20], [], [1]),  # a small one overtakes
        ([150, 10], [], [], [0]),  # never fits: alone
        ([None, 10], [], [], [0]),  # nobody knows: alone
        ([None, 10], [20], [], [1]),
        ([30], [40], [35], [0]),  # it goes to the idle process
        ([70], [40], [10], []),
    ],
)
def test_examples_in_a_hundred(wanted, running, idle, expected) -> None:
    assert select_that_fit(wanted, running, idle, 100, 4) == expected


def test_while_it_is_not_settled_who_is_idle_they_count() -> None:
    assert select_that_fit([30], [40], [35], 100, 4, settled=False) == [] and select_that_fit(
        [25], [40], [35], 100, 4, settled=False
    ) == [0]


def test_an_estimate_grows_with_the_encoder_and_the_batch() -> None:
    small = estimate(TEXT)
    large = plan.Train(plan.Random(1024, 24, 16, 4096, 514, 250002), ("text",), TEXT.recipe, 1, ())
    one = plan.Train(ENCODER, ("text",), plan.Recipe(batch_size=1, max_length=128), 1, ())
    assert LIBRARIES < estimate(one) < small < 2 * LIBRARIES
    assert estimate(large) > 6 * 4 * 550e6 > estimate(plan.Predict(large, "xnli", ("en",), ())) > 4 * 550e6
    after = plan.Train(
        plan.Train(plan.Pretrained("nobody/knows"), ("mnli",), plan.Recipe(), 1, ()), ("xnli",), plan.Recipe(), 1, ()
    )
    assert estimate(after) is None


def finish(store: Store, stage: plan.Train, peak: object) -> None:
    with store.claim(stage) as scratch:
        content = {"schema": results.TRAINING, "address": plan.address(stage), "plan": {"tasks": ["text"]}, "dev": {},
                   "examples": {}, "steps": {"planned": 1, "done": 1}, "collapsed": False, "collapse": {},
                   "provenance": {"peak_memory_bytes": peak}}  # fmt: skip
        results.write(scratch / "result.json", content)


def test_what_a_stage_like_it_took_is_what_it_needs(tmp_path) -> None:
    seeds = [plan.Train(ENCODER, ("text",), TEXT.recipe, seed, ()) for seed in (1, 2, 3)]
    other = plan.Train(ENCODER, ("text",), plan.Recipe(batch_size=64), 1, ())
    store = Store(tmp_path)
    finish(store, seeds[0], "a lot")
    needs = MemoryEstimates([*seeds, other], store)
    assert needs.of(seeds[2]) == estimate(seeds[2])
    finish(store, seeds[1], 5 * 2**30)
    needs.learn(seeds[1])
    for known in (needs, MemoryEstimates([*seeds, other], store)):
        assert known.of(seeds[2]) == round(MARGIN * 5 * 2**30) and known.of(other) == estimate(other)


def test_a_process_knows_its_memory() -> None:
    before = system.held_memory()
    if before is None or system.free_memory() is None:
        pytest.skip("the system does not tell")
    system.forget_peak()
    big = mmap.mmap(-1, 150_000_000)  # from the system: the allocator may have as much left over from earlier tests
    for place in range(0, len(big), mmap.PAGESIZE):
        big[place] = 1
    assert system.peak_memory() - before > 100_000_000 and system.free_memory() > 0
    assert 1 <= system.cores() <= (os.cpu_count() or 1)
    big.close()


def test_what_was_freed_below_the_top_of_the_heap_goes_back() -> None:
    if not sys.platform.startswith("linux") or platform.libc_ver()[0] != "glibc":
        pytest.skip("another C library")
    held = [bytearray(b"1" * 100_000) for _ in range(2000)]  # below glibc's limit for blocks of their own
    pin = [bytearray(100_000) for _ in range(2)]
    before = system.held_memory()
    del held
    system.release_memory()
    assert before - system.held_memory() > 150_000_000 and len(pin) == 2


PRODUCTS = """
import torch
from stilts_xtreme.utils import system
layer, before = torch.nn.Linear(384, 384), None
for rows in range(100, 500, 2):
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        layer(torch.zeros(rows, 384))
    if before is None:
        before = system.held_memory()
system.release_memory()
print(system.held_memory() - before)
"""


def test_products_of_many_shapes_leave_little_behind() -> None:
    def left(**given: str) -> int:
        own = {name: value for name, value in os.environ.items() if name not in PRODUCT_CACHES}
        command = [sys.executable, "-c", PRODUCTS]
        return int(subprocess.run(command, env=own | given, capture_output=True, text=True, check=True).stdout)

    if system.held_memory() is None or (without := left()) < 50e6:
        pytest.skip("nothing is left behind here anyway")
    assert left(**dict.fromkeys(PRODUCT_CACHES, "16")) < without / 2 and left(**PRODUCT_CACHES) < without


def test_a_stage_that_runs_counts_with_what_its_process_holds(tmp_path: Path) -> None:
    stages = [plan.Train(ENCODER, ("text",), TEXT.recipe, seed, ()) for seed in range(2)]
    held = system.held_memory(os.getpid())
    if held is None:
        pytest.skip("the system does not tell")
    room = parallel._MemoryScheduler(held, Told(dict.fromkeys(map(plan.address, stages), held // 8)), print)
    assert room.of(stages[1:], stages[:1], 1, SimpleNamespace(_processes={})) == stages[1:]
    room.workers[plan.address(stages[0])] = os.getpid()  # its process holds all there is
    assert room.of(stages[1:], stages[:1], 1, SimpleNamespace(_processes={})) == []


def test_of_a_slurm_job_only_its_processors_count(monkeypatch) -> None:
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", "1")
    assert system.cores() == 1


def rest(stage: plan.Stage, store: Store, options: Options, tell: object) -> bool:
    """In place of a stage's work: note when it began and ended."""
    began = time.time()
    time.sleep(1.0)
    (store.root / f"{plan.address(stage)}.json").write_text(json.dumps([began, time.time()]))
    return True


class Told(MemoryEstimates):
    def __init__(self, sizes: dict[str, int]):
        self.sizes = sizes

    def of(self, stage: plan.Stage) -> int:
        return self.sizes[plan.address(stage)]

    def learn(self, stage: plan.Stage) -> None:
        pass


def test_processes_stay_within_memory_and_one_that_never_fits_runs_alone(tmp_path: Path) -> None:
    stages = [plan.Train(ENCODER, ("text",), TEXT.recipe, seed, ()) for seed in range(6)]
    gib = 2**30
    sizes = dict(zip(map(plan.address, stages), [6 * gib, 6 * gib, 3 * gib, 30 * gib, 3 * gib, 6 * gib]))
    notes: list[str] = []
    failed = parallel.run(
        stages, Store(tmp_path), Options(), lambda event: notes.append(event.note), rest, 3, 10 * gib, Told(sizes)
    )  # fmt: skip
    assert not failed
    times = {name: json.loads((tmp_path / f"{name}.json").read_text()) for name in sizes}
    most = 0
    for name, (began, _) in times.items():
        beside = [other for other, (first, last) in times.items() if first <= began < last]
        most = max(most, len(beside))
        assert sum(sizes[other] for other in beside) <= 10 * gib or beside == [name]
    assert most > 1
    assert [note for note in notes if "runs alone" in note] == [
        "about 30.0 GiB needed, more than the 10.0 GiB there are: it runs alone"
    ]
