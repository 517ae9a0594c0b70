# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command line of run_loopback.py."""

from __future__ import annotations

import importlib
import shlex
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from gnuradio import gr
from rich.console import Console

from semisac_ml.cli.mistakes import run_program
from semisac_ml.outputs import check_outputs, console_beside, write_output
from semisac_ml.runtime import Bundle, ImageLink
from semisac_ml.signal.frame import FrameParameters

from . import pictures as picture_link
from .air import summarise
from .flowgraph import loopback_flowgraph
from .report import write_report
from .results import RunResult, print_table
from .running import wait_for_end
from .settings import LinkSettings, load_pictures
from .waveform import DEFAULT_TARGETS, Target, WaveformSettings, parse_taps

SSIM_AFTER_INTERRUPT_S = 0.2
PICTURES = "Pictures of any size (jssc/hifi)"
WAVEFORM, AIR, RADAR = "Waveform (ofdm, lfm)", "On the way (ofdm, lfm)", "Radar (ofdm, lfm)"

program = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@program.command()
def loopback(
    context: typer.Context,
    bundle: Annotated[
        str, typer.Option(help="Trained networks: folder of a bundle, or system/name of one that ships.")
    ] = "jssc/awgn",
    data: Annotated[
        str,
        typer.Option(
            help="**sample** (the 64 that ship), **cifar10** (the test set), or a picture or folder; with a "
            "bundle for pictures also **synthetic**, a video file, **camera** or **camera:N**."
        ),
    ] = "sample",
    images: Annotated[
        int | None,
        typer.Option(
            help="Images to send; a smaller set is repeated. Without it: each once.", show_default=False
        ),
    ] = None,
    channel: Annotated[
        str | None,
        typer.Option(help="**awgn** or **rayleigh**. Without it: the bundle's.", show_default=False),
    ] = None,
    snr_db: Annotated[
        float | None, typer.Option(help="Mean Es/N0 of the link in dB. [default: the bundle's reference]")
    ] = None,
    sensing_snr_db: Annotated[
        float | None,
        typer.Option(help="Echo SNR of the nearest range in dB. [default: the bundle's reference]"),
    ] = None,
    ranges: Annotated[int, typer.Option(help="Ranges in which a target may be.")] = 1,
    range_step_db: Annotated[
        float | None,
        typer.Option(help="Loss from one range to the next in dB. [default: the bundle's]"),
    ] = None,
    delay_symbols_per_range: Annotated[
        int, typer.Option(help="Delay from one range to the next in symbols; 0: ranges differ in SNR only.")
    ] = 0,
    target_probability: Annotated[
        float,
        typer.Option(
            help="Share of frames, or of maps of several frames, with a target, each range equally; the "
            "detector knows it."
        ),
    ] = 0.5,
    sensing_knowledge: Annotated[
        str, typer.Option(help="**symbols**: the detector knows what was sent; **echo**: it does not.")
    ] = "symbols",
    phy: Annotated[
        str,
        typer.Option(
            help="Physical layer: **ofdm** or **lfm** frames of samples, or bare **symbols**, one a channel "
            "use."
        ),
    ] = "ofdm",
    images_per_s: Annotated[float, typer.Option(help="Pace; 0 sends as fast as possible.")] = 0.0,
    seed: Annotated[
        int, typer.Option(help="Seed of all random draws; the same seed gives the same figures.")
    ] = 0,
    batch: Annotated[int, typer.Option(help="Most frames in one inference.")] = 64,
    sample_rate_hz: Annotated[
        float, typer.Option(help="Complex samples a second.", rich_help_panel=WAVEFORM)
    ] = 5e6,
    carrier_hz: Annotated[
        float, typer.Option(help="Carrier; turns Doppler into speed.", rich_help_panel=WAVEFORM)
    ] = 2.45e9,
    fft_size: Annotated[
        int, typer.Option(help="Subcarriers of an OFDM symbol, 64 to 2048.", rich_help_panel=WAVEFORM)
    ] = 64,
    images_per_frame: Annotated[
        int | None,
        typer.Option(
            help="Images, or packets of pictures, in a frame on the air. [default: 8, of packets "
            "those of a picture, 32 at most]",
            rich_help_panel=WAVEFORM,
            show_default=False,
        ),
    ] = None,
    carrier_offset_hz: Annotated[
        float, typer.Option(help="Carrier offset of the receiver.", rich_help_panel=AIR)
    ] = 0.0,
    clock_offset_ppm: Annotated[
        float, typer.Option(help="Offset of the receiver's sampling clock.", rich_help_panel=AIR)
    ] = 0.0,
    delay_samples: Annotated[
        float, typer.Option(help="Delay of the link, also fractional.", rich_help_panel=AIR)
    ] = 0.0,
    taps: Annotated[
        str,
        typer.Option(help="Paths of the link as NS:DB,NS:DB,… such as 0:0,200:-3.", rich_help_panel=AIR),
    ] = "",
    tdl_profile: Annotated[
        str, typer.Option(help="Paths of 3GPP TDL-**A** … **E** instead.", rich_help_panel=AIR)
    ] = "",
    delay_spread_ns: Annotated[
        float, typer.Option(help="Root mean square delay spread of the profile.", rich_help_panel=AIR)
    ] = 100.0,
    doppler_hz: Annotated[
        float, typer.Option(help="Largest Doppler of the link's fading.", rich_help_panel=AIR)
    ] = 0.0,
    linewidth_hz: Annotated[
        float, typer.Option(help="Phase noise: width of the oscillators' line.", rich_help_panel=AIR)
    ] = 0.0,
    gap_probability: Annotated[
        float, typer.Option(help="Share of 256-sample runs that are lost.", rich_help_panel=AIR)
    ] = 0.0,
    target: Annotated[
        list[str] | None,
        typer.Option(
            help="RANGE_M[,SPEED_MPS[,AZIMUTH_DEG[,SNR_DB]]]; repeat for several, presence of the first is "
            "decided. They turn at half and at one and a half times their range. [default: 120,15,20]",
            rich_help_panel=RADAR,
            show_default=False,
        ),
    ] = None,
    antennas: Annotated[int, typer.Option(help="Receive antennas of the radar.", rich_help_panel=RADAR)] = 4,
    frames_per_map: Annotated[
        int, typer.Option(help="Frames in a range-Doppler map.", rich_help_panel=RADAR)
    ] = 1,
    leakage_db: Annotated[
        float | None,
        typer.Option(
            help="Gain from transmitter to radar receiver. Without it: none.",
            rich_help_panel=RADAR,
            show_default=False,
        ),
    ] = None,
    false_alarm_rate: Annotated[
        float,
        typer.Option(help="Probability that a map without a target shows one.", rich_help_panel=RADAR),
    ] = 0.01,
    false_alarms_per: Annotated[
        str,
        typer.Option(help="What that rate counts: a **map**, or a **cell** of it.", rich_help_panel=RADAR),
    ] = "map",
    picture_size: Annotated[
        str | None,
        typer.Option(
            help="Pixels of a square, or WIDTHxHEIGHT, multiples of 4. [default: 256, of CIFAR-10 32]",
            rich_help_panel=PICTURES,
            show_default=False,
        ),
    ] = None,
    bandwidth_ratio: Annotated[
        str,
        typer.Option(
            help="Complex channel uses a value of the picture: **1/24**, **1/12** or **1/6**.",
            rich_help_panel=PICTURES,
        ),
    ] = picture_link.DEFAULT_RATIO,
    fit: Annotated[
        str,
        typer.Option(
            help="**crop** pictures to these proportions, or **pad** them.", rich_help_panel=PICTURES
        ),
    ] = "crop",
    report: Annotated[Path, typer.Option(help="Report to write.", dir_okay=False)] = Path("report.html"),
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no report.")] = False,
    json: Annotated[
        Path | None,
        typer.Option(help="JSON file to write with the figures.", dir_okay=False, show_default=False),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Neither progress bar nor table.")] = False,
) -> int:
    """Send images through the learned link, sense a target with the same symbols, and report how it went.

    Without options: the 64 sample images, bundle jssc/awgn, 3 dB. Ctrl-C ends the run and reports what was
    done.
    """
    opened = Bundle.load(bundle)
    link = opened.interface(ImageLink)
    has_pictures = link.symbols.code is not None
    _check_use(context, phy, tdl_profile, has_pictures)
    own = None
    if has_pictures:
        small = data in ("sample", "cifar10")
        size = picture_size or ("32" if small else picture_link.DEFAULT_SIZE)
        own = picture_link.PictureSettings.parse(opened, size, bandwidth_ratio, fit, images_per_frame)
        images_per_frame = own.packets_per_frame
    waveform = None
    if phy in ("ofdm", "lfm"):
        delays_s, gains_db = parse_taps(taps)
        waveform = WaveformSettings(
            frame=FrameParameters(
                sample_rate_hz=sample_rate_hz,
                fft_size=fft_size,
                prefix_samples=fft_size // 4,
                chirp_samples=max(FrameParameters.chirp_samples, fft_size // 2),
                images_per_frame=8 if images_per_frame is None else images_per_frame,
                channel_uses=link.symbols.channel_uses,
                frame_type=phy,
                symbols_per_pulse=1,
            ),
            carrier_hz=carrier_hz,
            impairments={
                "carrier_offset_hz": carrier_offset_hz,
                "clock_offset_ppm": clock_offset_ppm,
                "delay_samples": delay_samples,
                "delays_s": delays_s,
                "gains_db": gains_db,
                "profile": tdl_profile,
                "delay_spread_s": delay_spread_ns * 1e-9 if tdl_profile else 0.0,
                "doppler_hz": doppler_hz,
                "linewidth_hz": linewidth_hz,
                "gap_probability": gap_probability,
                "gap_length": 256,
            },
            antennas=antennas,
            frames_per_map=frames_per_map,
            targets=tuple(Target.parse(text) for text in target) if target else DEFAULT_TARGETS,
            leakage_db=leakage_db,
            false_alarm_rate=false_alarm_rate,
            false_alarms_per=false_alarms_per,
        )
    settings = LinkSettings(
        channel=channel or link.channel.model,
        snr_db=link.channel.reference_snr_db if snr_db is None else snr_db,
        sensing_snr_db=link.sensing.reference_snr_db if sensing_snr_db is None else sensing_snr_db,
        ranges=ranges,
        range_step_db=link.sensing.range_step_db if range_step_db is None else range_step_db,
        delay_symbols_per_range=delay_symbols_per_range,
        target_probability=target_probability,
        sensing_knowledge=sensing_knowledge,
        phy=phy,
        waveform=waveform,
        seed=seed,
        batch=batch,
        images_per_s=images_per_s,
        pictures=own,
    )
    warnings = settings.check_against(opened)
    if images is not None and images < 1:
        raise ValueError(f"--images is {images}, expected 1 or more")
    if no_report:
        report = None
    check_outputs({"--json": json, "--report": report})
    pictures = picture_link.load(data, own) if own else load_pictures(data)
    count = images or len(pictures.labels)

    messages = Console(stderr=True)
    for warning in warnings:
        messages.print(f"run_loopback: warning: {warning}", style="yellow", soft_wrap=True, highlight=False)
    printed = console_beside(json, report)
    result = _run(opened, pictures, count, settings, None if quiet else printed)
    with ExitStack() as outputs:  # each comes out, the files first, whatever becomes of the others
        if not quiet:
            outputs.callback(print_table, result, printed)
        if report:
            outputs.callback(write_report, result, report)
        if json:
            outputs.callback(write_output, json, result.as_json())
    if report and not quiet:
        printed.print(f"report: {report}", highlight=False, markup=False, soft_wrap=True)
    if result.failure:
        print(f"run_loopback: {' '.join(result.failure.split())}", file=sys.stderr)
        return 1
    if not result.finished:
        done = len(result.records)
        of_all = f" of {count}" if count else ""
        print(f"run_loopback: interrupted after {done}{of_all} images", file=sys.stderr)
        return 130
    return 0


def _run(bundle: Bundle, pictures, count: int, settings: LinkSettings, console: Console | None) -> RunResult:
    """Run the flowgraph and collect what it gave."""
    gr.logging().set_default_level(gr.log_levels.err)
    made = picture_link.picture_flowgraph if settings.pictures else loopback_flowgraph
    flowgraph = made(bundle, pictures, count, settings)
    flowgraph.start()
    # Only now: GNU Radio complains when others map memory while it maps its buffers.
    loading = threading.Thread(target=_load_figures, daemon=True)
    loading.start()
    finished = wait_for_end(flowgraph, count or None, console or Console(quiet=True), console is not None)
    error = flowgraph.error()
    figures = None
    if finished and error is None:
        try:
            figures = _figures_of_whole_run(flowgraph, console)
        except KeyboardInterrupt:
            finished = False
    if figures is None:
        budget = 0.0 if loading.is_alive() else SSIM_AFTER_INTERRUPT_S
        figures = flowgraph.sink.summary(finished=False, ssim_s=budget)
    records = sensing_records = flowgraph.sink.records()
    if settings.pictures:
        figures |= flowgraph.figures()
        sensing_records = flowgraph.sensing_records()
    return RunResult(
        bundle=bundle,
        pictures=pictures,
        settings=settings,
        command=shlex.join(["python", *sys.argv]),
        images=count,
        finished=finished and error is None,
        failure="" if error is None else f"the flowgraph stopped: {error}",
        figures=figures,
        records=records,
        sensing_records=sensing_records,
        air=summarise(flowgraph.layer, settings.waveform, sensing_records) if settings.waveform else None,
        examples=flowgraph.sink.examples(),
        sent_symbols=flowgraph.sent_symbols.kept(),
        received_symbols=flowgraph.received_symbols.kept(),
    )


def _figures_of_whole_run(flowgraph: loopback_flowgraph, console: Console | None) -> dict:
    if console is None:
        return flowgraph.sink.summary()
    with console.status("comparing the pictures (SSIM)"):
        return flowgraph.sink.summary()


def _load_figures() -> None:
    """Import what the report needs while the flowgraph runs, so that Ctrl-C need not wait for it."""
    for module in ("skimage.metrics", "sklearn.metrics"):
        importlib.import_module(module)


def _check_use(context: typer.Context, phy: str, tdl_profile: str, has_pictures: bool) -> None:
    """Raise ValueError for an option that was given and would do nothing."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name)
        if source is None or source.name != "COMMANDLINE":
            continue
        option = parameter.opts[0]
        panel = getattr(parameter, "rich_help_panel", None)
        if phy == "symbols" and panel in (WAVEFORM, AIR, RADAR):
            raise ValueError(f"{option} does nothing with --phy symbols, expected --phy ofdm or lfm with it")
        if panel == PICTURES and not has_pictures:
            raise ValueError(
                f"{option} does nothing with this --bundle, expected one for pictures, jssc/hifi"
            )
        if has_pictures and parameter.name == "sensing_knowledge":
            raise ValueError(f"{option} does nothing with pictures, whose detector knows the symbols")
        if phy in ("ofdm", "lfm") and parameter.name == "range_step_db":
            raise ValueError(f"{option} does nothing with --phy {phy}, expected --phy symbols with it")
        if parameter.name == "delay_spread_ns" and not tdl_profile:
            raise ValueError(f"{option} does nothing by itself, expected --tdl-profile with it")


def run(arguments: list[str]) -> int:
    """Run a command line of this program and return its exit code."""
    return run_program(program, "run_loopback", arguments, typed="run_loopback.py")
