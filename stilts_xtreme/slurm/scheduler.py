"""Submit ready stages, watch their jobs, and submit what becomes ready, until all stages are finished."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from stilts_xtreme.pipeline import plan
from stilts_xtreme.slurm import submissions
from stilts_xtreme.slurm.batches import batch_stages
from stilts_xtreme.slurm.queue import Job, Queue, Refused
from stilts_xtreme.slurm.submissions import ArrayTask, Submissions
from stilts_xtreme.stages import graph
from stilts_xtreme.stages.events import Event, ProgressCallback, done
from stilts_xtreme.stages.last_step import read_last_step
from stilts_xtreme.store import Store
from stilts_xtreme.utils import signals
from stilts_xtreme.utils.errors import Interrupted, RunFailed, UserError

MAX_TRIES = 3  # jobs in a row that may end without a result and without a new checkpoint
MAX_ARRAY = 1000  # jobs of an array: Slurm's default limit
MIN_PAUSE, MAX_PAUSE = 1.0, 15.0  # seconds between two looks at the queue: shorter while jobs change
MAX_SILENCE = 600.0  # seconds without an answer from Slurm


def run(todo: Sequence[plan.Stage], store: Store, callback: ProgressCallback, queue: Queue) -> None:
    """Finish these stages by jobs; every stage they depend on is among them or finished.

    Differences to `stages.run.run`: jobs that are already in the queue count, whoever submitted them; a stage whose job ends
    without a result is submitted again, until `MAX_TRIES` jobs in a row wrote no new checkpoint. On an interrupt, jobs go on.
    Raises RunFailed or UserError for failed stages, and RunFailed if Slurm does not answer for `MAX_SILENCE` seconds.
    """
    waiting = {plan.address(stage): stage for stage in graph.most_needed_first(todo)}
    scheduler = _Scheduler(store, callback, queue, submissions.of_store(store), waiting)
    try:
        scheduler.loop()
    except Interrupted:
        if scheduler.alive:
            scheduler.say(f"{len(scheduler.alive)} jobs stay in the queue; to end them: scancel --name={queue.name}")
        raise
    if scheduler.failed:
        raise graph.summarize_failures(scheduler.failed, todo)


@dataclass
class _Scheduler:
    """State of the loop; stages are keyed by fingerprint."""

    store: Store
    callback: ProgressCallback
    queue: Queue
    submissions: Submissions
    waiting: dict[str, plan.Stage]
    assigned: dict[str, ArrayTask] = field(default_factory=dict)  # the latest job of a stage
    alive: list[Job] = field(default_factory=list)  # jobs of this store in the queue
    failed: graph.Failed = field(default_factory=dict)
    tries: dict[str, tuple[int, int]] = field(default_factory=dict)  # last checkpoint's number, jobs since then without another
    last_message: str = ""

    def loop(self) -> None:
        pause, answered = MIN_PAUSE, time.monotonic()
        while self._drop_finished():
            signals.check()
            before = len(self.waiting), {(job.id, job.state) for job in self.alive}
            try:
                with self.submissions.locked():
                    self._check_queue()
                    self._submit()
                answered = time.monotonic()
            except OSError as error:
                if time.monotonic() - answered > MAX_SILENCE:
                    silent = f"Slurm has not answered for {MAX_SILENCE / 60:.0f} minutes"
                    raise RunFailed(f"{silent}: {error}; jobs go on, run the same command again") from None
                self.say(f"Slurm does not answer: {error}")
            self._report()
            same = before == (len(self.waiting), {(job.id, job.state) for job in self.alive})
            pause = min(MAX_PAUSE, pause * 1.5) if same else MIN_PAUSE
            time.sleep(pause)
        with self.submissions.locked():
            self.submissions.remove_finished(self.store)

    def say(self, text: str) -> None:
        """Report a message to keep on screen, unless it repeats the last message."""
        if text != self.last_message:
            self.callback(Event("slurm", "running", "jobs", note=text, persistent=True))
        self.last_message = text

    def _drop_finished(self) -> bool:
        """Drop stages that are finished or cannot start; return whether any are left."""
        for folder in {self.store.path(stage).parent for stage in self.waiting.values()}:
            if folder.is_dir():
                os.listdir(folder)  # makes a network file system refresh its cache
        for name, stage in list(self.waiting.items()):
            if self.store.done(stage):
                del self.waiting[name]
                self.callback(done(stage, self.store))
            elif name in self.failed or graph.blocked(stage, self.failed):
                del self.waiting[name]
        return bool(self.waiting)

    def _check_queue(self) -> None:
        """Update `alive` and `assigned`, and handle jobs that left the queue; OSError if Slurm does not answer."""
        jobs, batches = self.queue.jobs(), dict[str, list[list[str]]]()
        self.alive, busy = [], dict[str, ArrayTask]()
        for job in jobs:
            if job.submission not in batches:
                batches[job.submission] = self.submissions.batches(job.submission)
            if job.index < len(batches[job.submission]):
                self.alive.append(job)
                busy |= dict.fromkeys(batches[job.submission][job.index], ArrayTask(job.submission, job.index))
        ended = {name: task for name, task in self.assigned.items() if name in self.waiting and name not in busy}
        self._drop_finished()  # after looking at the queue: a job that has left it has written its results
        for name, task in ended.items():
            del self.assigned[name]
            if name in self.waiting:
                self._handle_ended(name, task)
        self._drop_finished()
        self.assigned |= {name: task for name, task in busy.items() if name in self.waiting}

    def _handle_ended(self, name: str, task: ArrayTask) -> None:
        """Handle a stage whose job ended without a result: record its failure, or let it be submitted again."""
        stage, failures = self.waiting[name], self.submissions.failures(task)
        if failure := failures.get(name):
            kind = UserError if failure["kind"] == "input" else RunFailed
            return graph.note(self.failed, stage, kind(failure["said"]), self.callback)
        batches = self.submissions.batches(task.submission)[task.index : task.index + 1]
        unfinished = (other for batch in batches for other in batch if other in self.waiting and other not in failures)
        if name != next(unfinished, name) or not graph.ready(stage, self.store):
            return  # the job ended at an earlier stage and had not started this stage
        last, count = self.tries.get(name, (0, 0))
        checkpoint = self.store.checkpoints(stage).last()
        self.tries[name] = checkpoint, 0 if checkpoint > last else count + 1
        log_end = self.submissions.describe_log_end(task)
        if self.tries[name][1] < MAX_TRIES:
            self.say(f"{stage.label} {name}: its job is gone without a result, {log_end}; it is submitted again")
        else:
            error = RunFailed(f"{MAX_TRIES} jobs in a row were gone without a result and without getting on; {log_end}")
            graph.note(self.failed, stage, error, self.callback)

    def _submit(self) -> None:
        """Submit ready stages that have no job, within the limit of jobs."""
        for stage in list(self.waiting.values()):
            for start in graph.starts(stage):
                # A start that was finished is not any more if a job found it damaged.
                if not self.store.done(start) and plan.address(start) not in self.failed:
                    self.waiting.setdefault(plan.address(start), start)
        unassigned = [stage for name, stage in self.waiting.items() if name not in self.assigned]
        batches = batch_stages([stage for stage in unassigned if graph.ready(stage, self.store)], unassigned)
        limit = self.queue.settings.limit
        free = len(batches) if limit is None else max(0, limit - len(self.alive))
        batches = batches[: min(free, MAX_ARRAY)]
        if not batches:
            return
        names = [[plan.address(stage) for stage in batch] for batch in batches]
        folder = self.submissions.create(names)
        try:
            number = self.queue.submit(folder, len(names))
        except Refused as error:
            self.submissions.discard(folder)
            if not self.alive:
                raise UserError(f"Slurm takes no job of ours: {error}") from None
            return self.say(f"Slurm takes no more jobs now: {error}")
        for index, batch in enumerate(names):
            self.assigned |= dict.fromkeys(batch, ArrayTask(folder.name, index))
        self.say(f"submitted array {number}: {len(names)} jobs for {sum(map(len, names))} stages; logs in {folder}")

    def _report(self) -> None:
        """Report the step and loss of running stages, and how many jobs wait and why."""
        now = time.time()
        running = {ArrayTask(job.submission, job.index): job for job in self.alive if job.state == "RUNNING"}
        for name, task in self.assigned.items():
            stage = self.waiting.get(name)
            if stage is None or task not in running or not self.store.scratch(stage).is_dir():
                continue
            last_step, job = read_last_step(stage, self.store, now), running[task]
            step, loss = (last_step.step, last_step.loss) if last_step else (0, None)
            note = f"job {job.id}" + (f" step {step}" if step else "")
            self.callback(Event(name, "running", stage.label, step, 0, loss, note=note))
        pending = [job for job in self.alive if job.state == "PENDING"]
        reasons = ", ".join(sorted({job.reason for job in pending if job.reason not in ("", "None")}))
        note = f"{len(running)} running, {len(pending)} waiting" + (f" ({reasons})" if reasons else "")
        self.callback(Event("slurm", "running", "jobs", note=note))
