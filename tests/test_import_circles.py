# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""No module of semisac_ml imports one that imports it, be it by a detour or within a function.

And no system imports another: each is one folder, which can come and go.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import semisac_ml

PACKAGE = Path(semisac_ml.__file__).parent


def modules_below(folder: Path) -> dict[str, Path]:
    """Files of a package by the names of their modules."""
    found = {}
    for file in sorted(folder.rglob("*.py")):
        name = ".".join(file.relative_to(folder.parent).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = file
    return found


def imports_of(name: str, file: Path, known: dict[str, Path]) -> set[str]:
    """Modules of the package that a module names, wherever in its text."""
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            submodules = {f"{base}.{alias.name}" for alias in node.names} & set(known)
            # what is taken of a package is either a module of it or in its __init__
            rest = len(submodules) < len(node.names)
            found |= submodules | ({base} if rest else set())
    return (found & set(known)) - {name}


def circles(folder: Path) -> list[list[str]]:
    """Groups of modules each of which imports, by a detour or not, all the others (Tarjan 1972)."""
    known = modules_below(folder)
    graph = {name: sorted(imports_of(name, file, known)) for name, file in known.items()}
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        number[name] = lowest[name] = len(number)
        stack.append(name)
        for other in graph[name]:
            if other not in number:
                visit(other)
            if other in stack:
                lowest[name] = min(lowest[name], lowest[other])
        if lowest[name] == number[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(sorted(group))

    for name in graph:
        if name not in number:
            visit(name)
    return found


def other_systems(folder: Path) -> dict[str, set[str]]:
    """Systems below the folder of a package that are imported by another one, by its name."""
    known = modules_below(folder)
    room = f"{folder.name}.systems."
    found: dict[str, set[str]] = {}
    for name, file in known.items():
        if name.startswith(room):
            own = name.removeprefix(room).partition(".")[0]
            imported = {
                other.removeprefix(room).partition(".")[0]
                for other in imports_of(name, file, known)
                if other.startswith(room)
            }
            found.setdefault(own, set()).update(imported - {own})
    return {name: others for name, others in found.items() if others}


def test_no_circle_of_imports():
    assert circles(PACKAGE) == []


def test_no_system_imports_another(tmp_path):
    assert other_systems(PACKAGE) == {}
    made_up = tmp_path / "made_up"
    for system, text in (("a", "from made_up.systems.b.model import two"), ("b", "from . import model")):
        (made_up / "systems" / system).mkdir(parents=True)
        (made_up / "systems" / system / "__init__.py").write_text("")
        (made_up / "systems" / system / "model.py").write_text("two = 2\n")
        (made_up / "systems" / system / "train.py").write_text(f"def f():\n    {text}\n")
    assert other_systems(made_up) == {"a": {"b"}}


@pytest.mark.parametrize(
    "imported",
    ["from made_up.b import two", "from . import b", "import made_up.b", "def f():\n    from .b import two"],
)
def test_a_circle_is_found(imported, tmp_path):
    folder = tmp_path / "made_up"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "a.py").write_text(imported + "\n")
    (folder / "b.py").write_text("from made_up.c import three\n")
    (folder / "c.py").write_text("from . import a\n")
    assert circles(folder) == [["made_up.a", "made_up.b", "made_up.c"]]
    (folder / "c.py").write_text("three = 3\n")
    assert circles(folder) == []
