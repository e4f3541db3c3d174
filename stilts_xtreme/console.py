"""What commands share: loading a spec, running stages under watch, showing plans and results."""

import json
import math
import os
import re
import shlex
import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from stilts_xtreme import published, shipped
from stilts_xtreme.errors import UserError
from stilts_xtreme.shown import visible

SHIPPED = {"study": "studies", "latency": "studies", "setup": "setups"}  # kinds of spec that come with stilts, and their folder


def load(path: Path, overrides: Sequence[Any] | None, kinds: set[str] | None) -> Any:
    """The spec in a file, or the setup or study of that name that comes with stilts, of one of these kinds (None: any), with
    overrides and options laid over it.

    UserError also for what does not fit the data and the encoder that it names.
    """
    from stilts_xtreme import compatibility, spec

    return spec.load(spec_file(path, kinds), overrides or [], kinds, compatibility.problems)


def spec_file(path: Path, kinds: Collection[str] | None) -> Path:
    """The file that a spec's argument stands for: itself, or what comes with stilts under that name and is of such a kind."""
    kinds = SHIPPED if kinds is None else kinds
    named = dict.fromkeys(SHIPPED[kind] for kind in kinds if kind in SHIPPED)
    return shipped.spec(path, tuple(named)) if named else path


def scaled(spec: Path, setup: str | None, overrides: Sequence[str] | None) -> list[str]:
    """The overrides, before them that of the setup: a file, or the name of one in the folder `setups` beside the spec's, or of
    one that comes with stilts."""
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


def tested(languages: str | None, overrides: list[str]) -> list[str]:
    """The overrides, after them that of the languages a study evaluates ("de,sw"); UserError where none is named."""
    if languages is None:
        return overrides
    if not (codes := [code.strip() for code in languages.split(",") if code.strip()]):
        raise UserError("--languages: give codes with commas between them, such as de,sw")
    return [*overrides, f"languages=[{','.join(codes)}]"]


def check_encoder(path: Path, loaded: Any, scale: str = "") -> None:
    """UserError where the folder of a spec's published encoder is missing or broken; at a `scale` that a study names one with a
    short name need not have been fetched."""
    if loaded.kind == "task":
        return
    given = getattr(loaded, "setup", loaded).encoder.pretrained
    if scale and given is not None and published.unfetched(given.name):
        return
    try:
        if given is not None and (folder := published.local(given.name)) is not None:
            published.check(folder)
    except UserError as fault:
        raise UserError(f"{path}: {fault}") from None


def where(setup: Path | None, folder: Path | None, cut: bool = False) -> Any:
    """Where data is looked for: as a setup says, or a folder as it stands (`cut`: of parts); None where neither is given."""
    if cut and folder is None:
        raise UserError("--cut: goes with --data FOLDER; a setup says it itself: files: {path: FOLDER, cut: true}")
    if setup is None and folder is None:
        return None
    if setup is not None and folder is not None:
        raise UserError("--setup and --data: give one of them")
    from stilts_xtreme import planner
    from stilts_xtreme.data.read import Folder

    if folder is None:
        return planner.Planner(load(setup, None, {"setup"})).where  # type: ignore[arg-type]
    found = Folder(folder, cut)
    if not folder.is_dir():
        raise UserError(f"--data {folder}: there is no such folder")
    return found


def store_at(root: Path) -> Any:
    """The store in a folder."""
    from stilts_xtreme.store import Store

    try:
        str(root).encode()
    except UnicodeEncodeError:
        raise UserError(f"--store {root}: its name is not UTF-8, which libraries that write there ask for") from None
    return Store(root)


def stage(
    kind: str, path: Path, overrides: Sequence[Any] | None, root: Path, options: Any, dry_run: bool, as_json: bool,
    submission: Path | None = None,
) -> None:  # fmt: skip
    """Run the one stage that a spec asks for, and what it needs; print where its result is."""
    loaded = load(path, overrides, {kind})
    from stilts_xtreme import plan, planner
    from stilts_xtreme.stages import preflight

    store, stage = store_at(root), planner.resolve(loaded)
    if submission:
        from stilts_xtreme.stages import submission as handed_in

        handed_in.whole([stage])
    if dry_run:
        tree(plan.chain(stage), store, {plan.address(stage)})
        return preflight.dry(plan.chain(stage), store)
    run(plan.chain(stage), store, options, 1)
    result = store.result(stage)
    from stilts_xtreme import listing

    listing.summary(result)
    if submission:
        submit([(stage, submission)], store, submission)
    show(store.path(stage) / "result.json", result, as_json)


def written(command: str, spec: Path, overrides: Sequence[str] | None) -> str:
    """The command that makes a result, as a shell takes it, without paths of one machine."""
    shown = [re.sub(r"(\.(?:path|folder)=).*", r"\1FOLDER", override) for override in overrides or []]
    return visible(" ".join([f"stilts {command}", *(quoted(word) for word in (spec.as_posix(), *shown))]))


def quoted(word: str) -> str:
    """A word in quotes where a shell would split or expand it; lists such as seeds=[1,2] stay readable."""
    return word if re.fullmatch(r"[\w@%+=:,./\[\]-]+", word, re.ASCII) else shlex.quote(word)


def folder_name(row: str) -> str:
    """A study's row as a folder: squad>mnli as squad-then-mnli, none (en+de) as none-en+de."""
    return row.replace(">", "-then-").replace(" (", "-").rstrip(")")


def submit(parts: list[tuple[Any, Path]], store: Any, root: Path) -> None:
    """Write each finished evaluation into its folder below `root`."""
    from stilts_xtreme.stages import submission

    paths = [path for stage, folder in parts for path in submission.write(stage, store, folder)]
    print(f"submission: {root} ({len(paths)} files)", file=sys.stderr)


def options(
    device: str, threads: int | None, checkpoint_every: float = math.inf, processes: int | None = None, shard: bool = False,
    track: list[str] | None = None,
) -> Any:  # fmt: skip
    """How stages are run; UserError where there is no such device or tracker, or another number of processes than there are."""
    from stilts_xtreme import ranks
    from stilts_xtreme.stages import tracking
    from stilts_xtreme.stages.events import Options

    if device not in ("auto", "cpu"):
        raise UserError(f"--device {device}: give auto (a GPU where there is one) or cpu")
    if processes and ranks.count() not in (1, processes):
        raise UserError(f"--processes {processes}: whoever started this one started {ranks.count()}; leave it out")
    several = processes or ranks.count()
    if shard and several == 1:
        raise UserError("--shard: one process has nobody to share the weights with; give --processes, or start it with torchrun")
    return Options(device, threads, checkpoint_every, several, shard, tracking.known(track or ()))


def run(stages: list[Any], store: Any, options: Any, jobs: int | None, memory: float | None = None) -> None:
    """Finish these stages on this machine under watch, `jobs` at a time (None: see `side_by_side`), within `memory` GiB (None:
    what is free now)."""
    from stilts_xtreme import host, ranks
    from stilts_xtreme.stages import run as running

    if options.processes > 1 and jobs not in (None, 1):
        raise UserError(f"--jobs {jobs}: with --processes stages are done one after another; leave one of the two out")

    def here(todo: list[Any], tell: Any) -> None:
        bytes_ = host.free_memory() if memory is None else int(memory * 2**30)
        running.run(todo, store, options, tell, side_by_side(todo, options, jobs), bytes_, stages)

    finish(stages, store, here, options, tried=ranks.launched())


def side_by_side(todo: list[Any], options: Any, jobs: int | None) -> int:
    """How many stages run at a time: as asked, else one a core (those with several threads take several), on a GPU one."""
    from stilts_xtreme import host
    from stilts_xtreme.stages import run as running

    if jobs is not None:
        return jobs
    if options.processes > 1 or options.device != "cpu" and gpu():
        return 1
    return max(1, host.cores() // max((running.threads(one, options) for one in todo), default=1))


def finish(
    stages: list[Any], store: Any, do: Callable[[list[Any], Any], None], options: Any, tried: bool = False
) -> None:  # fmt: skip
    """Finish these stages under watch, those that are to be done by `do`; where several processes share its work, the first alone
    returns. `tried`: see `preflight.check`, which is called before."""
    from stilts_xtreme import ranks
    from stilts_xtreme.progress import watch
    from stilts_xtreme.stages import graph, preflight
    from stilts_xtreme.stages.weight_cleanup import WeightCleanup

    retention = WeightCleanup(stages, store) if options.drop and ranks.first() else None

    def unfinished() -> list[Any]:
        found = graph.unfinished(stages, store, lambda note: print(note, file=sys.stderr))
        if retention:
            retention.sweep()  # what was done before
        preflight.check(found, store, lambda note: print(note, file=sys.stderr), options.drop, tried)
        return found

    notes: set[str] = set()

    def watched(todo: list[Any], show: Callable[[Any], None]) -> None:
        def tell(event: Any) -> None:
            if not event.once or event.note not in notes:
                show(event)
            if event.once:
                notes.add(event.note)
            if retention and event.state == "done":
                retention.after(event.address)

        do(todo, tell)

    if ranks.count() > 1:
        return _shared(stages, unfinished, watched, options.device)
    if not (todo := unfinished()):
        return
    if options.processes > 1:
        from stilts_xtreme import launch

        return launch.again(options.processes)
    with watch(todo, max(0, len(stages) - len(todo))) as show:
        watched(todo, show)


def _shared(stages: list[Any], unfinished: Callable[[], list[Any]], do: Callable[[list[Any], Any], None], device: str) -> None:
    from stilts_xtreme import plan, ranks
    from stilts_xtreme.progress import watch

    ranks.join(device)
    with ranks.together():
        ours = {plan.address(stage): stage for stage in plan.ordered(stages)}
        wanted = ranks.broadcast(lambda: [plan.address(stage) for stage in unfinished()])
        if other := [address for address in wanted if address not in ours]:
            raise UserError(f"process {ranks.rank()}: does not plan {other[0]}: its spec or its data is not that of process 0")
        todo = [ours[address] for address in wanted]
        with watch(todo, len(ours) - len(todo)) if ranks.first() else nullcontext(lambda event: None) as tell:
            do(todo, tell)
    ranks.leave()


def gpu() -> bool:
    """Whether there is one; on Linux without a driver this is known without waiting for torch."""
    if sys.platform == "linux" and not os.path.exists("/dev/kfd"):  # AMD's
        import ctypes

        try:
            ctypes.CDLL("libcuda.so.1")
        except OSError:
            return False
    import torch

    return torch.cuda.is_available()


def tree(stages: list[Any], store: Any, wanted: set[str]) -> None:
    """Print the plan: every stage under the one it starts from."""
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


def show(path: Path, content: dict[str, Any], as_json: bool) -> None:
    print(json.dumps(content, indent=1, ensure_ascii=False) if as_json else path)
