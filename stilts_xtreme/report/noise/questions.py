"""The questions that a study of noise answers: which pairs of rows are set against one another for each."""

from stilts_xtreme.report.noise.noisy import Noisy
from stilts_xtreme.results.rows import BASELINE, USUAL, Row

Made = tuple[bool, bool, bool]  # with intermediate training, with several languages of fine-tuning, with noise in it

QUESTIONS: dict[str, list[tuple[Made, Made]]] = {
    "Intermediate training against none": [((True, False, False), (False, False, False))],
    "Multilingual fine-tuning against English alone": [((False, True, False), (False, False, False))],
    "Both against neither": [((True, True, False), (False, False, False))],
    "Multilingual fine-tuning against intermediate training": [((False, True, False), (True, False, False))],
    "Noise in training against none": [
        ((helped, several, True), (helped, several, False)) for helped in (False, True) for several in (False, True)
    ],
    "Both and noise in training against none of them": [((True, True, True), (False, False, False))],
    "Both against intermediate training alone": [((True, True, False), (True, False, False))],
    "Both against multilingual fine-tuning alone": [((True, True, False), (False, True, False))],
    "Intermediate training against none, both with noise in training": [
        ((True, several, True), (False, several, True)) for several in (False, True)
    ],
    "Multilingual fine-tuning against English alone, both with noise in training": [
        ((helped, True, True), (helped, False, True)) for helped in (False, True)
    ],
    "Multilingual fine-tuning against intermediate training, both with noise in training": [
        ((False, True, True), (True, False, True))
    ],
}  # fmt: skip


def questions(noisy: Noisy) -> dict[str, list[tuple[str, str]]]:
    """Pairs of rows by question, the more wanted first; only such as the study tested."""
    usual = {row.name: _made(row) for row in noisy.rows if not row.is_control and row.recipe == USUAL}
    tested = [(row, BASELINE) for row, *_ in noisy.spared] + [(row, other) for row, other, _ in noisy.between]
    known = [pair for pair in dict.fromkeys(tested) if all(row in usual for row in pair)]
    found = {
        title: [(row, other) for row, other in known if (usual[row], usual[other]) in made] for title, made in QUESTIONS.items()
    }
    return {title: pairs for title, pairs in found.items() if pairs}


def _made(row: Row) -> Made:
    return not row.is_baseline, len(row.languages) > 1, row.noise > 0
