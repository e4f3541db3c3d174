"""What a study's page shows beyond the common part: a section for each of its axes that asks a question of its own."""

from collections.abc import Callable

from stilts_xtreme.report import best, multitask, noise, order, resources, sizes
from stilts_xtreme.report.section import Section
from stilts_xtreme.report.summary import Summary

# Each gives None for a study that does not have its axis.
SECTIONS: tuple[Callable[[Summary], Section | None], ...] = (
    order.section,
    multitask.section,
    noise.section,
    resources.section,
    sizes.section,
    best.section,
)


def sections(summary: Summary) -> list[Section]:
    return [found for make in SECTIONS if (found := make(summary)) is not None]
