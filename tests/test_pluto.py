# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pluto against an IIO daemon that is made up: set-up, streams, levels, silence."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("gnuradio.semisac", reason="front ends need GNU Radio and the module")
pytest.importorskip("adi", reason="a Pluto is set up with pyadi-iio")

from frame_testing import receive  # noqa: E402
from gnuradio.semisac.radio import RadioError, RadioSettings, open_front_end, pluto_transmitter  # noqa: E402
from gnuradio.semisac.radio.pluto_receiver import KERNEL_BUFFERS, block_samples  # noqa: E402
from patience import until  # noqa: E402
from pluto_air import Air  # noqa: E402
from pluto_description import DAC  # noqa: E402
from pluto_testing import FRAME, QUIET, RATE, images_to, samples_of, settings  # noqa: E402


def transmit(server, frames: int = 8, **options) -> tuple[np.ndarray, np.ndarray]:
    """Symbols sent, and the words that the device was given, as complex full scales."""
    radio = open_front_end(settings(server, options=options), FRAME, "transmit")
    radio.configure()
    top = images_to(radio, frames)
    radio.prepare()
    top.run()
    radio.close()
    words = np.concatenate(server.device.pushed).astype(np.float32) / 32768
    return top.symbols, (words[:, 0] + 1j * words[:, 1]).astype(np.complex64)


def test_set_up_of_a_receiver(serve_pluto):
    server = serve_pluto(QUIET)
    radio = open_front_end(settings(server, rx_gain_db=40, center_frequency_hz=2.4e9), FRAME, "receive")
    report = radio.configure()
    value = server.device.value
    assert value("in_voltage_sampling_frequency") == "1000000"
    assert value("in_out_voltage_filter_fir_en") == "1"  # below 2.083 MS/s
    assert value("out_altvoltage0_RX_LO_frequency") == "2400000000"
    assert value("in_voltage0_gain_control_mode") == "manual"
    assert value("in_voltage0_hardwaregain") == "40.000000 dB"
    assert value("in_voltage_bb_dc_offset_tracking_en") == "0"
    assert value("in_voltage_rf_dc_offset_tracking_en") == "0"
    # the other direction may belong to another program
    assert value("out_voltage0_hardwaregain") == "-10.000000 dB"
    assert value("out_altvoltage0_TX1_I_F1_scale", DAC) == "0.250000"
    assert report["serial"] == "1044730a1997"
    assert report["sample_rate_hz"] == RATE
    assert report["rx_gain_db"] == 40.0
    assert report["warnings"] == []
    radio.close()
    radio.close()
    assert value("out_voltage0_hardwaregain") == "-10.000000 dB"


def test_constant_of_the_receiver_is_removed_on_request(serve_pluto):
    server = serve_pluto(QUIET)
    radio = open_front_end(settings(server, dc_tracking=True), FRAME, "receive")
    radio.configure()
    assert server.device.value("in_voltage_bb_dc_offset_tracking_en") == "1"
    assert server.device.value("in_voltage_rf_dc_offset_tracking_en") == "1"
    radio.close()


def test_rate_that_is_right_is_left_alone(serve_pluto):
    """Loading the FIR filter stops the other direction, which may be in use."""
    server = serve_pluto(QUIET)
    for _ in range(2):
        radio = open_front_end(settings(server), FRAME, "receive")
        radio.configure()
        radio.close()
    assert sum("filter_fir_config" in command for command in server.commands) == 1


@pytest.mark.parametrize(
    ("rate", "filtered"), [(520833.0, 1), (521e3, 1), (520.9e3, 1), (2e6, 1), (4e6, 1), (20e6, 1)]
)
def test_rates(serve_pluto, rate, filtered):
    server = serve_pluto(QUIET)
    radio = open_front_end(settings(server, sample_rate_hz=rate), FRAME, "receive")
    warnings = radio.configure()["warnings"]
    radio.close()
    assert server.device.rate_hz() == rate
    assert server.device.number("in_out_voltage_filter_fir_en") == filtered
    assert any("expect lost samples" in text for text in warnings) == (rate > 5e6)


@pytest.mark.parametrize(
    ("changes", "pattern"),
    [
        ({"sample_rate_hz": 400e3}, "--sample-rate-hz is 400000, a Pluto has 520833 to 61440000"),
        ({"sample_rate_hz": 80e6}, "--sample-rate-hz is 80000000, a Pluto has 520833"),
        ({"tx_gain_db": 3.0}, "--tx-gain-db is 3, a Pluto has -89.75 to 0"),
        ({"clock_source": "external"}, "--clock-source is 'external', a Pluto has internal only"),
        ({"options": {"cycle": 3}}, "has no option 'cycle', expected cycle_frames, cyclic"),
        ({"options": {"cycle_frames": -1}}, "cycle_frames is -1, expected 0"),
        ({"options": {"cycle_frames": 4000}}, "a cycle of 4000 frames has .* samples, a Pluto holds 4194304"),
    ],
)
def test_settings_out_of_range(changes, pattern):
    chosen = RadioSettings(**{"radio": "pluto", "address": "ip:127.0.0.1:1", **changes})
    with pytest.raises(ValueError, match=pattern):
        open_front_end(chosen, FRAME, "transmit")


@pytest.mark.parametrize("cyclic", [True, False])
def test_transmitted_frames_are_those_of_the_modulator(serve_pluto, cyclic):
    """All images arrive at the converter; level: full scale is 2^15."""
    server = serve_pluto(QUIET)
    symbols, words = transmit(server, cyclic=cyclic)
    frames = words[: 8 * FRAME.frame_samples] if cyclic else np.trim_zeros(words)
    assert len(server.device.pushed[0]) == (8 * FRAME.frame_samples if cyclic else block_samples(RATE))
    chirp = np.mean(np.abs(frames[: 2 * FRAME.chirp_samples]) ** 2)  # chirps have modulus 1
    assert 10 * np.log10(chirp) == pytest.approx(-12.0, abs=0.01)
    received = receive(FRAME, np.concatenate([frames, np.zeros(4000)]) * 4)
    np.testing.assert_array_equal(received.ids, np.arange(len(symbols)))
    np.testing.assert_allclose(received.symbols, symbols, atol=2e-3)


def test_an_odd_frame_is_sent_an_even_number_of_times(serve_pluto):
    """The converter's memory moves two samples at a time."""
    frame = replace(FRAME, gap_samples=1 - FRAME.frame_samples % 2 if FRAME.gap_samples == 0 else 0)
    assert frame.frame_samples % 2 == 1
    radio = open_front_end(settings(serve_pluto(QUIET), options={"cycle_frames": 3}), frame, "transmit")
    assert radio.configure()["cycle_frames"] == 4
    radio.close()


def test_too_loud_samples_are_counted(serve_pluto):
    server = serve_pluto(QUIET)
    radio = open_front_end(settings(server, transmit_level_db=0.0), FRAME, "transmit")
    radio.configure()
    top = images_to(radio, 2)
    radio.prepare()
    top.run()
    clipped = radio.status()["clipped_samples"]
    radio.close()
    words = server.device.pushed[0]
    full = np.count_nonzero((words == 32767) | (words == -32768))
    assert 0 < clipped <= full


def test_the_end_is_silent(serve_pluto):
    server = serve_pluto(QUIET)
    transmit(server)
    device = server.device
    assert all(
        device.number(f"out_altvoltage{index}_TX1_{name}_scale", DAC) == 0
        for index, name in enumerate(("I_F1", "I_F2", "Q_F1", "Q_F2"))
    )
    assert device.number("out_voltage0_hardwaregain") == -89.75
    assert device.number("out_altvoltage1_TX_LO_powerdown") == 1
    until(lambda: server.connections() == 0)


def test_received_level_and_peak(serve_pluto):
    """Full scale of the converter is 1: a constant of 0.25 arrives as one, and sets the peak."""
    server = serve_pluto(Air(paths=((3.0, 0.0, 0.0),), noise_deviation=0.01, dc=0.25 - 0.125j))
    radio = open_front_end(settings(server), FRAME, "receive")
    radio.configure()
    top = samples_of(radio, 50_000)
    radio.prepare()
    top.run()
    peak = radio.status()["adc_peak"]
    radio.close()
    samples = top.samples()
    assert samples.mean() == pytest.approx(0.25 - 0.125j, abs=1e-3)
    assert np.std(samples) == pytest.approx(0.01, rel=0.03)  # 50,000 draws: 0.3 % is a deviation
    assert 0.25 < peak < 0.32
    assert top.gaps() == []


def test_old_buffers_do_not_arrive(serve_pluto):
    """The kernel holds samples of an earlier time when a program starts."""
    server = serve_pluto(replace(QUIET, paths=((3.0, 0.0, 0.0),)), stale_buffers=KERNEL_BUFFERS)
    radio = open_front_end(settings(server), FRAME, "receive")
    radio.configure()
    top = samples_of(radio, 30_000)
    radio.prepare()
    top.run()
    radio.close()
    assert np.abs(top.samples()).max() == 0.0


def test_two_receivers(serve_pluto):
    server = serve_pluto(Air(paths=((3.0, 0.1, 0.0),), noise_deviation=0.02), rx_channels=2)
    radio = open_front_end(settings(server, rx_channels=2), FRAME, "receive")
    radio.configure()
    top = samples_of(radio, 20_000)
    radio.prepare()
    top.run()
    radio.close()
    np.testing.assert_allclose(top.samples(1), 1j * top.samples(0), atol=1.01 / 2048)


def test_a_second_receiver_that_is_not_there(serve_pluto):
    radio = open_front_end(settings(serve_pluto(QUIET), rx_channels=2), FRAME, "receive")
    with pytest.raises(RadioError, match="no input channel voltage1: check --rx-channels"):
        radio.configure()


@pytest.mark.parametrize("cyclic", [True, False])
def test_images_over_the_air(serve_pluto, cyclic):
    """Transmitter and receiver at once, as two programs on one device: the images of the frames arrive."""
    server = serve_pluto(Air(paths=((3.0, 0.1, 0.0), (9.3, 0.02j, 0.0)), noise_deviation=1e-3, dc=0.01))
    sender = open_front_end(settings(server, options={"cyclic": cyclic}), FRAME, "transmit")
    receiver = open_front_end(settings(server), FRAME, "receive")
    sender.configure()
    receiver.configure()
    sending, receiving = images_to(sender, 8 if cyclic else 40, repeat=cyclic), samples_of(receiver)
    receiver.prepare()
    receiving.start()
    until(lambda: receiving.sinks[0].nitems_read(0))
    sender.prepare()
    sending.start()
    if cyclic:
        until(lambda: sender.status()["cycle_samples"])
        so_far = receiving.sinks[0].nitems_read(0)
        until(lambda: receiving.sinks[0].nitems_read(0) > so_far + 16 * block_samples(RATE))
        sending.stop()
    sending.wait()
    so_far = receiving.sinks[0].nitems_read(0)
    until(lambda: receiving.sinks[0].nitems_read(0) > so_far + 50_000)
    receiving.stop()
    receiving.wait()
    sender.close()
    receiver.close()
    received = receive(FRAME, receiving.samples())
    assert set(received.ids) == set(range(len(sending.symbols)))
    assert np.median(received.snr_db) > 20.0


def test_new_settings_take_effect_behind_a_gap(serve_pluto):
    """Samples of the old gain are lost as a whole, none passes as one of the new gain."""
    server = serve_pluto(Air(paths=((3.0, 0.0, 0.0),), noise_deviation=0.01))
    radio = open_front_end(settings(server, rx_gain_db=30), FRAME, "receive")
    radio.configure()
    top = samples_of(radio)
    radio.prepare()
    top.start()
    until(lambda: top.sinks[0].nitems_read(0) > 40_000)
    radio.set_rx_gain_db(50)
    until(lambda: top.gaps() and top.sinks[0].nitems_read(0) > sum(top.gaps()[-1]) + 40_000)
    top.stop()
    top.wait()
    radio.close()
    first, length = top.gaps()[0][0], sum(length for _, length in top.gaps())
    assert length >= (KERNEL_BUFFERS + 1) * block_samples(RATE) - 1
    samples = top.samples()
    assert not samples[first : first + length].any()
    assert np.std(samples[first - 5000 : first]) == pytest.approx(0.01, rel=0.1)
    assert np.std(samples[first + length : first + length + 5000]) == pytest.approx(0.1, rel=0.1)


def test_a_second_run_sends_again(serve_pluto):
    """Behind a run the device is silent and let go of; the next one sets it up anew."""
    server = serve_pluto(QUIET)
    radio = open_front_end(settings(server, tx_gain_db=-5), FRAME, "transmit")
    radio.configure()
    for run in (1, 2):
        radio.prepare()
        assert server.device.number("out_voltage0_hardwaregain") == -5
        top = images_to(radio, 2)
        top.run()
        assert len(server.device.pushed) == run
        radio.silence()
        until(server.device.is_silent)
        top.disconnect_all()


def test_what_a_cycle_counts_is_what_was_on_the_air(serve_pluto, monkeypatch):
    """Frames in the time since the cycle began, whatever the flowgraph has handed in."""
    clock = [100.0]
    server = serve_pluto(QUIET)
    radio = open_front_end(settings(server, options={"cycle_frames": 2}), FRAME, "transmit")
    radio.configure()
    top = images_to(radio, 40, repeat=True)
    radio.prepare()
    assert radio.frames_sent() == radio.frames_in_cycle() == 0
    monkeypatch.setattr(pluto_transmitter, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    top.start()
    until(radio.frames_in_cycle)
    assert radio.frames_in_cycle() == radio.cycle_frames == 2
    clock[0] += 3800.5 * FRAME.frame_samples / RATE
    assert radio.frames_sent() == 3800
    top.stop()
    top.wait()
    clock[0] += 10.0
    assert radio.frames_sent() == 3800
    radio.close()


def test_what_a_stream_counts_is_what_the_device_took(serve_pluto):
    server = serve_pluto(QUIET)
    radio = open_front_end(settings(server, options={"cyclic": False}), FRAME, "transmit")
    radio.configure()
    top = images_to(radio, 5)
    radio.prepare()
    top.run()
    radio.close()
    assert radio.frames_sent() == 5
    assert radio.cycle_frames == radio.frames_in_cycle() == 0


def test_the_filter_does_not_depend_on_who_used_the_device_before(serve_pluto):
    """It is loaded also where the rate is right already; but not under another program, which is told."""
    server = serve_pluto(QUIET)
    server.device.set_value("in_voltage_sampling_frequency", "4000000")
    radio = open_front_end(settings(server, sample_rate_hz=4e6), FRAME, "receive")
    assert radio.configure()["warnings"] == []
    assert server.device.number("in_out_voltage_filter_fir_en") == 1
    radio.prepare()  # receives from now on
    server.device.set_value("in_out_voltage_filter_fir_en", "0")
    other = open_front_end(settings(server, sample_rate_hz=4e6), FRAME, "transmit")
    assert "the FIR filter is off and stays so" in "".join(other.configure()["warnings"])
    assert server.device.number("in_out_voltage_filter_fir_en") == 0
    other.close()
    radio.close()
