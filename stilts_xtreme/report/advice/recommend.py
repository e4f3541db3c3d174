"""Which intermediate task to use for a target and languages, from the results of studies, or that none helps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from stilts_xtreme.report import text
from stilts_xtreme.report.advice import estimates
from stilts_xtreme.report.advice.estimates import Estimate
from stilts_xtreme.report.summary import Summary, summarise
from stilts_xtreme.report.tested import LEVEL
from stilts_xtreme.results.rows import BASELINE, Row
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.utils.errors import UserError


@dataclass(frozen=True)
class Candidate:
    """An intermediate of a study, its gain, and that gain's p adjusted for all candidates (None: could not be tested)."""

    row: str
    summary: Summary
    targets: tuple[str, ...]  # its gain is a mean over these
    estimate: Estimate
    q: float | None = None

    @property
    def supported(self) -> bool:
        """Is the gain above zero, beyond chance and beyond having been picked from several?"""
        ends = self.estimate.interval
        return ends is not None and ends[0] > 0 and self.q is not None and self.q < LEVEL

    @property
    def named(self) -> str:
        """`mnli (main-small)`: the row and its study."""
        return f"{self.row} ({self.summary.study['name']})"

    @property
    def counts_examples(self) -> bool:
        """Does the interval count the test examples?"""
        known = any((self.row, target) in self.summary.comparisons for target in self.targets)
        return self.estimate.example_variance is not None or known

    @property
    def collapsed(self) -> bool:
        """Is the gain built on a collapsed training, on any target and with any seed?"""
        return any(self.summary.collapsed(self.row, target) for target in self.targets)

    @property
    def fields(self) -> Row:
        """How the row is trained."""
        return self.summary.rows[self.row]


@dataclass(frozen=True)
class Recommendation:
    """The candidates for a target in some languages (none given: all), the largest gain first."""

    target: str
    languages: tuple[str, ...]
    fallback: bool  # the target itself is in none of the studies
    candidates: tuple[Candidate, ...]
    aside: tuple[Row, ...] = ()  # rows that are fine-tuned otherwise than usual: their gains are over baselines of their own

    @property
    def best(self) -> Candidate | None:
        """The supported candidate with the largest gain; None: use none."""
        return next((candidate for candidate in self.candidates if candidate.supported), None)

    @property
    def nearest(self) -> Candidate:
        """The candidate with the largest gain, supported or not."""
        return self.candidates[0]

    @property
    def first(self) -> Candidate:
        """The best, else the nearest."""
        return self.best or self.nearest

    @property
    def runner_up(self) -> Candidate | None:
        return next((candidate for candidate in self.candidates if candidate is not self.first), None)

    @property
    def ahead(self) -> Estimate | None:
        """How far the first is ahead of the runner-up."""
        if (other := self.runner_up) is None:
            return None
        return estimates.difference(self.first.estimate, other.estimate, paired=self.first.summary is other.summary)


def recommend(studies: Sequence[Mapping[str, object]], target: str, languages: Sequence[str] = ()) -> Recommendation:
    """Recommend an intermediate for a target, of the rows that are fine-tuned as usual where there are such.

    UserError where the studies hold nothing that would answer for the target and languages.
    """
    return _recommend([summarise(study) for study in studies], target, languages)


def _recommend(summaries: Sequence[Summary], target: str, languages: Sequence[str]) -> Recommendation:
    codes = tuple(dict.fromkeys(languages))
    own = [summary for summary in summaries if target in summary.targets]
    measured: list[Candidate] = []
    for summary in own or summaries:
        names = (target,) if own else _alike(summary, summaries, target)
        names = tuple(name for name in names if set(codes) <= set(summary.languages(name)))
        for row in summary.compared if names and summary.has_baseline else ():
            estimate = estimates.gain(summary, row, names, codes) if summary.rows[row] != Row((target,)) else None
            measured += [Candidate(row, summary, names, estimate)] if estimate else []
    if not measured:
        raise UserError(_nothing(summaries, own, target, codes))
    usual = [candidate for candidate in measured if candidate.fields.is_usual] or measured
    among = {candidate.fields for candidate in usual}
    aside = tuple(candidate.fields for candidate in measured if candidate.fields not in among)
    candidates = sorted(_tested(usual, codes), key=lambda candidate: -candidate.estimate.gain)
    return Recommendation(target, codes, not own, tuple(candidates), aside)


def recommend_all(studies: Sequence[Mapping[str, object]], languages: Sequence[str] = ()) -> list[Recommendation]:
    """Recommend an intermediate for every target of the studies that they can answer for.

    UserError where they can answer for none, with what is wrong for the first.
    """
    summaries = [summarise(study) for study in studies]
    answers, errors = list[Recommendation](), list[UserError]()
    for target in _targets(summaries):
        try:
            answers.append(_recommend(summaries, target, languages))
        except UserError as error:
            errors.append(error)
    if not answers:
        raise errors[0] if errors else UserError("no study has any target")
    return answers


def _tested(candidates: Sequence[Candidate], codes: Sequence[str]) -> list[Candidate]:
    """The candidates with the study's own q where it is of just this column, else with p adjusted for these candidates."""
    tested = []
    for candidate, q in zip(candidates, estimates.adjusted([candidate.estimate.p for candidate in candidates]), strict=True):
        whole = len(candidate.targets) == 1 and not codes
        effect = candidate.summary.tests.get((candidate.row, candidate.targets[0], None)) if whole else None
        tested.append(replace(candidate, q=q if effect is None or effect.low is None else effect.q))
    return tested


def _alike(summary: Summary, summaries: Sequence[Summary], target: str) -> tuple[str, ...]:
    """The study's targets with the same kind of head as a target that is in no study."""
    if target not in TASKS:
        known = sorted({name for other in summaries for name in other.targets} | set(TASKS))
        near = get_close_matches(target, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; the studies have {text.listed(_targets(summaries))}"
        raise UserError(f"--target {target}: there is no such task{hint}")
    head = TASKS[target].head
    return tuple(name for name in summary.targets if summary.study["tasks"][name].get("head") == head)


def _targets(summaries: Sequence[Summary]) -> list[str]:
    return list(dict.fromkeys(name for summary in summaries for name in summary.targets))


def _nothing(summaries: Sequence[Summary], own: Sequence[Summary], target: str, codes: Sequence[str]) -> str:
    """Why no study answers."""
    if own:
        scored = sorted({code for summary in own for code in summary.languages(target)})
        unknown = [code for code in codes if code not in scored]
        if unknown:
            return f"--languages {unknown[0]}: {target} is not scored in it; there is {', '.join(scored) or 'no score at all'}"
    elif not any(_alike(summary, summaries, target) for summary in summaries):
        absent = f"no study has it, nor a target with its kind of head ({TASKS[target].head})"
        return f"--target {target}: {absent}; they have {text.listed(_targets(summaries))}"
    elif codes:
        return f"--languages {','.join(codes)}: no target like {target} is scored in all of them"
    return (
        f"--target {target}: no gain can be computed: that takes scores of “{BASELINE}” and of an intermediate with the same seed"
    )
