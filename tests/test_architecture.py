# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What docs/architecture.md and CONTRIBUTING.md name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = ("apps", "lib", "python", "scripts", "tests")
SUFFIXES = ("cc", "h", "json", "md", "py", "sh", "txt", "yml")


def named(text: str) -> list[list[str]]:
    """Folders and files that each line of a page names, as paths that may hold ``*``."""
    path = re.compile(rf"\w[\w./*-]*(?:/|\.(?:{'|'.join(SUFFIXES)}))")
    lines = [re.findall(r"`([^`\s]+)`", re.sub(r"<\w+>", "*", line)) for line in text.splitlines()]
    return [[name for name in line if path.fullmatch(name)] for line in lines]


def missing(text: str) -> list[str]:
    """Names of which there is no file: from the root, from python/, or beside what their line names.

    A file that is alone on its line may be anywhere.
    """
    found = []
    for line in named(text):
        beside: list[Path] = []
        for name in line:
            folders = [ROOT, ROOT / "python", *beside]
            places = [file for folder in folders for file in folder.glob(name.rstrip("/"))]
            if not places and not beside and "/" not in name:
                places = [file for room in CODE for file in (ROOT / room).rglob(name)]
            if not places:
                found.append(name)
            beside += [place if place.is_dir() else place.parent for place in places]
            beside += [place.parent for place in places if place.is_dir()]
    return found


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_names_are_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert sum(map(len, named(text))) > 10
    assert missing(text) == []


def test_what_is_not_there_is_found():
    line = (
        "| `lib/radar/cfar_threshold.cc`, `echo_maps.cc`, `phasor.cc` | `semisac/radar/` | `lib/moon/`, `x` |"
    )
    assert missing(line) == ["phasor.cc", "lib/moon/"]


def test_every_room_is_on_the_page():
    """Folders of code that the page says nothing of."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = [
        folder
        for place in ("lib", "python/semisac", "python/semisac_ml")
        for folder in sorted((ROOT / place).iterdir())
        if folder.is_dir() and any(folder.glob("*.[chp]*"))
    ]
    assert len(rooms) > 15
    assert [str(room) for room in rooms if f"{room.name}/" not in text and room.name != "bindings"] == []
