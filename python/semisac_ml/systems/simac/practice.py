# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a practitioner would do: matched filter, CFAR, array phase; the camera's box; Kalman filters of both.

Learned from the training part are the camera's bias and deviation, and how cars move. Estimates are made
where the sensors are; what it takes to send them on, three numbers, is left out, in their favour.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from semisac_ml.data import DataError
from semisac_ml.signal.lfm_simo_echo import BELOW_ZERO, LfmSimoRadar, echo_map, lfm_simo_echo
from semisac_ml.signal.radar_bounds import velocity_from_doppler
from semisac_ml.signal.radar_detection import DetectionSettings, detect

from .samples import STATES, TRAIN, TargetSet
from .scoring import Outcome

SEARCH_STEPS = 25
MIDDLE_M = 0.75
"""Height of the middle of a car."""
LASTING = 2.0
"""Of how much changes are taken to deviate: they last for several steps, filters take each for new."""


def radar_estimate(echo: np.ndarray, radar: LfmSimoRadar) -> tuple[np.ndarray, np.ndarray]:
    """Distance, azimuth and closing speed of the strongest detection, and their Cramér-Rao deviations.

    Found by CFAR in the range-Doppler map, refined to the likelihood's maximum; the distance once more with
    the response that a matched filter really has: its tails are cut off by the range bins that are kept, and
    not they but the noise is to limit near targets. NaN and infinite where nothing is detected.

    Parameters
    ----------
    echo : ndarray, complex [antennas, pulses, range_bins]
    """
    found = detect(echo_map(echo, radar), radar.geometry, DetectionSettings(most_targets=1))
    if not found:
        return np.full(3, np.nan), np.full(3, np.inf)
    one = found[0]
    distance_m = _refined_distance(echo, one.range_m, one.azimuth_rad, one.velocity_mps, radar)
    deviations = (one.range_deviation_m, one.azimuth_deviation_rad, one.velocity_deviation_mps)
    return np.array([distance_m, one.azimuth_rad, one.velocity_mps]), np.array(deviations)


def _refined_distance(
    echo: np.ndarray, distance_m: float, azimuth_rad: float, velocity_mps: float, radar: LfmSimoRadar
) -> float:
    """Where the echo is most like the response, within half a bin to either side, by golden section."""
    doppler_hz = velocity_mps / velocity_from_doppler(1.0, radar.carrier_hz)
    antenna = np.exp(-1j * np.pi * np.arange(radar.antennas) * np.sin(azimuth_rad))
    pulse = np.exp(-2j * np.pi * doppler_hz * radar.pulse_interval_s * np.arange(radar.pulses))
    profile = antenna @ (pulse @ echo)
    hidden = doppler_hz * radar.pulse_interval_s
    bins = np.arange(radar.range_bins) - BELOW_ZERO

    def likeness(peak: float) -> float:
        response = np.sinc(bins - peak)
        return float(np.abs(profile @ response) ** 2 / (response @ response))

    middle = distance_m / radar.range_bin_m - hidden
    low, high = middle - 0.5, middle + 0.5
    golden = (math.sqrt(5.0) - 1.0) / 2.0
    for _ in range(SEARCH_STEPS):
        left, right = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, right) if likeness(left) > likeness(right) else (left, high)
    return ((low + high) / 2.0 + hidden) * radar.range_bin_m


def radar_outcome(samples: TargetSet, part: int, radar: LfmSimoRadar | None = None, seed: int = 0) -> Outcome:
    """The radar alone on a part of the samples."""
    radar, rng = radar or LfmSimoRadar(), np.random.default_rng(seed)
    rows = samples.of(part)
    found = [radar_estimate(lfm_simo_echo(*samples.states[row], radar, rng), radar) for row in rows]
    return _outcome(rows, np.array([one[0] for one in found]), np.array([one[1] for one in found]))


def camera_estimates(samples: TargetSet, rows: np.ndarray) -> np.ndarray:
    """Distance and azimuth by the boxes of targets, float64 [rows, 2], with a bias that is not known.

    The middle of the lower edge stands on the ground, as high as the camera knows itself to be.

    Raises
    ------
    DataError
        If no camera is known.
    """
    if samples.read_camera is None:
        raise DataError(
            f"{samples.name}: no camera is known, expected a street: in a video without one the box is what "
            "distance and angle are made of, and tells them without error"
        )
    found = np.empty((len(rows), 2))
    for place, row in enumerate(rows):
        camera = samples.read_camera(int(row))
        left, top, width, height = samples.box_px[row]
        aside, down = left + width / 2 - camera.width / 2, top + height - camera.height / 2
        ray = np.array([aside, down, camera.focal_length_px]) @ camera.axes
        below = max(-ray[2], 1e-3 * np.linalg.norm(ray))  # towards the horizon the ground is far, not behind
        ground = camera.position_m[2] / below * ray[:2]
        found[place, 0] = math.hypot(*ground, camera.position_m[2] - MIDDLE_M)
        azimuth = math.atan2(ray[1], ray[0]) - camera.heading_rad
        found[place, 1] = (azimuth + math.pi) % (2 * math.pi) - math.pi
    return found


def camera_outcome(samples: TargetSet, part: int) -> Outcome:
    """The camera alone on a part of the samples: no velocity. Bias and deviations are those of training.

    What is said of distance grows with it: median and deviation are those of its logarithm.
    """
    train = samples.of(TRAIN)
    seen = camera_estimates(samples, train)
    ratio = np.log(samples.distance_m[train] / seen[:, 0])
    turned = samples.azimuth_rad[train] - seen[:, 1]
    rows = samples.of(part)
    said = camera_estimates(samples, rows)
    nothing = np.full(len(rows), np.nan)
    states = np.stack(
        [said[:, 0] * np.exp(np.median(ratio)), said[:, 1] + np.median(turned), nothing], axis=1
    )
    spread = [np.sqrt(np.mean((one - np.median(one)) ** 2)) for one in (ratio, turned)]
    deviations = np.stack(
        [spread[0] * states[:, 0], np.full(len(rows), spread[1]), np.full(len(rows), np.inf)], axis=1
    )
    return _outcome(rows, states, deviations)


def fused_outcome(samples: TargetSet, outcomes: list[Outcome]) -> Outcome:
    """Kalman filters along each target, of what several sensors say at the same samples.

    One holds distance and its rate, which a radar measures too, the other azimuth and its rate; both look at
    the past alone. Where no sensor says anything yet there is no estimate.
    """
    rows = outcomes[0].rows
    motion = motion_of(samples)
    states, deviations = np.full((len(rows), 3), np.nan), np.full((len(rows), 3), np.inf)
    for target in np.unique(samples.target[rows]):
        own = np.flatnonzero(samples.target[rows] == target)
        own = own[np.argsort(samples.time_s[rows[own]], kind="stable")]
        time_s = samples.time_s[rows[own]]
        said = {task: [_said(outcome, task, own) for outcome in outcomes] for task in STATES}
        away = [(-value, deviation) for value, deviation in said["velocity"]]
        mean, spread = kalman(time_s, said["distance"], away, LASTING * motion.braking_mps2, motion.jitter_m)
        states[own, 0], deviations[own, 0] = mean[:, 0], spread[:, 0]
        states[own, 2], deviations[own, 2] = -mean[:, 1], spread[:, 1]
        mean, spread = kalman(time_s, said["angle"], [], LASTING * motion.turning_rad_s2)
        states[own, 1], deviations[own, 1] = mean[:, 0], spread[:, 0]
    return _outcome(rows, states, deviations)


@dataclass(frozen=True)
class Motion:
    """Deviations of changes, per second: of the closing speed, of the azimuth's rate.

    jitter_m: of the distance's steps from what the closing speed tells: boxes of a video jump.
    """

    braking_mps2: float
    turning_rad_s2: float
    jitter_m: float


def motion_of(samples: TargetSet) -> Motion:
    """How targets move in the training part."""
    rows = samples.of(TRAIN)
    braking, turning, jitter = [], [], []
    for target in np.unique(samples.target[rows]):
        own = rows[samples.target[rows] == target]
        own = own[np.argsort(samples.time_s[own], kind="stable")]
        passed, speed = np.diff(samples.time_s[own]), samples.velocity_mps[own]
        braking.append(np.diff(speed) / passed)
        jitter.append(np.diff(samples.distance_m[own]) + 0.5 * (speed[1:] + speed[:-1]) * passed)
        rate = np.diff(samples.azimuth_rad[own]) / passed
        turning.append(np.diff(rate) / (0.5 * (passed[1:] + passed[:-1])))
    return Motion(*(_root_mean_square(np.concatenate(found)) for found in (braking, turning, jitter)))


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


Said = tuple[np.ndarray, np.ndarray]


def kalman(
    time_s: np.ndarray, values: list[Said], rates: list[Said], acceleration: float, jitter: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """A value and its rate from what sensors say of either, each with its deviation.

    Parameters
    ----------
    time_s : ndarray [steps]
    values, rates : list of (ndarray [steps], ndarray [steps])
        What each sensor says and its deviation; NaN where it says nothing.
    acceleration : float
        Deviation of the rate's change, per second.
    jitter : float
        Deviation of the value's steps from what the rate tells.

    Returns
    -------
    mean, deviation : ndarray, float64 [steps, 2]
        Value and rate; NaN before anything was said of the value.
    """
    mean, covariance = np.zeros(2), np.diag([1e12, 1e6])
    means, deviations = np.full((len(time_s), 2), np.nan), np.full((len(time_s), 2), np.inf)
    begun = False
    for step, now in enumerate(time_s):
        if step:
            passed = now - time_s[step - 1]
            forward = np.array([[1.0, passed], [0.0, 1.0]])
            push = np.array([passed**2 / 2.0, passed]) * acceleration
            mean, covariance = forward @ mean, forward @ covariance @ forward.T + np.outer(push, push)
            covariance[0, 0] += jitter**2
        for axis, sensors in enumerate((values, rates)):
            for value, deviation in sensors:
                if np.isfinite(value[step]) and np.isfinite(deviation[step]):
                    begun = begun or axis == 0
                    gain = covariance[:, axis] / (covariance[axis, axis] + deviation[step] ** 2)
                    mean = mean + gain * (value[step] - mean[axis])
                    covariance = covariance - np.outer(gain, covariance[axis])
        if begun:
            means[step] = mean
            deviations[step] = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    return means, deviations


def _said(outcome: Outcome, task: str, own: np.ndarray) -> Said:
    return outcome.states[task][own], outcome.deviations[task][own]


def _outcome(rows: np.ndarray, states: np.ndarray, deviations: np.ndarray) -> Outcome:
    return Outcome(
        rows,
        {task: states[:, place] for place, task in enumerate(STATES)},
        {task: deviations[:, place] for place, task in enumerate(STATES)},
    )
