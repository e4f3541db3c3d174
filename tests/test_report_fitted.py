"""Tables too wide for a page are cut into parts that hold all of it."""

from hypothesis import given
from hypothesis import strategies as st

from stilts_xtreme.report.fitted import BREAKS, PAPER, _width, fitted
from stilts_xtreme.report.tables import Body, Cell, Column, Table

LABELS = st.lists(st.text("ab+> ,", min_size=1, max_size=30), min_size=1, max_size=30)


def table(labels: list[str], numeric: bool = True) -> Table:
    rows = tuple((f"row {number}", tuple(Cell(f"{number}.{at}", "± 1.0") for at in range(len(labels)))) for number in range(3))
    return Table("Scores.", "language", tuple(Column(label, numeric) for label in labels), (Body("some", rows),), ("A note.",))


@given(LABELS)
def test_parts_hold_all_columns_in_their_order_and_fit(labels) -> None:
    whole = table(labels)
    parts = fitted(whole)
    assert tuple(column for part in parts for column in part.columns) == whole.columns
    for at, (head, cells) in enumerate(whole.bodies[0].rows):
        assert all(part.bodies[0].rows[at][0] == head for part in parts)
        assert tuple(cell for part in parts for cell in part.bodies[0].rows[at][1]) == cells
    assert [part.notes for part in parts] == [()] * (len(parts) - 1) + [whole.notes]
    widest = max(_width(whole, number) for number in range(len(labels)))
    for part in parts:  # even parts may be a column wider than the share
        assert sum(_width(part, number) for number in range(len(part.columns))) <= PAPER + widest or len(part.columns) == 1


def test_only_what_is_too_wide_is_cut_and_says_so() -> None:
    narrow = table(["none", "mnli"])
    assert fitted(narrow) == [narrow]
    wide = table(["squad + multilingual"] * 12)
    assert [part.caption for part in fitted(wide)] == ["Scores. (1 of 2)", "Scores. (2 of 2)"]
    words = table(["squad + multilingual"] * 12, numeric=False)
    assert fitted(words) == [words]


def test_names_break_after_arrows_underscores_and_plus_signs_inside_them() -> None:
    assert BREAKS.split("mnli>squad (en+xa, a_b)") == ["mnli>", "squad (en+", "xa, a_", "b)"]
    assert BREAKS.split("+0.4 to +1.2") == ["+0.4 to +1.2"]
