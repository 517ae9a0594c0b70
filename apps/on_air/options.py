# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that all programs on the air share, on the command line and in a configuration file."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, get_args, get_origin, get_type_hints

import typer
from gnuradio.semisac.radio import RadioSettings, radios

from . import configuration
from .settings import FrameSettings, RunSettings, SourceSettings

RADIO, FRAME, RUN = "Radio", "Frames (the same at both ends)", "Run and results"


def radio_options(
    radio: Annotated[
        str | None,
        typer.Option(
            help=f"Kind of radio: {', '.join(f'**{name}**' for name in radios())}.",
            rich_help_panel=RADIO,
            show_default=False,
        ),
    ] = None,
    address: Annotated[
        str,
        typer.Option(
            help="Which one: device arguments of UHD (serial=…), URI of libiio (ip:192.168.2.1, usb:), "
            "path of a recording, tcp://host:port. Without it: the first that is found, or its default.",
            rich_help_panel=RADIO,
            show_default=False,
        ),
    ] = "",
    center_frequency_hz: Annotated[float, typer.Option(help="Carrier.", rich_help_panel=RADIO)] = 2.45e9,
    sample_rate_hz: Annotated[
        float, typer.Option(help="Complex samples a second, both directions.", rich_help_panel=RADIO)
    ] = 1e6,
    bandwidth_hz: Annotated[
        float, typer.Option(help="Of the analog filters; 0: the sample rate.", rich_help_panel=RADIO)
    ] = 0.0,
    tx_gain_db: Annotated[
        float,
        typer.Option(
            help="Transmit gain in the radio's own scale; a Pluto takes -89.75 to 0.", rich_help_panel=RADIO
        ),
    ] = 0.0,
    rx_gain_db: Annotated[float, typer.Option(help="Receive gain, fixed.", rich_help_panel=RADIO)] = 30.0,
    tx_antenna: Annotated[
        str,
        typer.Option(
            help="Port to transmit from. Without it: the radio's default.",
            rich_help_panel=RADIO,
            show_default=False,
        ),
    ] = "",
    rx_antenna: Annotated[
        str,
        typer.Option(
            help="Port to receive at. Without it: the radio's default.",
            rich_help_panel=RADIO,
            show_default=False,
        ),
    ] = "",
    rx_channels: Annotated[int, typer.Option(help="Receive channels, 1 or 2.", rich_help_panel=RADIO)] = 1,
    clock_source: Annotated[
        str,
        typer.Option(
            help="**internal**, **external** or **gpsdo**. Without it: the radio's default.",
            rich_help_panel=RADIO,
            show_default=False,
        ),
    ] = "",
    time_source: Annotated[
        str, typer.Option(help="The same for its time.", rich_help_panel=RADIO, show_default=False)
    ] = "",
    lead_time_s: Annotated[
        float,
        typer.Option(
            help="How far ahead of their time frames go to a radio with a clock.", rich_help_panel=RADIO
        ),
    ] = 0.05,
    transmit_level_db: Annotated[
        float,
        typer.Option(
            help="Power of the chirps relative to full scale; a frame's mean is up to 0.8 dB less, peaks lie "
            "10 dB higher.",
            rich_help_panel=RADIO,
        ),
    ] = -12.0,
    dc_tracking: Annotated[
        bool,
        typer.Option(
            "--dc-tracking",
            help="Let the receiver remove its constant; hides what stands still from a radar.",
            rich_help_panel=RADIO,
        ),
    ] = False,
    timeout_s: Annotated[
        float,
        typer.Option(
            help="Of every call to the device while it is set up; while it streams a Pluto may pause for a "
            "third of it, 1 s at least.",
            rich_help_panel=RADIO,
        ),
    ] = 3.0,
    radio_option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="What only this kind of radio knows; repeat for several.",
            rich_help_panel=RADIO,
            show_default=False,
        ),
    ] = None,
) -> RadioSettings:
    """Settings of the radio. Raises ValueError."""
    if not radio:
        raise ValueError(f"--radio is missing, expected one of {', '.join(radios())}")
    return RadioSettings(
        radio=radio,
        address=address,
        center_frequency_hz=center_frequency_hz,
        sample_rate_hz=sample_rate_hz,
        bandwidth_hz=bandwidth_hz,
        tx_gain_db=tx_gain_db,
        rx_gain_db=rx_gain_db,
        tx_antenna=tx_antenna,
        rx_antenna=rx_antenna,
        rx_channels=rx_channels,
        clock_source=clock_source,
        time_source=time_source,
        lead_time_s=lead_time_s,
        transmit_level_db=transmit_level_db,
        dc_tracking=dc_tracking,
        timeout_s=timeout_s,
        options=dict(_named_value(text) for text in radio_option or ()),
    )


def frame_options(
    bundle: Annotated[
        str,
        typer.Option(
            help="Trained networks: folder of a bundle, or system/name of one that ships.",
            rich_help_panel=FRAME,
        ),
    ] = "jssc/awgn",
    phy: Annotated[
        str,
        typer.Option(help="**ofdm** symbols, or **lfm** chirps with symbols between.", rich_help_panel=FRAME),
    ] = "ofdm",
    fft_size: Annotated[
        int, typer.Option(help="Subcarriers of an OFDM symbol, 64 to 2048.", rich_help_panel=FRAME)
    ] = 64,
    images_per_frame: Annotated[
        int | None,
        typer.Option(
            help="Images in a frame, or packets of pictures. [default: 8 images, 32 packets]",
            rich_help_panel=FRAME,
            show_default=False,
        ),
    ] = None,
    gap_samples: Annotated[int, typer.Option(help="Silence behind each frame.", rich_help_panel=FRAME)] = 0,
    picture_size: Annotated[
        str | None,
        typer.Option(
            metavar="PIXELS",
            help="Of pictures, such as 256 or 320x240 (width x height), with a bundle for pictures. "
            "[default: 256]",
            rich_help_panel=FRAME,
            show_default=False,
        ),
    ] = None,
) -> FrameSettings:
    """Settings of the frames. Raises ValueError."""
    return FrameSettings(bundle, phy, fft_size, images_per_frame, gap_samples, picture_size)


def run_options(
    config: Annotated[
        Path | None,
        typer.Option(
            help="TOML file with options, such as examples/radio.toml; the command line goes before it.",
            dir_okay=False,
            is_eager=True,
            callback=configuration.read_into,
            rich_help_panel=RUN,
            show_default=False,
        ),
    ] = None,
    duration_s: Annotated[
        float, typer.Option(help="Stop after so long; 0: no limit.", rich_help_panel=RUN)
    ] = 0.0,
    json: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="JSON file to write with settings, counters and figures; - for standard output.",
            rich_help_panel=RUN,
            show_default=False,
        ),
    ] = "",
    window: Annotated[bool, typer.Option("--window", help="Open a window.", rich_help_panel=RUN)] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Neither live status nor table.", rich_help_panel=RUN)
    ] = False,
) -> RunSettings:
    """How to run; the file has been read before the other options. Raises ValueError."""
    return RunSettings(duration_s, json, window, quiet)


def source_options(
    data: Annotated[
        str,
        typer.Option(
            help="**sample** (the 64 that ship), **cifar10** (the test set), a picture, folder or video, "
            "**camera** or **camera:1**."
        ),
    ] = "sample",
    images: Annotated[
        int,
        typer.Option(help="Images to send; a smaller set is repeated.", show_default=False),
    ] = 0,
    images_per_s: Annotated[float, typer.Option(help="Pace; 0: as fast as the radio takes them.")] = 0.0,
    snr_db: Annotated[
        float | None,
        typer.Option(help="Mean Es/N0 for which images are encoded. [default: the bundle's reference]"),
    ] = None,
    bandwidth_ratio: Annotated[
        str | None,
        typer.Option(
            help="Channel uses a value of a picture: **1/24**, **1/12** or **1/6**, with a bundle for "
            "pictures. [default: 1/12]",
            show_default=False,
        ),
    ] = None,
    fit: Annotated[
        str | None,
        typer.Option(help="Pictures of other proportions: **crop** or **pad** them. [default: crop]"),
    ] = None,
) -> SourceSettings:
    """Images to send. Raises ValueError."""
    return SourceSettings(data, images, images_per_s, snr_db, bandwidth_ratio, fit)


GROUPS = {"source": source_options, "radio": radio_options, "frame": frame_options, "run": run_options}


def with_shared_options(command: Callable[..., int]) -> Callable[..., int]:
    """Command whose parameters `source`, `radio`, `frame` and `run`, as far as it has them, are groups of
    shared options.
    """
    hints = get_type_hints(command, include_extras=True)
    parameters = []
    for name, parameter in inspect.signature(command).parameters.items():
        if name in GROUPS:
            parameters += _resolved(GROUPS[name])
        else:
            parameters.append(parameter.replace(annotation=hints[name]))
    shared = [name for name in GROUPS if name in hints]

    @functools.wraps(command)
    def called(**values) -> int:
        made = {}
        for name in shared:
            taken = {option: values.pop(option) for option in inspect.signature(GROUPS[name]).parameters}
            made[name] = GROUPS[name](**taken)
        return command(**values, **made)

    called.__signature__ = inspect.Signature(
        [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
    )
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    called.kinds = _kinds(parameters)
    return called


def _resolved(group: Callable) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        parameter.replace(annotation=hints[name])
        for name, parameter in inspect.signature(group).parameters.items()
    ]


def _kinds(parameters: list[inspect.Parameter]) -> dict[str, dict[str, type]]:
    """Type of each option by section of a configuration file, "" for the program's own."""
    kinds: dict[str, dict[str, type]] = {"radio": {}, "frame": {}, "": {}}
    sections = {RADIO: "radio", FRAME: "frame"}
    for parameter in parameters:
        annotated, described = get_args(parameter.annotation)
        first = next(kind for kind in (*get_args(annotated), annotated) if kind is not type(None))
        kind = {Path: str}.get(first, get_origin(first) or first)
        if parameter.name != "config":
            kinds[sections.get(described.rich_help_panel, "")][parameter.name] = kind
    return kinds


def _named_value(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (equals and name.strip()):
        raise ValueError(f"--radio-option is {text!r}, expected NAME=VALUE such as cyclic=false")
    return name.strip(), value.strip()
