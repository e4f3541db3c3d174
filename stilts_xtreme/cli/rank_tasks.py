"""`stilts recommend --before-training`: rank intermediate tasks for a target that nothing was trained for."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from stilts_xtreme import api
from stilts_xtreme.cli import listing
from stilts_xtreme.cli.options import Over
from stilts_xtreme.data import read as data
from stilts_xtreme.data.read import Folder, HubCache, Release, Where
from stilts_xtreme.models import published
from stilts_xtreme.pipeline import loading, planner
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.examples import Text
from stilts_xtreme.tasks.readers.columns import labelled_tsv
from stilts_xtreme.transferability import advice, expected
from stilts_xtreme.transferability.embedding_cache import Embeddings, FileQuery
from stilts_xtreme.transferability.methods import METHODS, Query
from stilts_xtreme.transferability.past_gains import of_study, of_table
from stilts_xtreme.utils import sanitize, shipped, terminal
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import UserError


def ranked(
    studies: Sequence[Path], target: str | None, target_data: Path | None, candidates: Sequence[str], languages: Sequence[str],
    method: str, over: Over, as_json: bool,
) -> None:  # fmt: skip
    """Print a ranking of the candidates (none: all that the past study measured) for a task, or a user's file of texts.

    UserError for what does not fit together, and where data or encoder are missing.
    """
    began = time.process_time()
    if method not in METHODS:
        raise UserError(f"--method {method}: give one of {', '.join(METHODS)}")
    if (target is None) == (target_data is None):
        raise UserError("--before-training: give either --target TASK or --target-data FILE.tsv")
    if len(studies) > 1:
        raise UserError("--before-training: give one STUDY with past gains, or none")
    target, candidates = target and listing.known(target), [listing.known(name) for name in candidates]
    table = shipped.table("selection")
    past = of_study(api.read_results(studies[0]).content) if studies else of_table(table)
    left_out = target in past.gains
    remaining = past if target is None else past.without(target)
    names = tuple(dict.fromkeys(candidates)) or past.candidates
    chosen = METHODS[method]
    embeddings = _embeddings(over) if chosen.embeds else Embeddings(None, Release())
    codes = tuple(languages) or past.languages.get(target or "", ())
    if chosen.reads_text:
        codes = _with_text(embeddings, languages, codes)
    elif languages and (target is None or TASKS[target].source_task):
        print(f"--languages: {method} does not look at languages", file=sys.stderr)
        codes = ()
    query = _query(embeddings, target, target_data, codes)
    ranking = expected.ranking(chosen, query, remaining, embeddings, names)
    known = {candidate.task for candidate in ranking}
    result = advice.Ranking(
        target or str(target_data), method, tuple(ranking), tuple(name for name in names if name not in known), remaining,
        codes, embeddings.encoder, data.name(embeddings.where),
        {**embeddings.seconds, "whole": round(time.process_time() - began, 1)}, left_out,
    )  # fmt: skip
    if as_json:
        print(sanitize.as_json(advice.content(result, table)))
    else:
        _show(result, table)


def _embeddings(over: Over) -> Embeddings:
    """Return embeddings by the encoder and of the data that the options name, else those of the setup.

    UserError where the setup names no published encoder.
    """
    encoder, revision, where = over.encoder, None, _place(over)
    if encoder is None or where is None:
        file = Path(over.setup or shipped.DEFAULT_SETUP)
        setup = loading.load_setup(file, [])
        where = where or planner.Planner(setup).where
        if encoder is None:
            if setup.encoder.pretrained is None:
                raise UserError(f"setup {setup.name}: its encoder is trained by its studies; name one with --encoder FOLDER")
            encoder, revision = setup.encoder.pretrained.name, setup.encoder.pretrained.revision
    return Embeddings(str(published.local(encoder) or encoder), where, _report, revision)


def _place(over: Over) -> Where | None:
    if over.data is None:
        return None
    return HubCache() if over.data == "hub" else Folder(Path(over.data), over.cut)


def _with_text(embeddings: Embeddings, asked: Sequence[str], codes: Sequence[str]) -> tuple[str, ...]:
    """List those of `codes` (none: of all but English) that have text; UserError where a language that was asked for has none."""
    there = embeddings.text_languages
    if missing := [code for code in asked if code not in there]:
        known = ", ".join(there) or "none at all"
        raise UserError(f"--languages {missing[0]}: no plain text in it in {data.name(embeddings.where)}; there is {known}")
    return tuple(code for code in codes or there if code in there and (asked or code != "en"))


def _query(embeddings: Embeddings, target: str | None, target_data: Path | None, languages: Sequence[str]) -> Query:
    """Return the target: a task, or the texts of a file."""
    if target is not None:
        return embeddings.query(target, languages)
    assert target_data is not None
    texts = tuple(Text(str(number), line) for number, line, _ in labelled_tsv(target_data))
    return FileQuery(embeddings, texts, tuple(languages))


def _report(name: str, texts: int, seconds: float) -> None:
    print(f"read {name}: {texts} texts, {seconds:.1f} s", file=sys.stderr)


def _show(ranking: advice.Ranking, table: Record) -> None:
    console = terminal.console()
    answer, *notes = advice.lines(ranking, table)
    terminal.say(console, answer)
    for block in terminal.tables(*advice.table_of(ranking), console.width):
        console.print(block)
    for note in notes:
        terminal.say(console, note)
