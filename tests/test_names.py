"""The package speaks the field's language: rates of words that it does not use, names of variables, sizes."""

from experiments.benchmarks import names

MOST = {"told": 1.0, "found": 5.0, "one": 10.0, "Any": 10.0}  # per 1,000 lines
ROOMS = 24  # names at the top level
LINES, LINES_OF_A_FUNCTION = 350, 80


def test_words_variables_and_sizes() -> None:
    sources = names.read(names.PACKAGE)
    counted = names.count(sources)
    assert {word: rate for word, rate in counted["per_1000_lines"].items() if rate > MOST[word]} == {}
    assert {name: times for name, times in counted["banned_variables"].items() if times} == {}
    assert len({source.room for source in sources}) <= ROOMS
    assert counted["largest_file"]["lines"] <= LINES and counted["longest_function"]["lines"] <= LINES_OF_A_FUNCTION
    assert 80 <= counted["median_file"] <= 200


def test_what_is_counted() -> None:
    text = "from typing import Any\n\n\ndef told(one: int) -> Any:\n    found = one\n    return found\n"
    counted = names.count([names.Source(names.PACKAGE / "x.py", "x", text, names.ast.parse(text))])
    assert counted["per_1000_lines"] == {"told": 166.7, "found": 333.3, "one": 333.3, "Any": 333.3}
    assert counted["banned_variables"]["one"] == counted["banned_variables"]["found"] == 1
    assert counted["banned_variables"]["told"] == 0  # a function, not a variable
