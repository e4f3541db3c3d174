"""How much noise there was, and of which kind: words that might be changed and that were, by language."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stilts_xtreme.report import text
from stilts_xtreme.report.tables import Body, Cell, Column, Table

FEW = 0.15  # of a language's words: where fewer than that may be changed, noise hardly comes about
SLIPS = (
    "slips of a typist on the keyboard of each language: a key beside the right one, a key left out, a key beside it pressed as"
    " well, two keys in the wrong order, a key pressed twice"
)


@dataclass(frozen=True)
class Counts:
    words: int
    choosable: int
    changed: int

    @property
    def open(self) -> float:
        """Share of the words that may be changed."""
        return self.choosable / self.words if self.words else 0.0

    @property
    def realised(self) -> float:
        return self.changed / self.choosable if self.choosable else 0.0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.words + other.words, self.choosable + other.choosable, self.changed + other.changed)


NONE = Counts(0, 0, 0)


@dataclass(frozen=True)
class Words:
    """Counts by target, language and rate: the same inputs for every model."""

    counts: Mapping[tuple[str, str, float], Counts]

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> "Words":
        return cls({
            (run["target"], code, run["rate"]): Counts(found["words"], found["choosable"], found["changed"])
            for run in told["evaluations"]
            for code, found in (run.get("words") or {}).items()
        })  # fmt: skip

    def of(self, rate: float, language: str = "", target: str = "") -> Counts:
        """Added up over what is not said."""
        fitting = [
            found for (name, code, at), found in self.counts.items()
            if at == rate and language in ("", code) and target in ("", name)
        ]  # fmt: skip
        return sum(fitting, NONE)

    @property
    def rates(self) -> list[float]:
        return sorted({rate for *_, rate in self.counts})

    @property
    def languages(self) -> list[str]:
        return sorted({code for _, code, _ in self.counts}, key=lambda code: (code != "en", code))

    def scarce(self) -> dict[str, list[str]]:
        """Languages by target in which hardly any word may be changed."""
        rate, found = max(self.rates), dict[str, list[str]]()
        for target, code, at in self.counts:
            if at == rate and self.of(rate, code, target).open < FEW:
                found.setdefault(target, []).append(code)
        return found

    def told(self, told: Mapping[str, Any]) -> list[str]:
        """The kind of noise, how much of it came about, and where hardly any did."""
        if not self.counts:
            return []
        what = (
            f"Noise is made of {SLIPS}."
            if told["kind"] == "typos"
            else "Noise is made of errors listed in a dictionary of real ones."
        )
        shares = [f"{100 * rate:g} % ({100 * self.of(rate).realised:.1f} % in fact)" for rate in self.rates]
        whole = self.of(self.rates[-1])
        opened = [self.of(self.rates[-1], code).open for code in self.languages]
        sentences = [
            f"{what} Of the words that may be changed it changes {text.listed(shares)}. Not every word may be:"
            f" {_percent(whole.open)} of the test words (by language {_percent(min(opened))} to {_percent(max(opened))}),"
            f" so that at most {100 * whole.open * whole.realised:.1f} % of all words are changed."
        ]
        scarce = self.scarce()
        if scarce:
            named = text.listed([f"{', '.join(sorted(codes))} on {target}" for target, codes in scarce.items()])
            sentences.append(
                f"Hardly anything may be changed (less than {_percent(FEW)} of the words) in {named}: a small drop there says"
                " nothing of robustness."
            )
        return sentences

    def table(self) -> Table:
        """Words that may be changed, and those that were, by language over all targets."""
        rows = []
        for code in self.languages:
            counts = [self.of(rate, code) for rate in self.rates]
            cells = [Cell(f"{counts[-1].words:,}"), Cell(f"{100 * counts[-1].open:.1f}")]
            cells += [Cell(f"{100 * found.realised:.1f}", f"{found.changed:,}") for found in counts]
            rows.append((text.language(code), tuple(cells)))
        columns = [
            Column("test words"),
            Column("may be changed, %"),
            *(Column(f"changed at {100 * rate:g} %, %") for rate in self.rates),
        ]
        notes = ("Over all targets. Changed: percent of the words that may be changed; beneath, how many they are.",)
        return Table(
            "Words that noise may change, and those it changed.", "language", tuple(columns), (Body("", tuple(rows)),), notes
        )

    def typed(self, told: Mapping[str, Any]) -> Table:
        """Each way of typing once, with its languages."""
        ways: dict[str, list[str]] = {}
        for code, words in told["policies"].items():
            ways.setdefault(words, []).append(code)
        rows: Sequence[tuple[str, tuple[Cell, ...]]] = [(", ".join(codes), (Cell(words),)) for words, codes in ways.items()]
        notes = ("Layouts by their names in xkeyboard-config.",)
        return Table(
            "How each language is taken to be typed.", "languages", (Column("way", False),), (Body("", tuple(rows)),), notes
        )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
