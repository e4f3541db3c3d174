"""The forecast as it is printed: a few tables on stdout, or JSON."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from stilts_xtreme.forecast.study import Forecast

SCHEMA = "stilts/forecast@1"


def content(forecast: Forecast) -> dict[str, Any]:
    """The forecast for programs."""
    return {"schema": SCHEMA, **asdict(forecast)}


def show(forecast: Forecast, drops: bool) -> None:
    """Print it; `drops`: whether this study drops weights."""
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
        console.print(f"not forecast: {count:,} stages ({why})", markup=False)


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
    table = Table("device", "jobs", "hours", "device hours", "from", box=None, pad_edge=False)
    for column in table.columns[1:4]:
        column.justify = "right"
    for number, time in enumerate(forecast.times):
        source = time.source
        if not number and forecast.twins:
            source = f"{forecast.twins:,} of {len(forecast.stages):,} stages as finished ones of this store; else {source}"
        table.add_row(time.device, str(time.jobs), _hours(time.wall), _hours(time.busy), source)
    console.print(table)
    console.print()


def _disk(console: Console, disk: Mapping[str, float], drops: bool) -> None:
    table = Table("disk beyond what is there", "at peak", "in the end", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for word, own in (("keep", not drops), ("drop", drops)):
        name = f"weights: {word}" + (" (this study)" if own else "")
        table.add_row(name, _bytes(disk[f"peak_{word}"]), _bytes(disk[f"end_{word}"]))
    table.add_row("of it features", _bytes(disk["features"]), _bytes(disk["features"]))
    console.print(table)


def _count(number: float) -> str:
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.1f} {letter}"
    return f"{number:.0f}"


def _hours(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.2g}" if number >= 0.01 else f"{number:.1g}"


def _bytes(number: float) -> str:
    for size, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if number >= size:
            return f"{number / size:,.1f} {unit}"
    return f"{number / 1e3:.0f} kB"
