"""Shared by commands: load a spec, run stages with progress, print plans and results."""

import json
import math
import os
import re
import shlex
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from stilts_xtreme import published, shipped
from stilts_xtreme.utils.errors import UserError
from stilts_xtreme.utils.sanitize import visible

if TYPE_CHECKING:  # imported for real where a command needs them
    from stilts_xtreme.data.read import Where
    from stilts_xtreme.plan import Predict, Stage
    from stilts_xtreme.spec import Evaluation, Intermediate, Multitask, Setup, Spec, Study, Target
    from stilts_xtreme.spec.base import Option
    from stilts_xtreme.spec.latency import Latency
    from stilts_xtreme.stages.events import Event, Options, ProgressCallback
    from stilts_xtreme.store import Store

    Do = Callable[[list[Stage], ProgressCallback], None]  # does stages that are to be done

T = TypeVar("T")
SHIPPED = {"study": "studies", "latency": "studies", "setup": "setups"}  # kinds of spec that come with stilts, and their folder


def load(path: Path, overrides: "Sequence[str | Option] | None", kinds: set[str] | None) -> "Spec":
    """Load the spec in a file, or the setup or study of that name that comes with stilts, with overrides applied.

    `kinds`: the kinds of spec that are accepted (None: any). UserError for what is wrong with the spec, or does not fit the data
    and the encoder that it names.
    """
    from stilts_xtreme import compatibility, spec

    return spec.load(spec_file(path, kinds), overrides or [], kinds, compatibility.problems)


def load_study(path: Path, overrides: "Sequence[str | Option] | None") -> "Study":
    """Load a study as `load` does."""
    return cast("Study", load(path, overrides, {"study"}))


def load_latency(path: Path, overrides: "Sequence[str | Option] | None") -> "Latency":
    """Load a latency spec as `load` does."""
    return cast("Latency", load(path, overrides, {"latency"}))


def load_setup(path: Path, overrides: "Sequence[str | Option] | None") -> "Setup":
    """Load a setup as `load` does."""
    return cast("Setup", load(path, overrides, {"setup"}))


def spec_file(path: Path, kinds: Collection[str] | None) -> Path:
    """Return the file that a spec's argument stands for: itself, or what comes with stilts under that name, of such a kind."""
    kinds = SHIPPED if kinds is None else kinds
    named = dict.fromkeys(SHIPPED[kind] for kind in kinds if kind in SHIPPED)
    return shipped.spec(path, tuple(named)) if named else path


def scaled(spec: Path, setup: str | None, overrides: Sequence[str] | None) -> list[str]:
    """Return the overrides, before them that of the setup: a file, or a name in the folder `setups` beside the spec's or in what
    comes with stilts. UserError if there is no such setup."""
    if setup is None:
        return list(overrides or [])
    beside = spec_file(spec, None).parent.parent / "setups"
    file = Path(setup) if setup.endswith(".yaml") else beside / f"{setup}.yaml"
    if not file.is_file() and (known := shipped.file("setups", setup)):
        file = known
    if not os.path.isfile(file):
        there = ", ".join(sorted({*(path.stem for path in beside.glob("*.yaml")), *shipped.names("setups")}))
        raise UserError(f"--setup {setup}: there is no {file}; give a file, or one of {there}")
    return [f"setup={file}", *(overrides or [])]


def tested(languages: str | None, overrides: Sequence[T]) -> list[T | str]:
    """Return the overrides, after them that of the languages a study evaluates ("de,sw"); UserError if none is named."""
    if languages is None:
        return [*overrides]
    if not (codes := [code.strip() for code in languages.split(",") if code.strip()]):
        raise UserError("--languages: give codes with commas between them, such as de,sw")
    return [*overrides, f"languages=[{','.join(codes)}]"]


def check_encoder(path: Path, loaded: "Spec", scale: str = "") -> None:
    """Raise UserError if the folder of a spec's published encoder is missing or broken; at a `scale` that a study names, an
    encoder with a short name need not have been fetched."""
    if loaded.kind == "task":
        return
    setup = cast("Setup", getattr(loaded, "setup", loaded))  # of a setup itself
    given = setup.encoder.pretrained
    if scale and given is not None and published.unfetched(given.name):
        return
    try:
        if given is not None and (folder := published.local(given.name)) is not None:
            published.check(folder)
    except UserError as fault:
        raise UserError(f"{path}: {fault}") from None


def where(setup: Path | None, folder: Path | None, cut: bool = False) -> "Where | None":
    """Return where data is read from: as a setup says, or a folder (`cut`: of parts); None if neither is given.

    UserError if both are given, or the folder is missing.
    """
    if cut and folder is None:
        raise UserError("--cut: goes with --data FOLDER; a setup says it itself: files: {path: FOLDER, cut: true}")
    if setup is None and folder is None:
        return None
    if setup is not None and folder is not None:
        raise UserError("--setup and --data: give one of them")
    from stilts_xtreme import planner
    from stilts_xtreme.data.read import Folder

    if folder is None:
        assert setup is not None
        return planner.Planner(load_setup(setup, None)).where
    place = Folder(folder, cut)
    if not folder.is_dir():
        raise UserError(f"--data {folder}: there is no such folder")
    return place


def store_at(root: Path) -> "Store":
    """Return the store in a folder; UserError for a name that is not UTF-8."""
    from stilts_xtreme.store import Store

    try:
        str(root).encode()
    except UnicodeEncodeError:
        raise UserError(f"--store {root}: its name is not UTF-8, which libraries that write there ask for") from None
    return Store(root)


def stage(
    kind: str, path: Path, overrides: "Sequence[str | Option] | None", root: Path, options: "Options", dry_run: bool,
    as_json: bool, submission: Path | None = None,
) -> None:  # fmt: skip
    """Run the stage that a spec asks for, and what it needs; print where its result is.

    UserError as `load`, and as `preflight.check`; RunFailed if a stage failed.
    """
    loaded = cast("Intermediate | Multitask | Target | Evaluation", load(path, overrides, {kind}))
    from stilts_xtreme import plan, planner
    from stilts_xtreme.stages import preflight

    store, stage = store_at(root), planner.resolve(loaded)
    if submission:
        from stilts_xtreme.stages import submission as submissions

        submissions.whole([stage])
    if dry_run:
        tree(plan.chain(stage), store, {plan.address(stage)})
        return preflight.dry(plan.chain(stage), store)
    run(plan.chain(stage), store, options, 1)
    result = store.result(stage)
    from stilts_xtreme import listing

    listing.summary(result)
    if submission:
        submit([(cast(plan.Predict, stage), submission)], store, submission)
    show(store.path(stage) / "result.json", result, as_json)


def written(command: str, spec: Path, overrides: Sequence[str] | None) -> str:
    """Return the command that computes a result, as a shell takes it, without paths of this machine."""
    shown = [re.sub(r"(\.(?:path|folder)=).*", r"\1FOLDER", override) for override in overrides or []]
    return visible(" ".join([f"stilts {command}", *(quoted(word) for word in (spec.as_posix(), *shown))]))


def quoted(word: str) -> str:
    """Return a word, in quotes if a shell would split or expand it; lists such as seeds=[1,2] stay readable."""
    return word if re.fullmatch(r"[\w@%+=:,./\[\]-]+", word, re.ASCII) else shlex.quote(word)


def folder_name(row: str) -> str:
    """Return a study's row as the name of a folder: squad>mnli as squad-then-mnli, none (en+de) as none-en+de."""
    return row.replace(">", "-then-").replace(" (", "-").rstrip(")")


def submit(parts: "list[tuple[Predict, Path]]", store: "Store", root: Path) -> None:
    """Write each finished evaluation into its folder below `root`."""
    from stilts_xtreme.stages import submission

    paths = [path for stage, folder in parts for path in submission.write(stage, store, folder)]
    print(f"submission: {root} ({len(paths)} files)", file=sys.stderr)


def options(
    device: str, threads: int | None, checkpoint_every: float = math.inf, processes: int | None = None, shard: bool = False,
    track: list[str] | None = None,
) -> "Options":  # fmt: skip
    """Return how stages are run; UserError for an unknown device or tracker, or another number of processes than was started."""
    from stilts_xtreme import ranks
    from stilts_xtreme.stages import tracking
    from stilts_xtreme.stages.events import Options

    if device not in ("auto", "cpu"):
        raise UserError(f"--device {device}: give auto (a GPU where there is one) or cpu")
    if processes and ranks.count() not in (1, processes):
        raise UserError(f"--processes {processes}: {ranks.count()} processes were started already; leave it out")
    several = processes or ranks.count()
    if shard and several == 1:
        raise UserError("--shard: a single process cannot share the weights; give --processes, or start it with torchrun")
    return Options(device, threads, checkpoint_every, several, shard, tracking.known(track or ()))


def run(
    stages: "list[Stage]", store: "Store", options: "Options", jobs: int | None, memory: float | None = None
) -> None:  # fmt: skip
    """Finish these stages on this machine, `jobs` at a time (None: see `side_by_side`), within `memory` GiB (None: what is free).

    UserError and RunFailed as `stages.run.run`.
    """
    from stilts_xtreme import ranks
    from stilts_xtreme.stages import run as running
    from stilts_xtreme.utils import system

    if options.processes > 1 and jobs not in (None, 1):
        raise UserError(f"--jobs {jobs}: with --processes stages are done in turn; leave --jobs or --processes out")

    def here(todo: "list[Stage]", callback: "ProgressCallback") -> None:
        bytes_ = system.free_memory() if memory is None else int(memory * 2**30)
        running.run(todo, store, options, callback, side_by_side(todo, options, jobs), bytes_, stages)

    finish(stages, store, here, options, tried=ranks.launched())


def side_by_side(todo: "list[Stage]", options: "Options", jobs: int | None) -> int:
    """Return how many stages run at a time: as asked, else as many as cores over threads; 1 on a GPU."""
    from stilts_xtreme.stages import run as running
    from stilts_xtreme.utils import system

    if jobs is not None:
        return jobs
    if options.processes > 1 or options.device != "cpu" and gpu():
        return 1
    return max(1, system.cores() // max((running.threads(stage, options) for stage in todo), default=1))


def finish(
    stages: "list[Stage]", store: "Store", do: "Do", options: "Options", tried: bool = False
) -> None:  # fmt: skip
    """Finish these stages with progress on the terminal: `do` does those that are not done. Of several processes only the first
    returns. `tried`: see `preflight.check`, which is called before and whose errors are raised."""
    from stilts_xtreme import ranks
    from stilts_xtreme.progress import watch
    from stilts_xtreme.stages import graph, preflight
    from stilts_xtreme.stages.weight_cleanup import WeightCleanup

    cleanup = WeightCleanup(stages, store) if options.drop and ranks.first() else None

    def unfinished() -> "list[Stage]":
        todo = graph.unfinished(stages, store, lambda note: print(note, file=sys.stderr))
        if cleanup:
            cleanup.sweep()  # what was done before
        preflight.check(todo, store, lambda note: print(note, file=sys.stderr), options.drop, tried)
        return todo

    notes: set[str] = set()

    def watched(todo: "list[Stage]", show: "ProgressCallback") -> None:
        def callback(event: "Event") -> None:
            if not event.once or event.note not in notes:
                show(event)
            if event.once:
                notes.add(event.note)
            if cleanup and event.state == "done":
                cleanup.after(event.address)

        do(todo, callback)

    if ranks.count() > 1:
        return _shared(stages, unfinished, watched, options.device)
    if not (todo := unfinished()):
        return
    if options.processes > 1:
        from stilts_xtreme import launch

        return launch.again(options.processes)
    with watch(todo, max(0, len(stages) - len(todo))) as show:
        watched(todo, show)


def _shared(stages: "list[Stage]", unfinished: "Callable[[], list[Stage]]", do: "Do", device: str) -> None:
    from stilts_xtreme import plan, ranks
    from stilts_xtreme.progress import watch

    ranks.join(device)
    with ranks.together():
        ours = {plan.address(stage): stage for stage in plan.ordered(stages)}
        wanted = ranks.broadcast(lambda: [plan.address(stage) for stage in unfinished()])
        if other := [address for address in wanted if address not in ours]:
            raise UserError(f"process {ranks.rank()}: does not plan {other[0]}: its spec or its data is not that of process 0")
        todo = [ours[address] for address in wanted]
        with watch(todo, len(ours) - len(todo)) if ranks.first() else nullcontext(lambda event: None) as callback:
            do(todo, callback)
    ranks.leave()


def gpu() -> bool:
    """Return whether there is a GPU; on Linux without a driver this is known without importing torch."""
    if sys.platform == "linux" and not os.path.exists("/dev/kfd"):  # AMD's
        import ctypes

        try:
            ctypes.CDLL("libcuda.so.1")
        except OSError:
            return False
    import torch

    return torch.cuda.is_available()


def tree(stages: "list[Stage]", store: "Store", wanted: set[str]) -> None:
    """Print the plan: every stage below the stage it starts from."""
    from stilts_xtreme import plan

    uses: dict[str, int] = {}
    for stage in stages:
        if earlier := plan.before(stage):
            uses[plan.address(earlier)] = uses.get(plan.address(earlier), 0) + 1
    counts = {"done": 0, "to do": 0}
    for depth, stage in plan.walk(stages):
        state = "done" if store.done(stage) else "to do"
        counts[state] += 1
        shared = f", shared by {uses[plan.address(stage)]}" if uses.get(plan.address(stage), 0) > 1 else ""
        print(f"{'   ' * depth}{plan.kind(stage)} {stage.label} {plan.address(stage)}  [{state}{shared}]")
    print(f"{counts['done']} done, {counts['to do']} to do, {len(wanted)} asked for")


def show(path: Path, content: Mapping[str, object], as_json: bool) -> None:
    """Print a result as JSON, or where it is."""
    print(json.dumps(content, indent=1, ensure_ascii=False) if as_json else path)
