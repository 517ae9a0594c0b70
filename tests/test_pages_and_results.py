# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measured figures on pages stand in files of results, in the manifests of bundles, or are claims of papers.

Numbers with decimals alone are looked at, not those in code, and found if any row of the systems' files
rounds to them: one of two digits is found by chance easily, one of four hardly.
"""

from __future__ import annotations

import bisect
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from semisac_ml.reproduction.readings import Results
from semisac_ml.reproduction.verdicts import judged
from semisac_ml.results import read_results
from semisac_ml.systems import system_module, systems_with

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Results(ROOT / "results")
PAGES = {
    "README.md": ("jssc", "jssc_hifi"),
    "docs/jssc.md": ("jssc",),
    "docs/train_your_own.md": ("jssc", "jssc_hifi"),
    "docs/pictures.md": ("jssc_hifi", "jssc"),
    "docs/digital_baselines.md": ("jssc_hifi",),
    "docs/simac.md": ("simac",),
    "docs/csc_sa_net.md": ("csc_sa_net",),
    "docs/vi_beam.md": ("vi_beam",),
    "docs/lam_msac.md": ("lam_msac",),
    "docs/beam_tracking.md": ("vi_beam", "lam_msac"),
    "docs/radar.md": ("radar",),
}
NOT_MEASURED = {
    # a version
    "README.md": {"3.10"},
    # arithmetic: channel uses a source value
    "docs/jssc.md": {"0.0033"},
    # sizes of exported networks, and their operations
    "docs/csc_sa_net.md": {"5.0", "5.8", "1.69"},
    # thresholds in dB that theory sets, beside those of the code
    "docs/digital_baselines.md": {"3.8", "5.7"},
    # reach and cells of waveforms, a power of ten, a carrier, the theory of a notch, and who walked where
    "docs/radar.md": {"30.7", "17.5", "1.02", "9.6", "2.45", "2.3", "5.2"},
}
SCALES = (1.0, 100.0, 1e3, 1e-3, 1e-6, 1e-9)
"""From the unit of a file to that of a page: shares in percent, seconds in ms, kB in MB, and so on."""
NUMBER = re.compile(r"(?<![\w./-])[-−]?(\d+\.\d+)(?![\w./])")


CODE = re.compile(r"^```.*?^```|`[^`]*`|\]\([^)]*\)", re.DOTALL | re.MULTILINE)
"""Of a page, with the addresses of links."""


def numbers_on(page: str) -> list[str]:
    """Numbers with decimals, without their signs, of all that is not code."""
    return NUMBER.findall(CODE.sub(" ", page))


def numbers_in(document: object) -> Iterator[float]:
    """All numbers in a JSON document."""
    if isinstance(document, dict):
        document = list(document.values())
    if isinstance(document, list):
        for one in document:
            yield from numbers_in(one)
    elif isinstance(document, int | float):
        yield float(document)


def measured(systems: tuple[str, ...]) -> list[float]:
    """Amounts of all figures of systems, with the ends of their intervals, sorted."""
    found: set[float] = set()
    for system in systems:
        for file in (ROOT / "results" / system).rglob("*.csv"):
            for row in read_results(file):
                found |= {abs(one) for one in (row.value, row.low, row.high, row.x) if one is not None}
        if system in systems_with("reproduction"):
            for one in judged(system_module(system, "reproduction").PAPER, RESULTS):
                if one.found and one.claim.found:
                    ends = (one.found.value, one.found.low, one.found.high)
                    found |= {abs(end) for end in ends if end is not None}
        documents = [*(ROOT / "results" / system).glob("*.json")]
        documents += (ROOT / "models" / system.partition("_hifi")[0]).glob("*/manifest.json")
        for file in documents:
            document = json.loads(file.read_text(encoding="utf-8"))
            found |= set(numbers_in(document.get("metrics", document.get("bundles", {}))))
    return sorted(found)


def printed(systems: tuple[str, ...]) -> set[str]:
    """Numbers that papers print."""
    papers = [
        system_module(one, "reproduction").PAPER for one in systems if one in systems_with("reproduction")
    ]
    claims = [claim for paper in papers for item in paper.items for claim in item.claims]
    return {number for claim in claims for number in re.findall(r"\d+\.\d+", claim.printed + claim.says)}


def is_measured(number: str, known: list[float]) -> bool:
    """Whether some figure rounds to a number."""
    half = 0.5000001 * 10.0 ** -len(number.partition(".")[2])
    for scale in SCALES:
        place = bisect.bisect_left(known, (float(number) - half) / scale)
        if place < len(known) and known[place] <= (float(number) + half) / scale:
            return True
    return False


@pytest.mark.parametrize("page", PAGES)
def test_figures_on_pages_stand_in_files(page):
    known = measured(PAGES[page])
    others = printed(PAGES[page]) | NOT_MEASURED.get(page, set())
    numbers = numbers_on((ROOT / page).read_text(encoding="utf-8"))
    assert [one for one in numbers if one not in others and not is_measured(one, known)] == []


def test_a_figure_without_a_file_is_found():
    known = sorted([0.123456, 0.861, 25.0, 1568.37])
    page = (
        "| DBA | 0.861 [0.123, 25.0] | −0.862 |\n| memory | 1.57 GB, 86.1 % | docs/a.b 1.2.3 |\n"
        "It was 0.99, see [a 1.57](b-0.5.md) and `--snr-db 2.5`.\n```sh\nsemisac --weights 0.7\n```\n"
    )
    numbers = numbers_on(page)
    assert numbers == ["0.861", "0.123", "25.0", "0.862", "1.57", "86.1", "0.99", "1.57"]
    assert [one for one in numbers if not is_measured(one, known)] == ["0.862", "0.99"]


@pytest.mark.parametrize("page", [*PAGES, "docs/reproduction.md"])
def test_files_of_results_that_pages_link_are_there(page):
    file = ROOT / page
    links = re.findall(r"\]\(([^)#\s]*results/[^)#\s]+)\)", file.read_text(encoding="utf-8"))
    assert [link for link in links if not (file.parent / link).exists()] == []
