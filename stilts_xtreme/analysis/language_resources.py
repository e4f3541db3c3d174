"""Languages by resources: by class where they are real, by the text the encoder read where they are made up."""

import math
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from stilts_xtreme.models.sources import unseen
from stilts_xtreme.pipeline import plan
from stilts_xtreme.store import Store
from stilts_xtreme.utils.languages import LANGUAGES, UNCLASSIFIED

GROUPS = ("low", "mid", "high", "unseen", UNCLASSIFIED)
JOSHI, LINES = "joshi", "log10 lines"  # axes
MOST, LEAST = 2 / 3, 1 / 3  # of the lines of the language that was read most: high from MOST, low below LEAST


@dataclass(frozen=True)
class LanguageResources:
    """A language's group, class (Joshi et al. 2020; real languages), and lines of it that an encoder trained here has read."""

    group: str
    level: int | None
    lines: int | None


@dataclass(frozen=True)
class PretrainingText:
    """What is known of an encoder's text: lines by language (trained here), or the languages it lacks (None: unknown)."""

    lines: Mapping[str, int] | None = None
    lacks: Container[str] | None = None

    def unseen(self, code: str) -> bool:
        """Whether the text is known to lack the language."""
        return code not in self.lines if self.lines is not None else self.lacks is not None and code in self.lacks


@dataclass(frozen=True)
class ResourceAxis:
    """The resources of all languages, and the axis that slopes are taken on."""

    axis: str
    languages: Mapping[str, LanguageResources]

    def position(self, code: str) -> float | None:
        """Return the language's position on the axis; None for one that the encoder never saw."""
        language = self.languages[code]
        if language.group == "unseen":
            return None
        return language.level if self.axis == JOSHI else math.log10(language.lines) if language.lines else None

    def groups(self, codes: Iterable[str]) -> dict[str, list[str]]:
        """Return these languages by group; without English, the language of fine-tuning, and without unknown ones."""
        others = [code for code in codes if code in self.languages and code != "en"]
        members = {group: [code for code in others if self.languages[code].group == group] for group in GROUPS}
        return {group: codes for group, codes in members.items() if codes}


def pretraining_text(stage: plan.Stage, store: Store) -> PretrainingText:
    """Return the text that the first encoder of a finished stage was trained on."""
    origin = plan.root(stage)
    if isinstance(origin, plan.Pretrained):
        return PretrainingText(lacks=unseen(origin.name, origin.digest))
    data = store.result(plan.chain(stage)[0])["data"]
    return PretrainingText({
        split["language"]: split["examples"] for split in data if (split["task"], split["split"]) == ("text", "train")
    })  # fmt: skip


def resource_axis(codes: Iterable[str], text: PretrainingText) -> ResourceAxis:
    """Return real languages by class (Joshi et al. 2020), unclassified without a class; where there are none but English, made-up
    languages by their lines of text.
    """
    codes = [code for code in codes if "-" not in code]  # of "en-de" (MLQA) neither side is the pair's
    lines = text.lines or {}
    if any(code in LANGUAGES and code != "en" for code in codes):
        return ResourceAxis(JOSHI, {code: _real(code, text) for code in codes})
    most = max(lines.values(), default=0)
    made_up = {code: LanguageResources(_group(lines.get(code, 0), most), None, lines.get(code, 0)) for code in codes if most}
    return ResourceAxis(LINES, made_up)


def _real(code: str, text: PretrainingText) -> LanguageResources:
    """Return the resources of a language that exists, in the table or not."""
    known, lines = LANGUAGES.get(code), (text.lines or {}).get(code)
    if known is None:
        return LanguageResources("unseen" if text.unseen(code) else UNCLASSIFIED, None, lines)
    return LanguageResources("unseen" if text.unseen(code) else known.resources, known.joshi, lines)


def _group(lines: int, most: int) -> str:
    """Return a made-up language's group by its lines; `most`: those of the language that was read most."""
    if not lines:
        return "unseen"
    return "high" if lines >= MOST * most else "low" if lines < LEAST * most else "mid"
