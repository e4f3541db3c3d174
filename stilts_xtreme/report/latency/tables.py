"""A latency study's numbers -> table rows, the same for both pages."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from stilts_xtreme.report import text
from stilts_xtreme.report.latency.timings import SHARES, Timings, heading
from stilts_xtreme.report.tables import Cell, Row, Table, mean, table

if TYPE_CHECKING:
    from stilts_xtreme.results.schemas.latency import Ratio, Variant

_MEANS = ": means over them, of accuracies ± their standard deviation, of the difference of logits the largest"
TOKENISING: tuple[Literal["p50"], Literal["together"]] = ("p50", "together")
VERDICTS = {"equal": "equal", "differs": "differs", "open": "undecided"}


def models(run: Timings) -> Table | None:
    """Tabulate each model's time over the base model's, by variant; the control last."""
    bodies: dict[str, dict[str, list[Cell | str]]] = {}
    for row in run.measured["models"]:
        cells = bodies.setdefault(heading(row["variant"]), {}).setdefault(row["model"], [text.ABSENT] * 4)
        at = 0 if row["of"] == "latency" else 2
        cells[at : at + 2] = [Cell(text.number(row["ratio"], digits=3), _interval(row)), VERDICTS[row["verdict"]]]
    columns = ("batch 1", "reading", "larger batches", "reading")
    margin = 100 * run.study["margin"]
    what = f"Time over that of “{run.base}” in the same turns"
    if len(run.runs) > 1:
        what += (
            ", geometric mean over seeds; below it the standard deviation over seeds and Student's 95 % interval of that mean."
            " All variants: those that every seed has, at batch 1 without sorted; a seed's value is the geometric mean of theirs."
        )
    else:
        what += "; below it the interval that holds 95 in 100 of the means over turns drawn anew."
    notes = (
        f"{what} Equal: the whole interval lies within {margin:.0f} % of 1; differs: all of it beyond; undecided: neither.",
        f"“{run.base} again” is the control: the same weights read from disk once more. What it differs by is noise.",
    )
    caption = f"Does intermediate training change the cost? {run.seeds.capitalize()}."
    return table(caption, "model", columns, {name: list(rows.items()) for name, rows in bodies.items()}, *notes)


def variants(run: Timings) -> Table | None:
    """Tabulate what each variant saves and what it costs, for the base model."""
    large, rows = run.sizes[-1], list[Row]()
    for name in run.variants:
        savings = [None if name == "eager" else run.saving(name, size) for size in (1, large)]
        cells = (
            *(text.number(run.mean(name, share), digits=2) for share in SHARES),
            *(Cell(f"{1 / saving['ratio']:.2f}×", _speed(saving)) if saving else text.ABSENT for saving in savings),
            *map(_whole, (*(run.throughput(name, size) for size in run.sizes), run.memory(name))), mean(run.accuracy(name)),
            _same(run.same_labels(name)), f"{run.largest_difference(name):.1g}", f"{run.preparation(name):.1f}",
        )  # fmt: skip
        rows.append((name, cells))
    heads = [f"{share} ms" for share in SHARES] + ["speed, batch 1", f"speed, batch {large}"]
    heads += [f"pairs/s at {size}" for size in run.sizes]
    heads += ["peak MiB", "accuracy", "same labels %", "logits differ by", "ready after s"]
    libraries = run.memory("eager", "libraries")
    of = "a process of its own" if libraries is None else f"a process of its own, of which the libraries take {libraries:,.0f}"
    if run.study["how"]["device"] == "cuda":
        of = "tensors on the GPU"
    notes = (
        f"Model “{run.base}”, {run.seeds}{_MEANS if len(run.runs) > 1 else ''}. Milliseconds: calls at batch 1 from token ids to"
        " logits on the host, without tokenisation, means over languages. Speed: over eager in the same turns, with its 95 %"
        f" interval ({'over seeds' if len(run.runs) > 1 else 'over turns'}). Peak: memory of"
        f" {of}, with one batch of {large}. Same labels and the largest difference of two logits: beside the model's own eager"
        " answers. Ready: what preparing the first model took; a compiler finds what it made before.",
    )
    return table("What can be saved, and its price.", "variant", heads, rows, *notes)


def languages(run: Timings) -> Table | None:
    """Tabulate eager calls by language: tokens, times, throughput, tokenisation, accuracy."""
    rows: list[Row] = []
    for code in run.languages:
        calls = run.calls("eager", code) or {}
        rates = [run.tokens_a_word(code), run.tokens_a_character(code), *(calls.get(share) for share in SHARES)]
        cells = [text.number(run.tokens_a_pair(code)), *(text.number(value, digits=2) for value in rates)]
        cells += [_whole(run.throughput("eager", size, [code])) for size in run.sizes]
        cells += [text.number(run.tokenising(code, what), digits=3) for what in TOKENISING]
        rows.append((text.language(code), (*cells, mean(run.accuracy("eager", code)))))
    heads = ["tokens a pair", "tokens a word", "tokens a character", *(f"{share} ms" for share in SHARES)]
    heads += [f"pairs/s at {size}" for size in run.sizes]
    heads += ["tokenising ms", "tokenising together ms", "accuracy"]
    notes = (
        "Tokens a pair with the four special ones, a word and a character without them; where words are not spaced there is none"
        " a word. Tokenising: the middle call for one pair, and a pair's share where many are tokenised at once.",
    )
    caption = f"By language: model “{run.base}”, eager, {run.seeds}."
    return table(caption, "language", heads, rows, *notes)


def medians(run: Timings) -> Table | None:
    """Tabulate the median call at batch 1, by language and variant."""
    shown = [name for name in run.variants if name != "sorted"]
    rows = [(text.language(code), _middles(run, shown, code)) for code in run.languages]
    caption = f"p50 at batch 1 in ms, by language and variant: model “{run.base}”."
    return table(caption, "language", shown, rows)


def accuracy(run: Timings) -> Table | None:
    """Tabulate accuracy by language and variant."""
    rows = [(text.language(code), tuple(mean(run.accuracy(name, code)) for name in run.variants)) for code in run.languages]
    rows.append(("mean", tuple(mean(run.accuracy(name)) for name in run.variants)))
    for model in run.study["models"][1:]:
        rows.append((f"mean, {model}", tuple(mean(run.accuracy(name, model=model)) for name in run.variants)))
    caption = f"Accuracy by language and variant: model “{run.base}”; below, the means of all models."
    return table(caption, "language", run.variants, rows)


def lengths(run: Timings) -> Table | None:
    """Tabulate the median call at batch 1 with rows padded to so many tokens; None where no length was asked for."""
    asked, code = run.study["how"]["lengths"], run.languages[0]
    shown = [name for name in run.variants if any(run.calls(name, code, length) for length in asked) and name != "sorted"]
    rows = [(f"{length} tokens" if length else "natural", _middles(run, shown, code, length)) for length in (None, *asked)]
    caption = f"p50 at batch 1 in ms, rows filled up with padding: {text.language(code)}, model “{run.base}”."
    return table(caption, "length", shown, rows if shown else (), "Packed variants have no padding to fill up with.")


def _middles(run: Timings, variants: Sequence["Variant"], code: str, length: int | None = None) -> list[str]:
    calls = [run.calls(name, code, length) or {} for name in variants]
    return [text.number(shares.get("p50"), digits=2) for shares in calls]


def _whole(value: float | None) -> str:
    return text.ABSENT if value is None else f"{value:,.0f}"


def _interval(row: "Ratio") -> str:
    parts = [f"± {row['deviation']:.3f}"] if "deviation" in row else []
    return "; ".join([*parts, f"{row['low']:.3f}–{row['high']:.3f}"] if "low" in row else parts)


def _speed(row: "Ratio") -> str:
    return f"{1 / row['high']:.2f}–{1 / row['low']:.2f}" if "low" in row else ""


def _same(share: float) -> str:
    """A share that is not whole is never shown as 100."""
    return "100" if share == 100 else f"{min(share, 99.99):.2f}"
