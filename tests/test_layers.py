"""Imports only point down, and nothing heavy is imported where a command only parses, plans or reports."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "stilts_xtreme"
ROWS = {
    "errors": 0, "languages": 0, "scoring": 0, "formats": 0,
    "tasks": 1,
    "spec": 2, "data": 2,
    "plan": 3, "results": 3,
    "store": 4,
    "heads": 5,
    "engine": 6,
    "stages": 7,
    "report": 8, "progress": 8, "listing": 8,
    "cli": 9, "__main__": 10, "__init__": 10,
}  # fmt: skip
HEAVY = {"torch", "transformers", "tokenizers", "datasets", "accelerate", "sklearn", "scipy"}
FILES = sorted(PACKAGE.rglob("*.py"))


def room(parts: tuple[str, ...]) -> str:
    return parts[0].removesuffix(".py")


def imports(tree: ast.AST, top_only: bool) -> list[str]:
    nodes = tree.body if top_only and isinstance(tree, ast.Module) else ast.walk(tree)
    found = []
    for node in nodes:
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            found += [node.module] if node.module != "stilts_xtreme" else [f"stilts_xtreme.{alias.name}" for alias in node.names]
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_imports_point_down(file: Path) -> None:
    here = room(file.relative_to(PACKAGE).parts)
    for name in imports(ast.parse(file.read_text(encoding="utf-8")), top_only=False):
        if name.startswith("stilts_xtreme."):
            there = name.split(".")[1]
            assert there == here or ROWS[there] < ROWS[here], f"{here} (row {ROWS[here]}) imports {name} (row {ROWS[there]})"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_nothing_heavy_at_import(file: Path) -> None:
    here = room(file.relative_to(PACKAGE).parts)
    if ROWS[here] in (5, 6):
        pytest.skip("heads and engine may import torch")
    if here == "stages" and file.name in ("train.py", "predict.py"):
        pytest.skip("imported only when a stage runs")
    heavy = [name for name in imports(ast.parse(file.read_text(encoding="utf-8")), top_only=True) if name.split(".")[0] in HEAVY]
    assert not heavy
