"""What is there of each task, whole and sound: every file read to its end, counted, compared with the release."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

from stilts_xtreme.data import expected, folder, hub, parallel, unused_files
from stilts_xtreme.data.read import TRAINING, Folder, HubCache, Miniature, Reading, Where, languages, nearest, read, scored_split
from stilts_xtreme.tasks import coverage
from stilts_xtreme.tasks.catalogue import TASKS, trained_on
from stilts_xtreme.tasks.examples import Example
from stilts_xtreme.tasks.readers.skipped import Skipped
from stilts_xtreme.tasks.task import Files, Row, Task
from stilts_xtreme.utils.errors import UserError

SPLITS = ("train", "dev", "test", "pool")


@dataclass(frozen=True)
class Entry:
    """A split of a task in a language.

    `state`: ok (as large as the release), differs (it is not), part (it is not, and the folder holds parts on purpose), read
    (nothing certain to compare with), broken, missing, unread (`source` is a file that no task looks for).
    `used` is false for a second file layout, which no run reads. `note`: what differs, every fault by file, or how to get it.
    `remark`: what is no fault of the data but has to be known of its scores. `dropped_by`, `noted`, `places` and `derived` are
    those of `data.counts.Counts`.
    """

    task: str
    split: str
    language: str
    state: str
    source: str = ""
    rows: int | None = None
    examples: int | None = None
    expected: int | None = None
    counted: str = ""
    confirmed: bool = False
    note: str = ""
    used: bool = True
    remark: str = ""
    dropped_by: Mapping[str, int] = field(default_factory=dict)
    noted: Mapping[str, int] = field(default_factory=dict)
    places: Mapping[str, Sequence[str]] = field(default_factory=dict)
    derived: str = ""


def check(names: Sequence[str], where: Where) -> Iterator[Entry]:
    """Entries of these tasks, and of those they are trained with; nothing is downloaded."""
    with hub.offline() if isinstance(where, HubCache) else nullcontext():
        for name in needed(names):
            task = replace(TASKS[name], joins=())  # what is joined has entries of its own
            try:
                yield from _task(task, nearest(task, where))
            except UserError as fault:  # an archive that cannot be opened
                yield Entry(task.name, scored_split(task), "en", "broken", note=str(fault))
    if isinstance(where, Folder):
        for path in unused_files.files(where.path):
            yield Entry("", "", "", "unread", path, note="no task looks for a file of this name", used=False)


def _task(task: Task, place: Where) -> Iterator[Entry]:
    if isinstance(place, Folder):
        yield from _folder(task, place)
    elif isinstance(place, HubCache) and hub.entry(task) is None:
        yield Entry(task.name, scored_split(task), "en", "missing", note=f"not on the hub. To get it: {task.about}")
    else:
        for split, language in sorted(_wanted(task, place), key=lambda pair: SPLITS.index(pair[0])):
            yield _entry(task, split, language, place, _reading(task, split, language, place))


def needed(names: Sequence[str]) -> list[str]:
    """These tasks and those whose data they are trained on or joined with, in the catalogue's order."""
    wanted = set(names)
    for name in names:
        wanted |= {name, *TASKS[name].joins}
        for source in trained_on(name):
            wanted |= {source, *TASKS[source].joins}
    return [name for name in TASKS if name in wanted]


def here(task: Task, where: Where | None) -> str:
    """Describe the task's splits that are in reach: nothing is read, nothing downloaded."""
    if where is None:
        cached = here(task, HubCache())
        return f"miniature; {cached}" if cached.startswith("hub, ") else "miniature"
    match nearest(task, where):
        case Miniature():
            return "embedded"
        case Folder(path, cut):
            splits = []
            files = folder.layout(task, path)
            for split in SPLITS if files else ():
                present = [code for code in languages_of(task, where) if folder.find(task, split, code, path, cut, files)]
                splits += [split if present == ["en"] else f"{split} in {len(present)}"] if present else []
            return "files: " + ", ".join(splits) if splits else "-"
        case HubCache():
            entry = hub.entry(task)
            codes = [code for code in hub.languages(task) if entry and hub.cached(entry, code)]
            return f"hub, cached: {' '.join(codes) if len(codes) < 4 else len(codes)}" if codes else "hub" if entry else "-"
    raise AssertionError(where)


def sample(task: Task, where: Where) -> tuple[str, Row, Example]:
    """The first row of the task there, scored split and English first: its source, the row, the example made of it.

    UserError where nothing is there.
    """
    fault = UserError(f"{task.name}: nothing is there to show. To get it: {task.about}")
    place = nearest(task, where)
    files = folder.layout(task, place.path) if isinstance(place, Folder) else None
    with hub.offline() if isinstance(place, HubCache) else nullcontext():
        codes = sorted(languages_of(task, place), key=lambda code: code != "en")
        for split in (scored_split(task), *SPLITS):
            for language in codes:
                match place:
                    case Folder(path, cut) if files and (own := folder.find(task, split, language, path, cut, files)):
                        rows, source = folder.rows(own, language, path), folder.source(own, path)
                    case HubCache() if (data := hub.entry(task)) and getattr(data, split, ()):  # type: ignore[arg-type]  # not every source has every split
                        names = getattr(data, split)
                        rows, source = hub.rows(data, names, language), hub.source(data, names, language)
                    case Miniature(seed):
                        from stilts_xtreme.data import miniature

                        rows, source = iter(miniature.rows(task.name, split, language, seed)), "miniature"
                    case _:
                        continue
                try:
                    for row in rows:
                        if not isinstance(row, Skipped) and (example := task.example(row)) is not None:
                            return source, row, example
                except UserError as broken:
                    fault = broken
    raise fault


def languages_of(task: Task, where: Where) -> tuple[str, ...]:
    """The task's languages that may be there; text has those for which there is a file, and so have pairs of two languages."""
    there, place = languages(task, where), nearest(task, where)
    if task.head == "mlm" or isinstance(place, Miniature):
        return there
    if task.any_language and isinstance(place, Folder):
        return tuple(dict.fromkeys((*task.languages, *there)))
    if isinstance(place, HubCache):
        dataset = hub.entry(task)
        return tuple(code for code in there if "-" not in code or dataset and hub.cached(dataset, code))
    return tuple(code for code in task.languages if "-" not in code or code in there)


def _wanted(task: Task, where: Where) -> set[tuple[str, str]]:
    """(split, language) that experiments read: English for training and choosing, the scored split in every language."""
    codes = languages_of(task, where)
    if task.head == "mlm":
        return {("train", code) for code in codes or ("en",)} | {("dev", "en")}
    scored = {(scored_split(task), code) for code in codes} | {("pool", code) for code in task.pools(codes)}
    if task.head == "embedding":
        return scored | {("dev", code) for code in codes if any(getattr(source, "dev", ()) for source in task.sources)}
    return scored | ({("train", "en"), ("dev", "en")} if task.source_task == task.name else set())


def _folder(task: Task, place: Folder) -> Iterator[Entry]:
    """Entries of every file layout that is there: runs read the first."""
    layouts = [replace(task, sources=(source,)) for source in task.sources if isinstance(source, Files)]
    present = [layout for layout in layouts if folder.layout(layout, place.path)]
    for layout in present or layouts[:1]:
        own = next(source for source in layout.sources if isinstance(source, Files))
        used, wanted = layout in (present or layouts)[:1], _wanted(task, place)
        entries = []
        for code in dict.fromkeys([*languages_of(layout, place), *(code for _, code in wanted)]):
            read_already: dict[tuple[object, ...], Reading | list[str]] = {}  # a dev file that is scored is read once
            for split in SPLITS:
                if present and (files := folder.find(layout, split, code, place.path, place.cut, own)):
                    kind = files.layout.reader, layout.to_example(split), split in TRAINING  # what decides which rows are dropped
                    same = (*kind, files.half, files.derived, *map(str, files.paths))
                    if same not in read_already:
                        read_already[same] = _reading(layout, split, code, place, files)
                    entry = _entry(layout, split, code, place, read_already[same])
                    entries.append(replace(entry, used=used, source=folder.source(files, place.path)))
                elif used and (split, code) in wanted:
                    fault = folder.missing(task, split, code, place.path, place.cut, own if present else None)
                    entries.append(Entry(task.name, split, code, "missing", note=str(fault)))
        yield from sorted(entries, key=lambda entry: SPLITS.index(entry.split))


def _reading(task: Task, split: str, language: str, where: Where, files: folder.SplitFiles | None = None) -> Reading | list[str]:
    """Return the reading, or every fault: of several files, a fault for each that is broken."""
    try:
        return read(task, split, language, where)
    except UserError as fault:
        faults = []
        for path in files.paths if files else ():
            try:
                for _ in files.layout.reader(folder.as_path(path)):  # type: ignore[union-attr]  # no paths without it
                    pass
            except UserError as error:
                faults.append(str(error))
        return faults or [str(fault)]


def _entry(task: Task, split: str, language: str, where: Where, reading: Reading | list[str]) -> Entry:
    """Return what the reading comes to, beside the size of the full release."""
    wanted = None if isinstance(where, Miniature) else expected.expected(task.name, split, language)
    entry = Entry(task.name, split, language, "read")
    if wanted:
        entry = replace(entry, expected=wanted.number, counted=wanted.counted, confirmed=wanted.confirmed)
    if isinstance(reading, list):
        cached = not isinstance(where, HubCache) or "cannot be loaded" not in reading[0]
        get = "" if cached else f"; `stilts data fetch {task.name}` loads it where there is a connection"
        return replace(entry, state="broken" if cached else "missing", note="\n".join(reading) + get)
    counts = parallel.with_difference(task, split, language, where, reading.counts)
    entry = replace(entry, source=reading.source, rows=reading.rows, examples=reading.rows - reading.dropped, **counts.record())
    if split == scored_split(task) and (fault := expected.placeholder(reading)):
        return replace(entry, state="broken", note=fault)
    labels = TASKS[task.trains_on].labels if split == "test" and task.trains_on else ()
    if gap := coverage.lacking(task, reading.examples, labels, language):
        entry = replace(entry, remark=f"trained on {task.trains_on}, {coverage.in_words(**gap)}")
    if wanted is None:
        return entry
    if fault := expected.difference(reading, wanted):
        state = "read" if not wanted.confirmed else "part" if isinstance(where, Folder) and where.cut else "differs"
        return replace(entry, state=state, note=fault if state == "differs" else "")
    return replace(entry, state="ok" if wanted.confirmed else "read")
