"""Print a forecast as tables, or convert it to JSON."""

from collections.abc import Mapping
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from stilts_xtreme.forecast.study import Forecast
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.sanitize import content, size

SCHEMA = "stilts/forecast@1"


def to_json(forecast: Forecast) -> Record:
    """Return the forecast for JSON output, with its schema."""
    return {"schema": SCHEMA, **asdict(forecast)}


def show(forecast: Forecast, drops: bool) -> None:
    """Print the forecast; `drops`: whether this study drops weights."""
    console = Console(highlight=False, soft_wrap=True)
    table = Table("", "to do", "done", "shared", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for name, row in forecast.kinds.items():
        table.add_row(name, *(f"{count:,}" for count in row))
    console.print(table)
    console.print()
    if forecast.stages:
        _work(console, forecast)
        _times(console, forecast)
        _disk(console, forecast.disk, drops)
    for why, count in forecast.unknown.items():
        console.print(content(f"not known, and {count:,} stages not in the sums: {why}"), markup=False)
    if forecast.missing:
        console.print(content(f"not known, and not in the sums: the size of {', '.join(forecast.missing)}"), markup=False)


def _work(console: Console, forecast: Forecast) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_row("training", f"{forecast.steps:,} steps, {_count(forecast.trained)} tokens, {forecast.flops['train']:.2e} FLOPs")
    table.add_row("scoring", f"{_count(forecast.scored)} tokens, {forecast.flops['score']:.2e} FLOPs")
    if forecast.languages:
        examples, tokens = (sum(row[i] for row in forecast.languages.values()) for i in (0, 1))
        table.add_row("predicting", f"{examples:,.0f} examples, {_count(tokens)} tokens, in {len(forecast.languages)} languages")
    table.add_row("sizes from", "; ".join(f"{source} ({count:,})" for source, count in forecast.sources.items()))
    console.print(table)
    console.print()


def _times(console: Console, forecast: Forecast) -> None:
    table = Table("device", "jobs", "until the end", "all jobs", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    notes: dict[str, list[str]] = {}
    for number, time in enumerate(forecast.times):
        table.add_row(content(time.device), str(time.jobs), _duration(time.wall), _duration(time.busy))
        source = time.source
        if not number and forecast.twins:
            source = f"{forecast.twins:,} of {len(forecast.stages):,} stages as finished ones of this store; others {source}"
        notes.setdefault(source, []).append(time.device)
    console.print(table)
    for source, devices in notes.items():
        console.print(content(f"{', '.join(devices)}: {source}"), markup=False)
    if len(forecast.times) == 1:
        console.print("GPUs: not forecast for an encoder this small, whose steps wait for launches and not for products")
    console.print()


def _disk(console: Console, disk: Mapping[str, float], drops: bool) -> None:
    table = Table("disk beyond what is there", "at peak", "in the end", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for word, own in (("keep", not drops), ("drop", drops)):
        name = f"weights: {word}" + (" (this study)" if own else "")
        table.add_row(name, size(disk[f"peak_{word}"]), size(disk[f"end_{word}"]))
    table.add_row("of it features", size(disk["features"]), size(disk["features"]))
    console.print(table)


def _count(number: float) -> str:
    for unit, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= unit:
            return f"{number / unit:.1f} {letter}"
    return f"{number:.0f}"


def _duration(hours: float) -> str:
    if hours >= 1.5:
        return f"{hours:,.0f} h" if hours >= 10 else f"{hours:.1f} h"
    return f"{hours * 60:.0f} min" if hours * 60 >= 1.5 else f"{hours * 3600:.0f} s"
