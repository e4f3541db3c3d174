"""Whether the published encoders that stages start from are there, and their tokenizers know the text to be read."""

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from stilts_xtreme.data import read as data
from stilts_xtreme.models import published
from stilts_xtreme.models.sources import unseen
from stilts_xtreme.pipeline import plan
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.examples import texts
from stilts_xtreme.utils.errors import UserError
from stilts_xtreme.utils.sanitize import line

if TYPE_CHECKING:
    from tokenizers import Tokenizer

EXAMPLES = 200  # of each language, the first ones
# Share of a language's pieces that may be unknown. XLM-R's tokenizer leaves 0.4 % at most in any of 211 test sets of XTREME and
# XTREME-R (Chinese); of a script it does not know, about half: a Unigram tokenizer gives a piece for the space before each word.
UNKNOWN = 0.1


def check(stages: Sequence[plan.Stage], online: bool, say: Callable[[str], None] = lambda line: None) -> None:
    """UserError where a published encoder that `stages` start from is not available, or where more than `UNKNOWN` of the pieces
    of a language that they read are unknown to its tokenizer.

    Of a language that its text is known to lack, and that is only evaluated, `say` gets the line instead: the script may be new
    to it, and that is what is measured. Where it is not asked for `online`, encoders of the hub are passed over.
    """
    origins: dict[plan.Pretrained, list[plan.Stage]] = {}
    for stage in stages:
        if isinstance(origin := plan.root(stage), plan.Pretrained):
            origins.setdefault(origin, []).append(stage)
    for origin, own in origins.items():
        folder = published.local(origin.name)
        if folder is None:
            if not online:
                continue
            published.online(origin.name, origin.revision)
        _known(origin, folder, own, say)


def _known(origin: plan.Pretrained, folder: Path | None, stages: Sequence[plan.Stage], say: Callable[[str], None]) -> None:
    """UserError where too much of a language that the stages read is unknown to the encoder's tokenizer (see `check`)."""
    tokenizer, unknown = _tokenizer(origin, folder)
    if unknown is None:  # every text has known pieces, such as bytes
        return
    shares, expected = dict[str, str](), dict[str, str]()
    lacks = (unseen(origin.name, origin.digest) or frozenset()) - _trained(stages)
    for code, (read, where) in _readings(stages).items():
        encodings = tokenizer.encode_batch(list(_lines(read, where)), add_special_tokens=False)
        ids = [piece for encoding in encodings for piece in encoding.ids]
        if ids and (share := ids.count(unknown) / len(ids)) > UNKNOWN:
            (expected if code in lacks else shares)[code] = f"{share:.0%} of {read.task} in {code}"
    if expected:
        lines = ", ".join(expected.values())
        say(f"encoder {origin.name}: pieces unknown to its tokenizer, in languages that its text lacks: {lines}")
    if shares:
        what = f"more than {UNKNOWN:.0%} of the pieces of a text are unknown to its tokenizer: {', '.join(shares.values())}"
        raise UserError(f"encoder {origin.name}: {what}; give an encoder for these languages, with its own tokenizer")


def _tokenizer(origin: plan.Pretrained, folder: Path | None) -> tuple["Tokenizer", int | None]:
    """Load the encoder's tokenizer, of the tokenizers package, and the id of its unknown token, if it has any."""
    if folder is None or not (folder / published.TOKENIZER).exists():
        from stilts_xtreme.engine import loading

        loaded = loading.tokenizer(origin.name, origin.revision)
        return loaded.backend_tokenizer, loaded.unk_token_id
    from tokenizers import Tokenizer

    path = folder / published.TOKENIZER
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as fault:  # the package raises nothing more special
        raise UserError(f"{path}: is no tokenizer ({line(fault)}); save the encoder again") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    model = json.loads(path.read_bytes())["model"]
    unknown = model.get("unk_token")
    return tokenizer, model.get("unk_id") if unknown is None else tokenizer.token_to_id(unknown)


def _readings(stages: Sequence[plan.Stage]) -> dict[str, tuple[plan.Reads, data.Where]]:
    """Return a reading per language: of what is evaluated, else of what is trained on."""
    readings: dict[str, tuple[plan.Reads, data.Where]] = {}
    for stage in sorted(stages, key=lambda stage: isinstance(stage, plan.Train)):
        for read in stage.reads:
            readings.setdefault(read.language, (read, stage.where))
    return readings


def _trained(stages: Sequence[plan.Stage]) -> frozenset[str]:
    """Return the languages that the stages train on."""
    links = {link for stage in stages for link in plan.chain(stage) if isinstance(link, plan.Train)}
    return frozenset(read.language for link in links for read in link.reads)


def _lines(read: plan.Reads, where: data.Where) -> Iterator[str]:
    """List the text of a reading's first examples; nothing where it is broken, which the stage that reads it reports."""
    task = TASKS[read.task]
    try:
        for name, row in islice(data.rows(task, read.split, read.language, where), EXAMPLES):
            if (example := task.to_example(read.split)({**row, "id": name})) is not None:
                yield from texts(example)
    except UserError:
        return
