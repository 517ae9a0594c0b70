# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page of all papers, Markdown, from what systems declare and the files of results."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from semisac_ml.reproduction.declared import Claim, Item, Paper
from semisac_ml.reproduction.readings import Found, Results
from semisac_ml.reproduction.verdicts import CANNOT, NOT_YET, NOTHING, VERDICTS, Judged, judged, tally

HEAD = Path(__file__).with_name("head.md")


def written(papers: Mapping[str, Paper], folder: Path, page: Path) -> str:
    """The page. folder: of results. page: where it will lie, which links lead from."""
    results = Results(folder)
    rows = {name: judged(paper, results) for name, paper in papers.items()}
    links = Links(folder, page.parent)
    parts = [HEAD.read_text(encoding="utf-8"), *_summary(rows)]
    for name, paper in papers.items():
        parts += _of_paper(name, paper, rows[name], results, links)
    return "".join(parts)


class Links:
    """Addresses as they are from the page's folder."""

    def __init__(self, results: Path, place: Path) -> None:
        self._results, self._place = results, place

    def result(self, file: str) -> str:
        """Of a file of results."""
        return Path(os.path.relpath(self._results / file, self._place)).as_posix()


def _summary(rows: Mapping[str, list[Judged]]) -> list[str]:
    lines = [f"| system | {' | '.join(VERDICTS)} |\n", f"|---|{'---|' * len(VERDICTS)}\n"]
    for name, own in rows.items():
        counts = tally(own)
        cells = " | ".join(str(counts.get(verdict, "")) for verdict in VERDICTS)
        lines.append(f"| [{name}](#{name}) | {cells} |\n")
    return lines


def _of_paper(name: str, paper: Paper, rows: list[Judged], results: Results, links: Links) -> Iterable[str]:
    yield f'\n## {name}\n\n{paper.authors}, "{paper.title}". [The system\'s page]({paper.page}).\n'
    if paper.apart:
        yield f"\n{paper.apart}\n"
    for item in paper.items:
        if item.command is None:
            continue
        own = [row for row in rows if row.item is item]
        yield f"\n### {item.where}\n\n{item.shows}.\n"
        if item.note:
            yield f"\n{item.note}\n"
        yield f"\n{_how(item, results, links)}\n"
        yield "\n| the paper says | measured here | verdict |\n|---|---|---|\n"
        for row in own:
            yield f"| {_said(row.claim)} | {_measured(row)} | {_verdict(row)} |\n"
    alone = [row for row in rows if row.item.command is None]
    if alone:
        yield f"\n### {name}: what has no measurement\n\n"
        yield "| in the paper | it says | why | verdict |\n|---|---|---|---|\n"
    for row in alone:
        yield f"| {row.item.where} | {_said(row.claim)} | {_measured(row)} | {_verdict(row)} |\n"


def _how(item: Item, results: Results, links: Links) -> str:
    there = results.rows(item.file) is not None
    file = f"[{item.file}]({links.result(item.file)})" if there else f"`{item.file}` (not there yet)"
    drawn = item.picture and (results.folder / item.picture).is_file()
    picture = f", [picture]({links.result(item.picture)})" if drawn else ""
    trains = "trains" if item.command.hours else "no training"
    return f"`{item.command.line}` ({trains}) → {file}{picture}"


def _said(claim: Claim) -> str:
    return f"{claim.says}: **{claim.printed}**" if claim.printed else claim.says


def _measured(row: Judged) -> str:
    claim, found = row.claim, row.found
    if claim.nothing or claim.cannot:
        return claim.nothing or claim.cannot
    if found is None:
        return claim.of
    if not claim.found:
        return claim.of
    behind = [f"seed{'s' * (' ' in found.seeds)} {found.seeds}"] if found.seeds else []
    if found.n is not None:
        behind.append(f"n = {found.n}" if found.n else "computed")
    if found.short:
        behind.append(f"falls short at {found.short}")
    told = f" ({', '.join(behind)})" if behind else ""
    return f"{claim.of}: {figure(found, claim.unit)}{told}"


def _verdict(row: Judged) -> str:
    return row.verdict if row.verdict in (NOT_YET, NOTHING, CANNOT) else f"**{row.verdict}**"


def figure(found: Found, unit: str) -> str:
    """A figure with its interval; as many digits as the interval allows, three without one."""
    low, high = found.low, found.high
    width = (high - low) / 2.0 if found.has_interval else 0.0
    if width > 0.0:
        digits = max(0, -math.floor(math.log10(width / 3.0)))
        shown = f"{found.value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
    else:
        shown = f"{found.value:.3g}" if abs(found.value) < 1000 else f"{found.value:.0f}"
    return f"{shown} {unit}".rstrip().replace("-", "−")
