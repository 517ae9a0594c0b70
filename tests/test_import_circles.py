# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""No file imports or includes one that imports it, be it by a detour or within a function.

Rooms of lib/ and of python/semisac know those rooms that they may. No system of semisac_ml imports another:
each is one folder, which can come and go.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "lib"
# Rooms of lib/ that files of a room may include; blocks, in lib/ itself, may include all of them.
MAY_INCLUDE = {
    "math": set(),
    "block": set(),
    "channel": {"block", "math"},
    "frame": {"block", "math"},
    "radar": {"block", "math", "frame"},
    "radio": {"block", "math"},
}
SHARED_ROOM = (
    "frames"  # of python/semisac: the others import it, the files outside of rooms, and each other not
)


def modules_below(folder: Path) -> dict[str, Path]:
    """Files of a package, or of a folder that holds packages, by the names of their modules."""
    top = folder.parent if (folder / "__init__.py").is_file() else folder
    found = {}
    for file in sorted(folder.rglob("*.py")):
        name = ".".join(file.relative_to(top).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = file
    return found


def imports_of(name: str, file: Path, known: dict[str, Path]) -> set[str]:
    """Modules of the package that a module names, wherever in its text."""
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.removeprefix("gnuradio.") for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])]).removeprefix("gnuradio.")
            submodules = {f"{base}.{alias.name}" for alias in node.names} & set(known)
            # what is taken of a package is either a module of it or in its __init__
            rest = len(submodules) < len(node.names)
            found |= submodules | ({base} if rest else set())
    return (found & set(known)) - {name}


def imports_below(folder: Path) -> dict[str, list[str]]:
    """Modules that each module of a package imports."""
    known = modules_below(folder)
    return {name: sorted(imports_of(name, file, known)) for name, file in known.items()}


def includes_below(folder: Path) -> dict[str, list[str]]:
    """Files of lib/ that each file there includes, all named from lib/."""
    files = [file for file in sorted(folder.rglob("*")) if file.suffix in {".h", ".cc"}]
    found = {}
    for file in files:
        named = re.findall(r'^#include "(.+?)"', file.read_text(encoding="utf-8"), re.MULTILINE)
        found[file.relative_to(folder).as_posix()] = [name for name in named if (folder / name).is_file()]
    return found


def circles(graph: dict[str, list[str]]) -> list[list[str]]:
    """Groups of files each of which imports, by a detour or not, all the others (Tarjan 1972)."""
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


@pytest.mark.parametrize(
    "package",
    [
        "python/semisac_ml",
        "python/semisac",
        "benchmarks",
    ],
)
def test_no_circle_of_imports(package):
    graph = imports_below(ROOT / package)
    assert any(graph.values())
    assert circles(graph) == []


def test_no_circle_of_imports_among_programs():
    """Their packages lie beside each other, and import each other too."""
    graph = imports_below(ROOT / "apps")
    assert "loopback.link" in graph["loopback.image_link"]
    assert "common.options" in graph["on_air.options"]
    assert circles(graph) == []


def test_no_circle_of_includes():
    graph = includes_below(LIBRARY)
    assert graph["cfar_detector_impl.cc"]
    assert circles(graph) == []


def test_rooms_of_the_library():
    """Nothing but blocks and their tests outside of rooms; a room includes those that it may."""
    graph = includes_below(LIBRARY)
    rooms = {name: name.partition("/")[0] if "/" in name else "" for name in graph}
    assert {room for room in rooms.values() if room} == set(MAY_INCLUDE)
    crossing = {
        (name, other)
        for name, others in graph.items()
        for other in others
        if rooms[name] and rooms[other] not in MAY_INCLUDE[rooms[name]] | {rooms[name]}
    }
    assert not crossing, f"docs/architecture.md says which rooms may include which: {sorted(crossing)}"
    blocks = tuple(header.stem + "_" for header in (ROOT / "include" / "gnuradio" / "semisac").glob("*.h"))
    outside = [name for name, room in rooms.items() if not room and not name.startswith("qa_")]
    assert all(name.startswith(blocks) for name in outside), outside


def test_rooms_of_the_module():
    """A room of gnuradio.semisac imports files outside of rooms and the room that all share, and no other."""
    folder = ROOT / "python" / "semisac"
    rooms = {name: file.parent.name for name, file in modules_below(folder).items()}
    assert SHARED_ROOM in rooms.values()
    crossing = {
        (name, other)
        for name, others in imports_below(folder).items()
        for other in others
        if rooms[other] not in {"semisac", rooms[name], *([SHARED_ROOM] if rooms[name] != "semisac" else [])}
    }
    crossing -= {(name, other) for name, other in crossing if name == "semisac"}  # __init__ names all blocks
    assert not crossing, sorted(crossing)


def other_systems(package: Path) -> dict[str, set[str]]:
    """Of each system below a package those that it imports, where there are any."""
    room = f"{package.name}.systems."
    found: dict[str, set[str]] = {}
    for name, others in imports_below(package).items():
        if name.startswith(room):
            own, *rest = (one.removeprefix(room).partition(".")[0] for one in (name, *others) if room in one)
            found.setdefault(own, set()).update(set(rest) - {own})
    return {name: others for name, others in found.items() if others}


def test_no_system_imports_another(tmp_path):
    assert other_systems(ROOT / "python" / "semisac_ml") == {}
    package = tmp_path / "made_up"
    package.mkdir()
    (package / "__init__.py").write_text("")
    for system, text in (("a", "from made_up.systems.b.model import two"), ("b", "from . import model")):
        (package / "systems" / system).mkdir(parents=True)
        for name, content in (("__init__", ""), ("model", "two = 2"), ("train", f"def f():\n    {text}")):
            (package / "systems" / system / f"{name}.py").write_text(f"{content}\n")
    assert other_systems(package) == {"a": {"b"}}


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
    assert circles(imports_below(folder)) == [["made_up.a", "made_up.b", "made_up.c"]]
    (folder / "c.py").write_text("three = 3\n")
    assert circles(imports_below(folder)) == []


def test_a_circle_of_includes_is_found(tmp_path):
    (tmp_path / "frame").mkdir()
    (tmp_path / "frame" / "a.h").write_text('#include "b.h"\n#include <vector>\n')
    (tmp_path / "b.h").write_text('#include "frame/a.h"\n#include "config.h"\n')
    assert circles(includes_below(tmp_path)) == [["b.h", "frame/a.h"]]
