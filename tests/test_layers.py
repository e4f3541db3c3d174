"""Imports only point down, and nothing heavy is imported where a command only parses, plans or reports."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "stilts_xtreme"
ROWS = {
    "utils": 0, "scoring": 1, "tasks": 2,
    "spec": 3, "data": 3, "noise": 3, "results": 3,
    "models": 4, "pipeline": 5, "store": 6, "engine": 7, "stages": 8,
    "analysis": 9, "forecast": 9, "slurm": 9,
    "report": 10, "verify": 10, "export": 11, "transferability": 11, "inference": 12,
    "api": 13, "cli": 14, "__main__": 15, "__init__": 15,
}  # fmt: skip
HEAVY = {"torch", "transformers", "tokenizers", "datasets", "accelerate", "sklearn", "scipy", "matplotlib", "pandas"}
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
    if here == "engine" or file.parent == PACKAGE / "models" / "heads":
        pytest.skip("heads and engine may import torch")
    if here == "stages" and file.name in ("train.py", "predict.py"):
        pytest.skip("imported only when a stage runs")
    heavy = [name for name in imports(ast.parse(file.read_text(encoding="utf-8")), top_only=True) if name.split(".")[0] in HEAVY]
    assert not heavy
