"""A latency study -> its two pages and plots, as text by file name."""

from collections.abc import Mapping
from typing import Any

from stilts_xtreme.errors import UserError
from stilts_xtreme.report import agreement, text
from stilts_xtreme.report.latency import found as latency_found
from stilts_xtreme.report.latency import plots as latency_plots
from stilts_xtreme.report.latency import tables as latency_tables
from stilts_xtreme.report.latency.timings import Timings
from stilts_xtreme.report.rendered import rendered

ALT = {
    "models": "Ratios of time over that of no intermediate training, by variant and model; numbers as in the table below.",
    "variants": "Speed of every variant over eager by batch size; numbers as in the table below.",
}
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


def pages(study: Mapping[str, Any]) -> dict[str, str]:
    """report.md, the SVG files that it shows, and index.html, which holds all in itself."""
    if contradiction := agreement.of_latency(study):
        raise UserError(f"study {study['name']}: {contradiction}; gather the study again with `stilts latency`")
    run = Timings(study)
    drawn = {"models": latency_plots.models(run), "variants": latency_plots.variants(run)}
    drawn = {name: svg for name, svg in drawn.items() if svg is not None}
    alternatives = {name: ALT[name] for name in drawn}
    return rendered("latency.md.jinja", "latency.html.jinja", _content(study, run), drawn, alternatives)


def _content(study: Mapping[str, Any], run: Timings) -> dict[str, Any]:
    return {
        "study": study,
        "note": study.get("note") or "",
        "found": latency_found.found(run),
        "models": latency_tables.models(run),
        "variants": latency_tables.variants(run),
        "names": [(name, NAMES[name]) for name in run.variants],
        "skipped": list(run.skipped.items()),
        "languages": latency_tables.languages(run),
        "by_variant": [latency_tables.medians(run), latency_tables.accuracy(run)],
        "lengths": latency_tables.lengths(run),
        "how": latency_found.how(run),
        "machine": latency_found.machine(run),
        "data": [("Setup", study["setup"]), *((key.capitalize(), value) for key, value in sorted(study["data"].items()))],
        "command": study.get("command") or "",
        "provenance": text.provenance(study["provenance"]),
    }
