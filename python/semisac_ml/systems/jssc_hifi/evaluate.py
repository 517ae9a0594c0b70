# SPDX-License-Identifier: GPL-3.0-or-later
"""Comparing the picture code with digital schemes and the linear code."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from pydantic import Field
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as ConsoleTable

from semisac_ml.command_line import Options
from semisac_ml.parallel import Workers
from semisac_ml.results import Result, ResultTable
from semisac_ml.runtime import BundleError
from semisac_ml.shared_options import ParallelOptions
from semisac_ml.systems.jssc_hifi import comparison_figures
from semisac_ml.systems.jssc_hifi.comparison import LEARNED, Comparison, open_table, run, schemes_of, series

DEFAULT_BUNDLE = "jssc/hifi"
REFERENCE = "AVIF + ideal code"


def numbers(text: str, name: str) -> tuple[float, ...]:
    """Numbers separated by commas. Raises ValueError for anything else."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"{name} is {text!r}, expected numbers separated by commas, such as 0,10") from None


def fractions(text: str) -> tuple[Fraction, ...]:
    """Bandwidth ratios separated by commas. Raises ValueError for anything else."""
    try:
        return tuple(Fraction(part.strip()) for part in text.split(","))
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"ratios is {text!r}, expected some of 1/24,1/12,1/6") from None


def compare(
    comparison: Comparison,
    code: str | None,
    results: Path,
    console: Console,
    workers: Workers = Workers(1),
) -> list[Path]:
    """Measure, write the CSV file, draw the figures; the files written.

    code: bundle or training of the learned code; None for the bundle that ships, left out if there is none.
    """
    if code is None and LEARNED in comparison.schemes:
        code = DEFAULT_BUNDLE
        try:
            schemes_of(comparison, code)
        except BundleError as error:
            console.print(f"without the learned code: {error}")
            code = None
    schemes = schemes_of(comparison, code)
    name = f"compare_{comparison.name}" + ("" if comparison.counted == "data" else f"_{comparison.counted}")
    table = open_table(results / f"{name}.csv")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("comparing", total=len(series(schemes)))
        run(
            comparison,
            code,
            table,
            workers,
            lambda what: progress.update(task, advance=1, description=f"{what:40}"),
        )
    written = [table.path]
    for channel in comparison.channels:
        written.append(
            comparison_figures.draw_curves(
                measured(comparison, table, channel, len(schemes.pictures)),
                results / f"{name}_{channel}.png",
            )
        )
    written.append(comparison_figures.draw_pictures(schemes, results / f"{name}_pictures.png"))
    _print(comparison, table, len(schemes.pictures), console)
    for line in findings(comparison, table, len(schemes.pictures)):
        console.print(line)
    return written


def measured(comparison: Comparison, table: ResultTable, channel: str, count: int) -> list[Result]:
    """Rows of one channel, of so many of these pictures."""
    place = comparison.name, channel, comparison.counted
    return [
        row
        for row in table.rows
        if (*(row.conditions[key] for key in ("data", "channel", "counted")), row.n) == (*place, count)
    ]


def findings(comparison: Comparison, table: ResultTable, count: int) -> list[str]:
    """What the curves of the learned code say, a line for each channel and bandwidth.

    How steep it is at most, and where it lies above AVIF with an ideal code.
    """
    lines = []
    for channel in comparison.channels:
        for ratio in map(str, comparison.ratios):
            curves = {
                scheme: sorted(
                    (row.x, row.value)
                    for row in measured(comparison, table, channel, count)
                    if (row.variant, row.conditions["ratio"], row.metric) == (scheme, ratio, "psnr_db")
                )
                for scheme in (LEARNED, REFERENCE)
            }
            learned = curves[LEARNED]
            steps = list(zip(learned, learned[1:], strict=False))
            if not steps:
                continue
            slope = max((after[1] - before[1]) / (after[0] - before[0]) for before, after in steps)
            line = f"{channel}, k/n = {ratio}: learned code at most {slope:.2f} dB a dB"
            reference = dict(curves[REFERENCE])
            both = [(snr_db, value - reference[snr_db]) for snr_db, value in learned if snr_db in reference]
            if both:
                above = ", ".join(f"{snr_db:g}" for snr_db, gain_db in both if gain_db > 0) or "none"
                line += f"; above {REFERENCE} at {above} dB of " + ", ".join(
                    f"{snr_db:g}" for snr_db, _ in both
                )
            lines.append(line)
    return lines


def _print(comparison: Comparison, table: ResultTable, count: int, console: Console) -> None:
    """PSNR of each scheme, modes of polar codes left out."""
    for channel in comparison.channels:
        shown = ConsoleTable(
            title=f"PSNR in dB, mean of {count} pictures of {comparison.name}, {channel}, SNR as Es/N0; bits "
            f"counted: {comparison.counted}"
        )
        shown.add_column("k/n")
        shown.add_column("scheme")
        for snr_db in comparison.snr_db:
            shown.add_column(f"{snr_db:g} dB", justify="right")
        for ratio in map(str, comparison.ratios):
            at = {
                (row.variant, row.x): row.value
                for row in measured(comparison, table, channel, count)
                if (row.conditions["ratio"], row.metric) == (ratio, "psnr_db")
            }
            for scheme in dict.fromkeys(scheme for scheme, _ in at):
                if "polar" not in scheme or scheme.endswith("best mode"):
                    values = [at.get((scheme, snr_db)) for snr_db in comparison.snr_db]
                    cells = ["–" if value is None else f"{value:.2f}" for value in values]
                    shown.add_row(ratio, scheme, *cells)
        console.print(shown)


class CompareOptions(Options):
    """What is compared, on which pictures, over which channels."""

    code: str | None = Field(
        None, description="Learned code: a bundle, or the folder of a training [default: jssc/hifi]."
    )
    data: str = Field(
        "cifar10",
        description="Pictures: cifar10 (test set), sample (64 shipped ones), photographs (scikit-image's), "
        "or a folder.",
    )
    images: int | None = Field(
        None, ge=1, description="Pictures used [default: 500 of cifar10, all of others]."
    )
    picture_size: int = Field(256, ge=32, description="Side of photographs in pixels.")
    ratios: str = Field("1/24,1/12,1/6", description="Channel uses a source value.")
    snr_db: str = Field("-5,0,5,10,15,20", description="SNRs, Es/N0 in dB.")
    channel: list[str] = Field(
        [], description="awgn, rayleigh or ofdm; repeat it for several [default: awgn rayleigh]."
    )
    scheme: list[str] = Field(
        [], description="learned, linear, JPEG, 'JPEG 2000' or AVIF; repeat it [default: all]."
    )
    counted: str = Field(
        "data",
        description="Bits of files that are sent: data (no headers) or stream (without container).",
    )
    avif_speed: int = Field(4, ge=0, le=10, description="Of libaom: 0 slowest.")
    seed: int = Field(0, ge=0, description="Seed of the channels.")
    results: Path = Field(Path("results/jssc_hifi"), description="Folder of CSV files and pictures.")

    def comparison(self) -> Comparison:
        """What is compared. Raises ValueError."""
        several = {"channels": tuple(self.channel), "schemes": tuple(self.scheme)}
        return Comparison(
            ratios=fractions(self.ratios),
            snr_db=numbers(self.snr_db, "snr_db"),
            **self.model_dump(include={"data", "images", "picture_size", "counted", "avif_speed", "seed"}),
            **{name: chosen for name, chosen in several.items() if chosen},
        )


def command(
    *, options: CompareOptions = CompareOptions(), parallel: ParallelOptions = ParallelOptions()
) -> None:
    """Compare the picture code with JPEG, JPEG 2000 and AVIF over ideal and real channel codes, and with the
    linear code.

    Same channel uses, power and SNR for all. PSNR is the mean over pictures of each one's PSNR (data range
    1). What the CSV file has already is not measured again, the learned code excepted.
    """
    console = Console()
    for path in compare(options.comparison(), options.code, options.results, console, parallel.workers):
        console.print(f"written: {path}")
