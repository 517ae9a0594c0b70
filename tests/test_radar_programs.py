# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the programs' radar shows: every size that their help allows, targets that turn, and what they warn
of.
"""

from __future__ import annotations

import math
import sys

import pmt
import pytest
from on_air_testing import APPS, SAMPLE_CLOCK, measure

semisac = pytest.importorskip("gnuradio.semisac", reason="the programs need GNU Radio and the module")
sys.path.insert(0, str(APPS))

from gnuradio.semisac.radio import RadioSettings  # noqa: E402
from loopback.options import Target  # noqa: E402
from loopback.waveform import WaveformSettings  # noqa: E402
from on_air.options import FrameOptions  # noqa: E402
from on_air.sensing import radar_warnings  # noqa: E402
from on_air.targets import LEAST_MAPS, target_list  # noqa: E402

from semisac_ml.runtime import Bundle  # noqa: E402
from semisac_ml.signal.frame import FrameParameters  # noqa: E402
from semisac_ml.signal.radar_parameters import RadarParameters  # noqa: E402
from semisac_ml.signal.targets import motion  # noqa: E402


def options(bundle: str, phy: str, fft_size: int, images: int) -> FrameOptions:
    return FrameOptions(bundle=bundle, phy=phy, fft_size=fft_size, images_per_frame=images)


@pytest.mark.parametrize("phy", ["ofdm", "lfm"])
@pytest.mark.parametrize("fft_size", [64, 128, 256, 512, 1024, 2048])
def test_every_size_of_the_help_has_a_detector(tiny_bundle, phy, fft_size):
    bundle = Bundle.load("jssc/tiny")
    for images in (1, 8, 64, 80, 119, 320):
        frame = options("jssc/tiny", phy, fft_size, images).layout(bundle, 1e6)
        for frames in (1, 2, 8, 16):
            radar = RadarParameters(frame, mode=phy, frames_per_interval=frames)
            assert 0.0 < semisac.cfar_detector(radar).cell_false_alarm_rate() <= 0.01


def test_targets_of_the_loopback_turn_within_the_prefix():
    waveform = WaveformSettings(FrameParameters())
    for target, nearest_m, farthest_m in (
        (Target(120.0, 15.0), 60.0, 180.0),
        (Target(400.0, -15.0), 200.0, 479.7),  # the prefix ends at 16 samples, 479.7 m
    ):
        moving = waveform.moving(target)
        assert (moving.nearest_m, moving.farthest_m) == (nearest_m, pytest.approx(farthest_m, abs=0.1))
        ranges_m, speeds_mps = motion(moving, range(0, 1000))
        assert nearest_m <= ranges_m.min() and ranges_m.max() <= farthest_m + 0.1
        assert {*speeds_mps} == {-15.0, 15.0}


def radar(**settings) -> RadarParameters:
    return RadarParameters(FrameParameters(sample_rate_hz=1e6), **settings)


def feed(targets: target_list, *detections: dict) -> None:
    """One map."""
    targets._take(pmt.to_pmt({"frame_id": 0, "detections": list(detections)}))


def detection(range_m: float = 600.0, azimuth_deg: float = 0.0) -> dict:
    azimuth_rad = math.radians(azimuth_deg)
    return {"range_m": range_m, "velocity_mps": 0.0, "azimuth_rad": azimuth_rad, "snr_db": 30.0}


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [((10.0, 14.0), 12.0), ((88.0, -88.0), 90.0), ((-70.0, -80.0), -75.0), ((0.0, 90.0, 0.0, -90.0), None)],
)
def test_azimuths_are_averaged_as_phases(degrees, expected):
    # Half a wavelength apart, +90 and -90 degrees are one phase; 0 and 90 degrees agree on nothing.
    targets = target_list(radar(antennas=2), leakage=True)
    for number in range(200):
        feed(targets, detection(azimuth_deg=degrees[number % len(degrees)]))
    (target,) = targets.targets()
    if expected is None:
        assert math.isnan(target["azimuth_deg"])
    elif expected == 90.0:
        assert abs(target["azimuth_deg"]) > 85.0
    else:
        assert target["azimuth_deg"] == pytest.approx(expected, abs=2.0)


def test_echoes_before_the_direct_path_are_told():
    targets = target_list(radar(), leakage=True)
    for _ in range(LEAST_MAPS):
        feed(targets, detection(), detection(range_m=-30.0))  # within a resolution cell of range zero
    assert targets.doubt() is None
    for _ in range(LEAST_MAPS):
        feed(targets, detection(range_m=-400.0))
    assert targets.doubt().startswith("echoes at -400 m, before the direct path")
    aligned = target_list(radar(), leakage=False)
    for _ in range(LEAST_MAPS):
        feed(aligned, detection(range_m=-400.0))
    assert aligned.doubt() is None


def test_warnings_of_what_maps_cannot_tell():
    radio = RadioSettings(radio="simulation", sample_rate_hz=1e6, options={"targets": "600,3,10"})
    assert radar_warnings(radar(frames_per_interval=8), radio) == []
    (array,) = radar_warnings(radar(antennas=2), radio)
    assert "2 receive channels are not calibrated" in array
    (fast,) = radar_warnings(radar(frames_per_interval=8, carrier_hz=60e9), radio)
    # slow times 4.68 ms apart: +-c/(4 fc T), 0.267 m/s
    assert "of 3 m/s is faster than the 0.26" in fast or "of 3 m/s is faster than the 0.27" in fast


@pytest.mark.slow
@pytest.mark.usefixtures("own_home")
def test_sensing_lists_one_slow_target_where_all_that_stands_still_is_removed(tiny_bundle):
    content = measure(
        "run_sensing", "--radio", "simulation", *SAMPLE_CLOCK, "--radio-option", "targets=600,3,10",
        "--leakage-removal", "static", "--frames-per-map", 8, "--images", 3200, "--rx-channels", 2,
    )  # fmt: skip
    (target,) = content["targets"]
    assert target["velocity_mps"] == pytest.approx(3.0, abs=0.02)
    assert target["share"] == 1.0
    assert "not calibrated" in content["warnings"][0]
