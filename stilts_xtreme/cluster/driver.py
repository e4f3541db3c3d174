"""Submits what is ready, looks what became of it, and submits what that makes ready, until all is done."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from stilts_xtreme import plan, stop
from stilts_xtreme.cluster import rounds
from stilts_xtreme.cluster.packs import packs
from stilts_xtreme.cluster.queue import Job, Queue, Refused
from stilts_xtreme.cluster.rounds import Rounds, Slot
from stilts_xtreme.errors import Interrupted, RunFailed, UserError
from stilts_xtreme.stages import graph, logged
from stilts_xtreme.stages.events import Event, Tell, done
from stilts_xtreme.store import Store

TRIES = 3  # jobs in a row that may end without a result and without having got on
MOST = 1000  # jobs of an array: what Slurm takes unless it was configured otherwise
SHORTEST, LONGEST = 1.0, 15.0  # seconds between two looks at the queue: shorter while things happen
SILENT = 600.0  # seconds that Slurm may leave us without an answer


def run(todo: Sequence[plan.Stage], store: Store, tell: Tell, queue: Queue) -> None:
    """Get these stages done by jobs; what they need is among them or finished. As `stages.run.run`, but for this:

    jobs that are in the queue already, of whoever, count; a stage whose jobs end without a result is submitted again, until
    `TRIES` in a row did not get on. When we are stopped, jobs go on.
    """
    driver = _Driver(
        store, tell, queue, rounds.at(store), {plan.address(stage): stage for stage in graph.most_needed_first(todo)}
    )
    try:
        driver.drive()
    except Interrupted:
        if driver.alive:
            driver.say(f"{len(driver.alive)} jobs stay in the queue; to end them: scancel --name={queue.name}")
        raise
    if driver.failed:
        raise graph.verdict(driver.failed, todo)


@dataclass
class _Driver:
    store: Store
    tell: Tell
    queue: Queue
    rounds: Rounds
    waiting: dict[str, plan.Stage]
    given: dict[str, Slot] = field(default_factory=dict)  # to which job a stage was given last, by address
    alive: list[Job] = field(default_factory=list)  # jobs of this store's rounds in the queue
    failed: graph.Failed = field(default_factory=dict)
    # By address: number of the last checkpoint, and jobs since that kept none.
    tries: dict[str, tuple[int, int]] = field(default_factory=dict)
    said: str = ""

    def drive(self) -> None:
        pause, answered = SHORTEST, time.monotonic()
        while self._unfinished():
            stop.check()
            before = len(self.waiting), {(job.id, job.state) for job in self.alive}
            try:
                with self.rounds.alone():
                    self._look()
                    self._submit()
                answered = time.monotonic()
            except OSError as fault:
                if time.monotonic() - answered > SILENT:
                    silent = f"Slurm has not answered for {SILENT / 60:.0f} minutes"
                    raise RunFailed(f"{silent}: {fault}; jobs go on, run the same command again") from None
                self.say(f"Slurm does not answer: {fault}")
            self._show()
            same = before == (len(self.waiting), {(job.id, job.state) for job in self.alive})
            pause = min(LONGEST, pause * 1.5) if same else SHORTEST
            time.sleep(pause)
        with self.rounds.alone():
            self.rounds.tidy(self.store)

    def say(self, text: str) -> None:
        """What must be read, once."""
        if text != self.said:
            self.tell(Event("slurm", "running", "jobs", note=text, lasting=True))
        self.said = text

    def _unfinished(self) -> bool:
        """Take out what is finished and what cannot be begun; whether anything is left."""
        for folder in {self.store.path(stage).parent for stage in self.waiting.values()}:
            if folder.is_dir():
                os.listdir(folder)  # a cluster's file system looks again
        for name, stage in list(self.waiting.items()):
            if self.store.done(stage):
                del self.waiting[name]
                self.tell(done(stage, self.store))
            elif name in self.failed or graph.blocked(stage, self.failed):
                del self.waiting[name]
        return bool(self.waiting)

    def _look(self) -> None:
        """See which jobs there are, and what became of those that there were; OSError where Slurm does not answer."""
        jobs, known = self.queue.jobs(), dict[str, list[list[str]]]()
        self.alive, busy = [], dict[str, Slot]()
        for job in jobs:
            if job.round not in known:
                known[job.round] = self.rounds.packs(job.round)
            if job.index < len(known[job.round]):
                self.alive.append(job)
                busy |= dict.fromkeys(known[job.round][job.index], Slot(job.round, job.index))
        gone = {name: slot for name, slot in self.given.items() if name in self.waiting and name not in busy}
        self._unfinished()  # after the look at the queue: a job that has left it has written all it will
        for name, slot in gone.items():
            del self.given[name]
            if name in self.waiting:
                self._ended(name, slot)
        self._unfinished()
        self.given |= {name: slot for name, slot in busy.items() if name in self.waiting}

    def _ended(self, name: str, slot: Slot) -> None:
        """A stage's job is gone, and there is no result."""
        stage, failures = self.waiting[name], self.rounds.failures(slot)
        if told := failures.get(name):
            kind = UserError if told["kind"] == "input" else RunFailed
            return graph.note(self.failed, stage, kind(told["said"]), self.tell)
        packs_ = self.rounds.packs(slot.round)[slot.index : slot.index + 1]
        at = next((one for pack in packs_ for one in pack if one in self.waiting and one not in failures), name)
        if name != at or not graph.ready(stage, self.store):
            return  # the job ended at another, and had not begun this one
        reached, count = self.tries.get(name, (0, 0))
        now = self.store.checkpoints(stage).last()
        self.tries[name] = now, 0 if now > reached else count + 1
        words = self.rounds.last_words(slot)
        if self.tries[name][1] < TRIES:
            self.say(f"{stage.label} {name}: its job is gone without a result, {words}; it is submitted again")
        else:
            fault = RunFailed(f"{TRIES} jobs in a row were gone without a result and without getting on; {words}")
            graph.note(self.failed, stage, fault, self.tell)

    def _submit(self) -> None:
        """Submit what is ready and given to no job, as far as the limit of jobs allows."""
        for stage in list(self.waiting.values()):
            for start in graph.starts(stage):
                if not self.store.done(start) and plan.address(start) not in self.failed:  # a job found it damaged
                    self.waiting.setdefault(plan.address(start), start)
        open_ = [stage for name, stage in self.waiting.items() if name not in self.given]
        found = packs([stage for stage in open_ if graph.ready(stage, self.store)], open_)
        limit = self.queue.settings.limit
        room = len(found) if limit is None else max(0, limit - len(self.alive))
        found = found[: min(room, MOST)]
        if not found:
            return
        names = [[plan.address(stage) for stage in pack] for pack in found]
        folder = self.rounds.new(names)
        try:
            number = self.queue.submit(folder, len(names))
        except Refused as fault:
            self.rounds.discard(folder)
            if not self.alive:
                raise UserError(f"Slurm takes no job of ours: {fault}") from None
            return self.say(f"Slurm takes no more jobs now: {fault}")
        for index, pack in enumerate(names):
            self.given |= dict.fromkeys(pack, Slot(folder.name, index))
        self.say(f"submitted array {number}: {len(names)} jobs for {sum(map(len, names))} stages; logs in {folder}")

    def _show(self) -> None:
        """Tell where the running stages are, and how many jobs wait for what."""
        now, running = time.time(), {Slot(job.round, job.index): job for job in self.alive if job.state == "RUNNING"}
        for name, slot in self.given.items():
            stage = self.waiting.get(name)
            if stage is None or slot not in running or not self.store.scratch(stage).is_dir():
                continue
            found, job = logged.last(stage, self.store, now), running[slot]
            step, loss = (found.step, found.loss) if found else (0, None)
            self.tell(
                Event(name, "running", stage.label, step, 0, loss, note=f"job {job.id}" + (f" step {step}" if step else ""))
            )
        pending = [job for job in self.alive if job.state == "PENDING"]
        why = ", ".join(sorted({job.reason for job in pending if job.reason not in ("", "None")}))
        told = f"{len(running)} running, {len(pending)} waiting" + (f" ({why})" if why else "")
        self.tell(Event("slurm", "running", "jobs", note=told))
