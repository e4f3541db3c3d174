"""A latency study -> its two pages and figures: what was learned, and how and where it was measured."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from stilts_xtreme.report import figures, page, text
from stilts_xtreme.report.figures import Figure, Mark, Panel
from stilts_xtreme.report.latency import tables
from stilts_xtreme.report.latency.timings import Timings, heading
from stilts_xtreme.report.page import Section

if TYPE_CHECKING:
    from stilts_xtreme.results.schemas.latency import Held, LatencyStudy

BUSY = 0.05  # share of our processors' time: above it the page warns
FURTHEST = 1.5  # ratio at which intervals are cut: with two seeds they are very wide
NAMES = {
    "eager": "Hugging Face's model in fp32, a batch padded to its longest pair",
    "sorted": "the same, pairs sorted by length before they are cut into batches",
    "packed": "this package's engine: pairs sorted and side by side in one row without padding, fp32",
    "compiled": "torch.compile with open shapes, fp32",
    "bf16": "the encoder's matrices in bfloat16, padded",
    "packed-bf16": "the encoder's matrices in bfloat16, without padding",
    "int8": "linear layers in int8, inputs quantised at every call (torch.ao.quantization.quantize_dynamic), padded",
    "onnx": "exported with torch.onnx, run by ONNX Runtime in fp32, padded",
}


def files(study: "LatencyStudy") -> dict[str, str]:
    """Write report.md, the SVG files that it shows, and index.html, which holds all in itself, as text by file name."""
    run = Timings(study)
    names = [(name, NAMES[name]) for name in run.variants]
    skipped = [(f"Not measured here: {name}", why) for name, why in run.skipped.items()]
    data = [("Setup", study["setup"]), *((key.capitalize(), str(value)) for key, value in sorted(study["data"].items()))]
    same = "Times are of this machine at that hour and are not the same twice; what stands above `provenance` in the result is."
    sections = [
        Section("cost", "Does intermediate training change the cost?", figures=[models_figure(run)], tables=[tables.models(run)]),
        Section("saved", "What can be saved, and at what price?", (), [variants_figure(run)], [tables.variants(run)],
                facts=[*names, *skipped]),
        Section("by-language", "By language", tables=[tables.languages(run), tables.medians(run), tables.accuracy(run)]),
        Section("lengths", "Fixed lengths", tables=[tables.lengths(run)]),
        Section("how", "How and where it was measured", (how(run), same), facts=[*machine(run), *data],
                code=study.get("command") or ""),
    ]  # fmt: skip
    sections = [section for section in sections if section.name != "lengths" or any(section.tables)]
    return page.files(study, findings(run), sections)


def models_figure(run: Timings) -> Figure:
    """Draw each model's time over the base model's at batch 1, with its interval and the band that counts as equal."""
    rows, margin = [row for row in run.measured["models"] if row["of"] == "latency"], run.study["margin"]
    edges = [edge for row in rows for edge in (row["ratio"], row.get("low", 1.0), row.get("high", 1.0))]
    reach = math.exp(min(math.log(FURTHEST), max([2 * margin, *(abs(math.log(edge)) for edge in edges)])))

    def within(ratio: float) -> float:
        return min(max(ratio, 1 / reach), reach)

    groups: dict[str, list[Mark]] = {}
    for row in rows:
        ends = (within(row["low"]), within(row["high"])) if "low" in row else None
        dot = ((within(row["ratio"]), None if row["model"] == run.control else 1),)
        groups.setdefault(heading(row["variant"]), []).append(Mark(row["model"], dot, ends, f"{row['ratio']:.3f}"))
    ticks = [1 / reach, *((1 - margin, 1 + margin) if math.log1p(margin) > 0.3 * math.log(reach) else ()), 1, reach]
    panel = Panel(f"Time over “{run.base}”", list(groups.items()), (1,), (1 - margin, 1 + margin))
    caption = "Time at batch 1 as a multiple, with 95 % intervals. Shaded: counts as equal. Hollow: the same weights once more."
    alternative = f"Ratios of time over that of {run.base}, by variant and model; numbers as in the table below."
    drawn = figures.rows([panel], "dots", limits=(1 / reach, reach), ratios=sorted(ticks))
    return Figure("models", caption, alternative, drawn)


def variants_figure(run: Timings) -> Figure:
    """Draw the speed over eager by variant and batch size, on a scale of ratios."""
    groups: dict[str, list[Mark]] = {}
    for row in run.measured["savings"]:
        if row["variant"] != "eager":
            speed = 1 / row["ratio"]
            ends = (1 / row["high"], 1 / row["low"]) if "low" in row else None
            mark = Mark(f"batch {row['batch']}", ((speed, 1 if speed >= 1 else 2),), ends, f"{speed:.2f}×")
            groups.setdefault(row["variant"], []).append(mark)
    speeds = [end for marks in groups.values() for mark in marks for end in (mark.points[0][0], *(mark.interval or ()))]
    low, high = math.floor(math.log2(min([1.0, *speeds]))), math.ceil(math.log2(max([1.0, *speeds])))
    ticks = [2.0**power for power in range(low, max(high, low + 1) + 1)]
    panel = Panel("Speed over eager", list(groups.items()), (1,))
    drawn = figures.rows([panel], "dots", limits=(ticks[0], ticks[-1]), ratios=ticks)
    caption = "Speed over eager, by variant and batch size, with 95 % intervals. Blue: faster; orange: slower."
    return Figure("variants", caption, "Speed of every variant over eager by batch size; numbers as in the table below.", drawn)


def findings(run: Timings) -> list[str]:
    """Say whether equal latency held, what is saved at what price, what could not run, and what stands against trusting it."""
    lines = _models(run) + _savings(run)
    for name, why in run.skipped.items():
        lines.append(f"Left out, not measured: {name} ({why}).")
    busy = run.taken_by_others
    if busy > BUSY:
        share = f"{100 * busy:.0f} %" if len(run.runs) == 1 else f"up to {100 * busy:.0f} %"
        lines.append(
            f"Other work took {share} of the processors' time while this was measured: trust ratios, which were taken"
            " in the same turns, and not the milliseconds."
        )
    if any(seed["collapsed"] for seed in run.runs):
        lines.append(
            "A training that these models are built on collapsed: the accuracies say little, the times are not affected."
        )
    return lines


def _models(run: Timings) -> list[str]:
    rows, control = run.ratios(pooled=False)
    if not rows:
        return []
    together, its_control = run.ratios(pooled=True)
    by = {name: [row for row in rows if row["verdict"] == name] for name in ("equal", "open", "differs")}
    noise = _noise(control)
    worst = max(rows, key=lambda row: abs(row["ratio"] - 1))
    margin = f"{100 * run.study['margin']:.0f} %"
    counts = (
        f"{len(by['equal'])} of {text.count(len(rows), 'comparison')} equal within {margin}, {len(by['open'])} undecided,"
        f" {len(by['differs'])} beyond"
    )
    detail = (
        f"largest ratio {worst['ratio']:.3f} ({worst['model']}, {worst['variant']}, {worst['of']});"
        f" two copies of the same weights differ by up to {100 * noise:.1f} %"
    )
    if _beyond(rows, noise) or _beyond(together, _noise(its_control)):
        word = "Equal latency did not hold"
    elif len(by["equal"]) == len(rows) and not any(row["verdict"] == "differs" for row in together):
        word = "Equal latency held: intermediate training does not change the cost of inference"
    else:
        word = "Nothing here speaks against equal latency, but not every comparison is narrow enough to show it"
        counts += ", no more than the same weights do" if by["differs"] else ""
    return [f"{word} ({run.seeds}): {counts}; {detail}."]


def _noise(control: Sequence["Held"]) -> float:
    """The most that the base model's own copy differs by."""
    return max((abs(row["ratio"] - 1) for row in control), default=0.0)


def _beyond(rows: Sequence["Held"], noise: float) -> bool:
    """Does a row differ, even at the nearer end of its interval, by more than `noise`?"""
    return any(row["verdict"] == "differs" and min(abs(row["low"] - 1), abs(row["high"] - 1)) > noise for row in rows)


def _savings(run: Timings) -> list[str]:
    """The fastest variant of single pairs and of the largest batches; its price stands in the table."""
    lines = []
    for size in dict.fromkeys((1, run.sizes[-1])):
        rows = [row for row in run.measured["savings"] if row["batch"] == size and row["variant"] != "eager"]
        best = min(rows, key=lambda row: row["ratio"], default=None)
        if best is not None:
            fastest = f"{best['variant']} is fastest, {1 / best['ratio']:.2f} times as fast as eager"
            lines.append(f"At batch {size} {fastest if best['ratio'] < 1 else 'no variant is faster than eager'}.")
    return lines


def how(run: Timings) -> str:
    """Describe how times were taken."""
    asked, each = run.study["how"], "Seed after seed: e" if len(run.runs) > 1 else "E"
    return (
        f"{each}very model in every variant by turns, in an order drawn anew for each round: {asked['calls']} calls at batch 1 in"
        f" blocks of {asked['block']} for each language, after {asked['warmup']} calls to warm up; larger batches in"
        f" {asked['passes']} passes over {asked['pool']} pairs of each language."
        f" {text.count(asked['threads'], 'thread')}, kept on the processors that were"
        " idlest at the start; nothing of this package ran beside it; no garbage collection inside a block; a GPU is waited for."
        " A call begins with token ids and ends with logits on the host."
    )


def machine(run: Timings) -> list[tuple[str, str]]:
    """List what was measured on; all values where seeds differ."""
    lines = []
    for key in sorted({key for measured in run.measured["runs"] for key in measured["environment"]}):
        name = "Memory" if key == "memory_bytes" else key.replace("_", " ").capitalize()
        if words := dict.fromkeys(_shown(key, value) for value in run.environment(key)):
            lines.append((name, "; ".join(words)))
    return lines


def _shown(key: str, value: object) -> str:
    if key == "memory_bytes" and isinstance(value, int):
        return f"{value / 2**30:.1f} GiB"
    if key == "taken_by_others" and isinstance(value, int | float):
        return f"{100 * value:.1f} % of the time"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
