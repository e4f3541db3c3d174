"""A part of a study's page that answers a question of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stilts_xtreme.report.tables import Table


@dataclass(frozen=True)
class Plot:
    """An SVG, what stands below it, and what it shows in words."""

    svg: str
    caption: str
    alternative: str


@dataclass(frozen=True)
class Section:
    """A heading (`name` is its anchor and begins its files' names) with sentences, plots and tables below it, in this order.

    `found` are the sentences that also stand at the top of the page.
    """

    name: str
    title: str
    found: tuple[str, ...]
    told: tuple[str, ...] = ()
    plots: Mapping[str, Plot] = field(default_factory=dict)  # by file name without its ending
    tables: tuple[Table, ...] = ()
