"""Imports only point down, and nothing heavy is imported where a command only parses, plans or reports."""

import ast
import sys
import tomllib
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
NAMES = {"pyyaml": "yaml", "scikit-learn": "sklearn"}  # of packages that are imported under another name
PART_OF = {"pydantic_core": "pydantic", "markupsafe": "jinja2"}  # which pin them
NOT_IMPORTED = {"protobuf"}  # see pyproject.toml


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


def test_dependencies_are_what_is_imported() -> None:
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    known = {group: {_name(entry) for entry in entries} for group, entries in {"": project["dependencies"], **extras}.items()}
    used = {name.split(".")[0] for file in FILES for name in imports(ast.parse(file.read_text(encoding="utf-8")), top_only=False)}
    used = {PART_OF.get(name, name) for name in used - sys.stdlib_module_names - {"stilts_xtreme", "_typeshed"}}
    assert known[""] - NOT_IMPORTED <= used, "listed, and not imported"
    assert used <= set().union(*known.values()), "imported, and not listed"


def _name(requirement: str) -> str:
    """Return the name under which a requirement is imported."""
    package = requirement.split(">")[0].split("[")[0].strip().lower()
    return NAMES.get(package, package.replace("-", "_"))
