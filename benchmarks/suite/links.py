# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What links are asked for that is no rate: frames that arrive, and errors near what bounds them.

Fewer trials than air_interface.py, pluto.py, on_air.py and targets.py take, of the same measurements.
"""

from __future__ import annotations

import functools

from . import air_command, air_images, air_trials, on_air, targets
from .record import Comparison, asked

OFFSETS = "3 paths, carrier and clock off by up to 20 ppm"
DETECTED = {0.0: 99.9, -5.0: 99.0}
"""Per cent of frames asked for, by Es/N0 in dB."""
OVER_BOUND_DB = 1.0
LOST_DB = {"one path": 0.2, "3 paths": 1.0}
"""PSNR that frames may cost."""
IMAGES_SNR_DB = 3.0
NOISE_SAMPLES = 100e6
PLUTO_HZ, RANGE_SAMPLES = 1e6, 0.5
CORES = 2.0
TARGETS_SNR_DB = 15.0


def comparisons() -> list[Comparison]:
    """Each is run once: its trials are many, and those of the air interface have seeds."""
    project = functools.partial(asked, conditions="of the project", repeats=1)
    air = functools.partial(project, "air_interface")
    found = [
        air("air_interface, frames received, no noise, back to back", "%", 100.0, measure=_without_noise),
        *(
            air(
                f"air_interface, frames received, {snr_db:g} dB, {OFFSETS}",
                "%",
                goal,
                measure=functools.partial(_detected, snr_db),
            )
            for snr_db, goal in DETECTED.items()
        ),
        air(
            "air_interface, noise for each frame that was never sent, at least",
            "million samples",
            NOISE_SAMPLES / 1e6,
            measure=_noise,
        ),
        *(
            air(
                f"air_interface, RMSE of the {what} over its Cramér-Rao bound, largest of 5 to 30 dB",
                "times",
                10 ** (OVER_BOUND_DB / 20),
                measure=functools.partial(_over_bound, place),
            )
            for place, what in enumerate(("time", "carrier"))
        ),
        *(
            air(
                f"air_interface, error of images over that without frames, {paths}, {IMAGES_SNR_DB:g} dB",
                "times",
                10 ** (lost_db / 10),
                measure=functools.partial(_images, paths),
            )
            for paths, lost_db in LOST_DB.items()
        ),
    ]
    pluto = functools.partial(project, "pluto")
    found += [
        pluto(
            f"pluto, images received of the made-up device at 1 MS/s, {how}",
            "%",
            100.0,
            measure=functools.partial(_over_pluto, how == "cyclic"),
        )
        for how in ("cyclic", "streamed")
    ]
    found += [
        pluto(
            "pluto, error of an echo's range, largest of 20 starts", "samples", RANGE_SAMPLES, measure=_range
        ),
        project(
            "on_air",
            "on_air, frames detected at 2 MS/s that run_receiver.py decodes, two on their way",
            "%",
            100.0,
            measure=_decoded,
        ),
        project("on_air", "on_air, run_receiver.py at 2 MS/s", "cores", CORES, measure=_cores),
        project(
            "targets",
            f"targets, errors through frames over those of bare symbols, {TARGETS_SNR_DB:g} dB, 3 paths, "
            "largest of distance, angle and velocity",
            "times",
            targets.MOST_RATIO,
            measure=_targets,
        ),
    ]
    return found


def _many(seconds: float, whole: float, least: float = 1.0) -> int:
    """Of a whole measurement, or of a quick one."""
    return round(whole if seconds >= 1.0 else max(least, whole * seconds / 10))


def _without_noise(seconds: float) -> float:
    return 100.0 - air_trials.lost_without_noise(_many(seconds, 100_000))[0].value


def _detected(snr_db: float, seconds: float) -> float:
    *_, (sent, _, right) = air_trials.detected(snr_db, _many(seconds, 2000), seed=1)
    return 100.0 * right / sent


def _noise(seconds: float) -> float:
    samples = _many(seconds, NOISE_SAMPLES)
    false = air_trials.false_frames_in_noise(samples, seed=1)[-1].value
    return samples / 1e6 / (1 + false)


def _over_bound(place: int, seconds: float) -> float:
    found = (
        air_trials.timing_and_carrier(snr_db, _many(seconds, 1000, 100), seed + 1)[place].value
        for seed, snr_db in enumerate(air_command.SNRS_DB)
    )
    return 10 ** (max(found) / 20)


def _images(paths: str, seconds: float) -> float:
    """Of the geometric means of squared errors."""
    rows = air_images.images_over_frames(air_command.BUNDLE, IMAGES_SNR_DB, _many(seconds, 2000, 50), 1)
    (gained,) = (one for one in rows if one.condition.endswith(paths) and one.measurement.startswith("PSNR"))
    return 10 ** (-gained.value / 10)


def _over_pluto(cyclic: bool, seconds: float) -> float:
    import pluto

    frames = _many(seconds, 1000, 50)
    frame = pluto.FrameParameters(sample_rate_hz=PLUTO_HZ, images_per_frame=8)
    found = pluto.frames_lost(frame, frames, cyclic)
    sent = frames * frame.images_per_frame
    return 100.0 * max(sent - found["images_lost"], 0) / sent


def _range(seconds: float) -> float:
    import pluto

    frame = pluto.FrameParameters(sample_rate_hz=PLUTO_HZ, images_per_frame=8)
    return pluto.range_errors(frame, _many(seconds, 20))["largest_error_samples"]


def _at_pace(seconds: float) -> on_air.Watched:
    return on_air.at_pace(30.0 if seconds >= 1.0 else 3.0)


def _decoded(seconds: float) -> float:
    counters = _at_pace(seconds).content["counters"]
    return min(100.0, 100.0 * (counters["frames_received"] + 2) / counters["frames_detected"])


def _cores(seconds: float) -> float:
    seen = _at_pace(seconds)
    return seen.processor_s / seen.content["duration_s"]


def _targets(seconds: float) -> float:
    options = targets.MeasureOptions(seeds=_many(seconds, 4))
    measured = targets.rows(TARGETS_SNR_DB, *targets.measure(options, TARGETS_SNR_DB))
    return max(row.value for row in measured if row.metric.endswith("_ratio"))
