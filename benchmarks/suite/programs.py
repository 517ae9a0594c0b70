# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What whole programs of apps/ are asked for: pictures, samples and uplinks a second, and latencies."""

from __future__ import annotations

import functools
import tempfile
import time
from pathlib import Path

from . import on_air, pictures, scene_steps
from .record import Comparison, LeftOut, asked

PICTURES_A_SECOND, PICTURE_MS = 30.0, 100.0
RECEIVED_MSPS, STATUS_PERCENT = 2.0, 1.0
UPLINKS_A_SECOND = 5.0
SCENE_S = 4.0
CORES = "of the project, on two cores"


def comparisons() -> list[Comparison]:
    """Each of them takes seconds, and is run once."""
    link = "256 x 256, 1/12, OFDM, radar of 4 antennas"
    once = functools.partial(asked, repeats=1)
    return [
        once(
            "pictures",
            f"pictures through the whole link, {link}",
            "pictures/s",
            PICTURES_A_SECOND,
            CORES,
            _pictures_a_second,
        ),
        once(
            "pictures",
            f"latency of pictures, p95, at a pace of {pictures.PACE:g} a second, {link}",
            "ms",
            PICTURE_MS,
            CORES,
            _picture_ms,
        ),
        once(
            "receiver",
            "run_receiver.py, both decoders on every frame, simulated air included",
            "MS/s",
            RECEIVED_MSPS,
            CORES,
            lambda seconds: on_air.fastest(_long(seconds, 30.0))[0],
        ),
        once(
            "receiver",
            "run_receiver.py, counters and live status",
            "% of a core",
            STATUS_PERCENT,
            "of the project, at 2 MS/s",
            lambda seconds: 100.0 * on_air.at_pace(_long(seconds, 30.0)).content["status_cpu_share"],
        ),
        once(
            "uplinks", f"uplink of two users, {_uplink_name()}", "frames/s", UPLINKS_A_SECOND, CORES, _uplinks
        ),
        once(
            "scenes",
            "scene, all sensors, 320 x 240, canyon by day",
            "s",
            SCENE_S,
            CORES,
            lambda seconds: _scene_s(),
        ),
    ]


def _long(seconds: float, whole: float) -> float:
    """Of a whole measurement, or of a quick one."""
    return whole if seconds >= 1.0 else max(3.0, whole * seconds)


def _pictures_a_second(seconds: float) -> float:
    count = round(_long(seconds, 150))
    figures = pictures.loopback("--data", "synthetic", "--images", str(count))
    return figures["images_per_s"]["value"]


def _picture_ms(seconds: float) -> float:
    count = round(_long(seconds, 150))
    pace = ("--images-per-s", str(pictures.PACE))
    return pictures.loopback("--data", "synthetic", "--images", str(count), *pace)["latency_p95_ms"]["value"]


@functools.cache
def _uplink_bundles() -> tuple[str, ...]:
    from semisac_ml.runtime import list_bundles

    return tuple(name for name in list_bundles() if name.startswith("csc_sa_net/"))


def _uplink_name() -> str:
    found = _uplink_bundles()
    return found[0] if found else "csc_sa_net, tuned, half size, untrained networks"


@functools.cache
def _uplink_folder() -> tempfile.TemporaryDirectory:
    """Networks of the size that is trained; weights do not change the time."""
    from semisac_ml.systems.csc_sa_net.export import export_bundle
    from semisac_ml.systems.csc_sa_net.training import CscSaTraining, untrained

    folder = tempfile.TemporaryDirectory()
    settings = CscSaTraining(variant="tuned")
    told = {"command": "none", "licence": "GPL-3.0-or-later", "provenance": "none", "split": "none"}
    place = Path(folder.name) / "csc_sa_net" / "untrained"
    export_bundle(untrained(settings), settings, place, **told)
    return folder


def _uplinks(seconds: float) -> float:
    """Frames a second of run_loopback.py: both users, channel, feedback and station."""
    found = _uplink_bundles()
    bundle = found[0] if found else str(Path(_uplink_folder().name) / "csc_sa_net" / "untrained")
    count = max(32, round(_long(seconds, 100)))
    command = ["apps/run_loopback.py", "--bundle", bundle, "--no-report", "--images"]
    while "frames_per_s" not in (figures := on_air.watch([*command, str(count)]).content["metrics"]):
        count *= 4  # all of them came at once
    return figures["frames_per_s"]["value"]


def _scene_s() -> float:
    """Seconds of a further scene of a drive."""
    taken = []
    for steps in (scene_steps.STEPS, 2 * scene_steps.STEPS):
        begin = time.perf_counter()
        try:
            scene_steps.generate(steps)
        except ValueError as error:
            raise LeftOut(str(error)) from None
        taken.append(time.perf_counter() - begin)
    return (taken[1] - taken[0]) / scene_steps.STEPS
