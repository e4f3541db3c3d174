"""The command that applies a training to a user's file."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from stilts_xtreme.cli.arguments import RUNS, Device, StoreOption, Threads
from stilts_xtreme.cli.export import Run
from stilts_xtreme.stages import execution
from stilts_xtreme.utils import atomic_io, sanitize
from stilts_xtreme.utils.errors import UserError


def predict(
    run: Run,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="Rows without labels: .tsv, .csv, .jsonl, .txt, .conll, or SQuAD's .json.",
                       show_default=False),
    ],
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="With the probability of each answer, and of every label or choice.")
    ] = False,
    form: Annotated[str, typer.Option("--format", metavar="tsv|jsonl", help="What is written.")] = "tsv",
    to: Annotated[Path | None, typer.Option("--to", metavar="FILE", help="Write it here.", show_default=False)] = None,
    task: Annotated[
        str | None, typer.Option("--task", help="Of a training on several tasks: whose head.", show_default=False)
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option("--columns", metavar="PART=COLUMN,...", help="Which column holds what: text=review; numbers: no header.",
                     show_default=False),
    ] = None,
    store: StoreOption = RUNS, device: Device = "auto", threads: Threads = None,
) -> None:  # fmt: skip
    """Predict a file of your own with a training: a label, a choice, tags, or a span of the context for each row.

    Without --to it is printed. A task of your own is read by the columns of its description; else columns are called text, or
    first and second, or context, question and choices (two and more columns: choices=a+b), or question and context.
    """
    from stilts_xtreme.inference import inputs, output

    if form not in output.FORMATS:
        raise UserError(f"--format {form}: give {' or '.join(output.FORMATS)}")
    from stilts_xtreme.export import run_lookup
    from stilts_xtreme.store.heads import read_notes

    training = run_lookup.find(run, execution.store_at(store).root)
    notes = read_notes(training.folder)
    head = inputs.source(training, notes, task)
    examples = inputs.read(file, head, inputs.columns(columns))
    options = execution.options(device, threads)
    from stilts_xtreme.engine.third_party_output import quiet
    from stilts_xtreme.inference import predictions
    from stilts_xtreme.stages.predict import device_of
    from stilts_xtreme.stages.progress import checks

    quiet()
    predictions.set_threads(training, options.threads)
    with checks() as callback:
        answers = predictions.predict(
            training, head, notes[head.name], examples, device_of(options.device), lambda done, of: callback("rows", done, of)
        )
    text = "".join(f"{line}\n" for line in output.lines(answers, head.head, form, probabilities))
    if to is None:
        sys.stdout.write(text)
    else:
        atomic_io.put(to, text)
        print(sanitize.content(str(to)))
