"""What a study's page shows beyond the common part: a section for each of its axes that asks a question of its own."""

from collections.abc import Callable

from stilts_xtreme.report import best, language_groups, training_data
from stilts_xtreme.report.multitask import section as multitask
from stilts_xtreme.report.noise import section as noise
from stilts_xtreme.report.order import section as order
from stilts_xtreme.report.resources import section as resources
from stilts_xtreme.report.section import Section
from stilts_xtreme.report.sizes import section as sizes
from stilts_xtreme.report.summary import Summary

Make = Callable[[Summary], Section | None]  # None for a study that does not have its axis
LEADING: tuple[Make, ...] = (  # what a study with them is about
    language_groups.section, order.section, multitask.section, training_data.section, noise.section, sizes.section,
)  # fmt: skip
FOLLOWING: tuple[Make, ...] = (best.section, resources.section)


def sections(summary: Summary) -> tuple[list[Section], list[Section]]:
    """Those that stand before scores and gains, and those that stand after them."""
    leading, following = ([found for make in places if (found := make(summary)) is not None] for places in (LEADING, FOLLOWING))
    return leading, following
