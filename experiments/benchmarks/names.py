"""Count what a reader of the package meets: words outside the field's language, `Any`, sizes of files and functions.

Usage: python -m experiments.benchmarks.names [--root stilts_xtreme] [--rooms] [--json]

Words are whole words of code and prose, case as written. Rates are per 1,000 lines of .py under the root, blank lines included.
"""

import argparse
import ast
import json
import re
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WORDS = ("told", "found", "one", "Any")
BANNED = ("told", "found", "said", "kept", "heard", "met", "made", "gone", "one")  # as names of variables
PACKAGE = Path(__file__).parents[2] / "stilts_xtreme"
MEDIAN_FROM = 5  # lines above which a file counts for the median, so that empty __init__.py do not


@dataclass(frozen=True)
class Source:
    """A file of the package: its room (folder or module at the top level), text and syntax tree."""

    path: Path
    room: str
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())


def read(root: Path) -> list[Source]:
    """Read every .py file under `root`, sorted by path; SyntaxError for one that is no Python."""
    sources = []
    for path in sorted(root.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        sources.append(Source(path, path.relative_to(root).parts[0].removesuffix(".py"), text, ast.parse(text)))
    return sources


def variables(tree: ast.AST) -> Iterator[str]:
    """Yield the name at every place that binds a variable, a parameter or a field."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name


def functions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield name and lines of every function, methods included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def count(sources: list[Source]) -> dict[str, Any]:
    """Count words, variables, lines, files and functions of these files."""
    lines = sum(source.lines for source in sources)
    words = {word: sum(len(re.findall(rf"\b{word}\b", source.text)) for source in sources) for word in WORDS}
    bound = [name for source in sources for name in variables(source.tree)]
    longest = max(((size, name) for source in sources for name, size in functions(source.tree)), default=(0, ""))
    largest = max(sources, key=lambda source: source.lines)
    return {
        "files": len(sources),
        "lines": lines,
        "lines_not_blank": sum(bool(line.strip()) for source in sources for line in source.text.splitlines()),
        "per_1000_lines": {word: round(1000 * times / lines, 1) if lines else 0.0 for word, times in words.items()},
        "banned_variables": {name: bound.count(name) for name in BANNED},
        "median_file": statistics.median([source.lines for source in sources if source.lines > MEDIAN_FROM] or [0]),
        "largest_file": {"name": largest.path.name, "lines": largest.lines},
        "functions": sum(1 for source in sources for _ in functions(source.tree)),
        "longest_function": {"name": longest[1], "lines": longest[0]},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=PACKAGE)
    parser.add_argument("--rooms", action="store_true", help="one line for each room too")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sources = read(options.root)
    rooms = sorted({source.room for source in sources})
    total = {**count(sources), "top_level_names": len(rooms)}
    by_room = {room: count([source for source in sources if source.room == room]) for room in rooms} if options.rooms else {}
    if options.json:
        print(json.dumps({**total, **({"rooms": by_room} if by_room else {})}, indent=1))
        return
    heads = ("lines", "files", *WORDS, "banned", "largest", "longest")
    print(f"{'':16}", *(f"{head:>7}" for head in heads))
    for name, row in [*by_room.items(), ("all", total)]:
        sizes = row["largest_file"]["lines"], row["longest_function"]["lines"]
        figures = (row["lines"], row["files"], *row["per_1000_lines"].values(), sum(row["banned_variables"].values()), *sizes)
        print(f"{name:16}", *(f"{figure:7}" for figure in figures))
    print(
        f"top-level names {total['top_level_names']}, median file {total['median_file']:g} lines, "
        f"lines not blank {total['lines_not_blank']}"
    )


if __name__ == "__main__":
    main()
