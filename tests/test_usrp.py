# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""USRP front end over a stub of gnuradio.uhd: times, bursts, events. Lines are those of the last table in
docs/hardware.md.
"""

from __future__ import annotations

import gc
import itertools
import time
import weakref
from fractions import Fraction

import numpy as np
import pmt
import pytest

pytest.importorskip("gnuradio.semisac", reason="radios need GNU Radio and the module")
pytest.importorskip("gnuradio.uhd", reason="the front end needs gr-uhd")

from gnuradio import blocks, gr, semisac  # noqa: E402
from gnuradio.semisac import radio  # noqa: E402
from patience import until  # noqa: E402
from radio_testing import paused_sink, tag, time_value, waiting_source  # noqa: E402
from usrp_testing import (  # noqa: E402
    FRAME,
    RATE_HZ,
    TOUCHING,
    air_time,
    calibrate,
    calls,
    heard,
    modulated,
    monostatic,
    opened,
    sent_samples,
    transmission,
)


def test_start_is_scheduled_ahead_of_time(usrp_stub):
    """Line 2: the time is set, then both directions begin at a time in the future."""
    front_end, _ = opened("monostatic", options={"measure_latency": True})
    transmission(front_end, 1).run_until(lambda: True)
    assert calls(usrp_stub, "set_time_now")[0][2:] == (0, 0.0)
    starts = calls(usrp_stub, "set_start_time")
    assert len(starts) == 2
    for _, _, start, now in starts:
        assert 0.3 < start - now < 0.6


def test_every_burst_begins_in_time_and_ends(usrp_stub):
    """Line 3, the first one too: sob and tx_time on the first sample, eob on the last, in one piece."""
    front_end, _ = opened("transmit")
    transmission(front_end, 40).run_until(lambda: usrp_stub.device.transmitter.bursts_sent() == 40)
    bursts = usrp_stub.device.bursts
    assert len(bursts) == 40
    assert all(burst.sob and burst.ended for burst in bursts)
    assert {burst.samples for burst in bursts} == {FRAME.occupied_samples}
    assert {burst.calls for burst in bursts} == {1}
    times = [burst.time[0] + Fraction(burst.time[1]) for burst in bursts]
    slots = [
        (later - earlier) * Fraction(RATE_HZ) / FRAME.frame_samples
        for earlier, later in itertools.pairwise(times)
    ]
    assert all(abs(slot - 1) < 1e-6 for slot in slots)
    assert front_end.events.counts()["late"] == 0


@pytest.mark.parametrize("role", ["transmit", "monostatic"])
def test_frames_that_touch_lose_nothing(usrp_stub, role):
    """Line 3: a burst that follows another one at once loses its first packet in every USRP."""
    front_end, _ = opened(role, TOUCHING, options={"measure_latency": True})
    samples = 60 * TOUCHING.frame_samples
    transmission(front_end, 60).run_until(lambda: sent_samples(usrp_stub) == samples)
    assert usrp_stub.device.transmitter.packets_late() == 0
    assert front_end.events.counts()["late"] == 0


def test_a_source_that_pauses_costs_a_slot_and_no_heads(usrp_stub):
    """The next frame is not there when a burst ends: that one has a later slot, and all of its samples."""
    front_end, _ = opened("transmit", TOUCHING)
    flow = gr.top_block()
    frames = waiting_source(
        [modulated(3), modulated(3, first=24)],
        [None, lambda: usrp_stub.device.transmitter.bursts_sent() == 1],
    )
    flow.connect(frames, front_end.tx)
    front_end.prepare()
    flow.start()
    until(lambda: sent_samples(usrp_stub) == 6 * TOUCHING.frame_samples)
    until(lambda: usrp_stub.device.transmitter.bursts_sent() == 2)
    flow.stop()
    flow.wait()
    front_end.close()
    first, second = usrp_stub.device.bursts
    assert second.time[1] - first.time[1] == pytest.approx(4 * TOUCHING.frame_samples / RATE_HZ)
    assert usrp_stub.device.transmitter.packets_late() == 0
    assert front_end.status()["slots_skipped"] == 1


def test_nothing_is_tuned_while_the_radio_runs(usrp_stub):
    """Line 11: a retune changes the phase from transmitter to receiver. Line 12: nor is the gain."""
    front_end, _ = opened("monostatic", options={"measure_latency": True})
    before = len(usrp_stub.device.calls)
    transmission(front_end, 20).run_until(lambda: usrp_stub.device.transmitter.bursts_sent() == 20)
    called = [call[1] for call in usrp_stub.device.calls[before:]]
    assert called == ["set_start_time", "set_start_time", "set_gain"]
    assert usrp_stub.device.calls[-1] == ("usrp_sink", "set_gain", 0.0, 0)  # when it is over


@pytest.mark.parametrize("frame", [FRAME, TOUCHING], ids=["apart", "touching"])
def test_late_frames_are_counted_and_named(usrp_stub, frame):
    """Line 4. The host was held up for three frames: the event of each of their packets has the time at which
    it was found, behind all of them.
    """
    front_end, _ = opened("monostatic", frame, options={"measure_latency": True})
    flow = transmission(front_end, 60)
    usrp_stub.device.transmitter.inject_late(3)
    flow.run_until(lambda: air_time(front_end) > 30 * frame.frame_samples and heard(front_end, "late", 3))
    assert usrp_stub.device.transmitter.packets_late() > 3
    assert front_end.events.counts()["late"] == 3
    hit = front_end.events.frames_hit()
    assert [kind for _, kind in hit] == ["late"] * 3
    assert [frame for frame, _ in hit] == [0, 8, 16]  # the ids of the first three frames


@pytest.mark.parametrize("frame", [FRAME, TOUCHING], ids=["apart", "touching"])
def test_a_host_that_is_held_up_in_the_middle_costs_these_frames(usrp_stub, frame):
    """What touches runs dry first; the frames before and behind are none of them."""
    front_end, _ = opened("monostatic", frame, options={"measure_latency": True})
    usrp_stub.device.transmitter.inject_late(5, 20)
    length = frame.frame_samples

    def lost() -> list[tuple[int, int]]:
        """Start and id of the frames in the five slots from that of frame 20 on."""
        sent = front_end._scheduler.frames_between(0, 1 << 40)
        return front_end._scheduler.frames_between(sent[20][0], sent[20][0] + 5 * length - 1)

    flow = transmission(front_end, 60)
    flow.run_until(
        lambda: air_time(front_end) > 70 * length and len(front_end.events.frames_hit()) >= len(lost()) > 0
    )
    expected = [frame_id for _, frame_id in lost()]
    assert expected[0] == 20 * 8
    assert [one for one, _ in front_end.events.frames_hit()] == expected
    kinds = [kind for _, kind in front_end.events.frames_hit()]
    assert kinds[1:] == ["late"] * (len(expected) - 1)
    assert kinds[0] == "late" if frame is FRAME else kinds[0] in ("underflow", "late")


@pytest.mark.parametrize("frame", [FRAME, TOUCHING], ids=["apart", "touching"])
def test_underflows_are_counted_and_their_frames_named(usrp_stub, frame):
    front_end, _ = opened("transmit", frame)
    flow = transmission(front_end, 40)
    usrp_stub.device.transmitter.inject_underflow(2)
    flow.run_until(
        lambda: air_time(front_end) > 40 * frame.frame_samples and heard(front_end, "underflow", 2)
    )
    assert front_end.events.frames_hit() == [(0, "underflow"), (8, "underflow")]
    assert front_end.events.counts()["underflow"] == 2
    assert front_end.events.counts()["late"] == 0  # the second halves are of the same frames


def test_messages_that_are_no_events_are_let_be(usrp_stub):
    front_end, _ = opened("transmit")
    transmission(front_end, 1).run_until(lambda: True)
    listener = front_end._listener
    key, codes = pmt.intern("uhd_async_msg"), pmt.intern("event_code")
    spec = pmt.intern("time_spec")
    for content in (
        pmt.PMT_NIL, pmt.from_long(3), pmt.cons(key, pmt.PMT_T), pmt.cons(key, pmt.make_dict()),
        *(pmt.cons(key, pmt.dict_add(pmt.make_dict(), codes, value))
          for value in (pmt.intern("time_error"), pmt.from_long(1), pmt.list1(pmt.from_long(1)))),
        *(pmt.cons(key, pmt.dict_add(pmt.dict_add(pmt.make_dict(), codes, pmt.list1(pmt.intern("other"))),
                                     spec, value))
          for value in (pmt.intern("now"), pmt.cons(pmt.from_double(1.0), pmt.intern("x")),
                        pmt.cons(pmt.from_long(-1), pmt.from_double(0.0)),
                        pmt.cons(pmt.from_long(1), pmt.from_double(float("nan"))))),
    ):  # fmt: skip
        listener._take(content)
    assert not any(front_end.events.counts().values())


def test_lost_samples_are_found_by_their_times(usrp_stub):
    """Line 5: the stub reports no error with them."""
    front_end, _ = opened("receive")
    flow = transmission(front_end, 0)
    front_end.prepare()
    flow.start()
    for lost in (1234, 99):
        flow.go_on(100_000)
        usrp_stub.device.receiver.inject_loss(lost)
    flow.go_on(100_000)
    status = front_end.status()
    flow.end()
    assert status["samples_lost"] == 1333
    assert front_end.events.counts()["overflow"] == 2
    gaps = [one for one in flow.sinks[0].tags() if str(one.key) == "gap"]
    data = np.array(flow.sinks[0].data())
    for one, length in zip(gaps, (1234, 99), strict=True):
        assert int(str(one.value)) == length
        assert not data[one.offset : one.offset + length].any()


def test_a_start_that_came_too_late_is_repeated_once(usrp_stub):
    """gr-uhd logs an error and never gets a sample."""
    usrp_stub.device.late_starts = 1
    front_end, _ = opened("receive", timeout_s=2.0, options={"start_in_s": 0.2})
    flow = transmission(front_end, 0)
    front_end.prepare()
    flow.start()
    until(flow.received)
    assert front_end.status()["starts_repeated"] == 1
    flow.end()
    ((_, _, mode, now, when, told),) = calls(usrp_stub, "issue_stream_cmd")
    assert (mode, now) == ("start_continuous", False)
    assert 0.1 < when - told < 0.3
    assert front_end.events.vanished() == ""


def test_a_start_that_is_late_twice_tells_its_cause(usrp_stub):
    usrp_stub.device.late_starts = 2
    front_end, _ = opened("receive", timeout_s=0.5)
    flow = transmission(front_end, 0)
    front_end.prepare()
    flow.start()
    until(front_end.events.vanished)
    flow.end()
    assert "nor behind a second start" in front_end.events.vanished()
    assert "start_in_s (now 0.5)" in front_end.events.vanished()


def test_the_start_is_an_option(usrp_stub):
    front_end, _ = opened("monostatic", options={"measure_latency": True, "start_in_s": 3.0})
    transmission(front_end, 1).run_until(lambda: True)
    assert all(2.9 < start - now < 3.1 for _, _, start, now in calls(usrp_stub, "set_start_time"))
    with pytest.raises(ValueError, match="start_in_s is 0, expected 0.05 to 60"):
        opened("receive", options={"start_in_s": 0.0})


def test_clipping_of_what_is_sent_is_counted(usrp_stub):
    for level_db, clips in ((-20.0, False), (0.0, True)):
        front_end, _ = opened("transmit", transmit_level_db=level_db)
        transmission(front_end, 5).run_until(lambda radio=front_end: radio.status()["frames_scheduled"] == 5)
        assert (front_end._scheduler.samples_clipped() > 0) == clips


def test_gains_and_carrier_change_while_it_runs(usrp_stub):
    front_end, _ = opened("monostatic", options={"measure_latency": True})
    calibrate(front_end)
    front_end, _ = opened("monostatic")
    flagged = []

    def change() -> bool:
        flagged.append(front_end.status()["frames_flagged"])
        front_end.set_tx_gain_db(12.0)
        front_end.set_rx_gain_db(34.0)
        front_end.set_center_frequency_hz(2.5e9)
        return True

    flow = monostatic(front_end, waiting_source([modulated(200), modulated(100, 1600)], [None, change]))
    front_end.prepare()
    flow.start()
    until(lambda: flagged and front_end.status()["frames_flagged"] > flagged[0])
    with pytest.raises(radio.RadioError, match="tunes to 6e[+]09"):
        front_end.set_center_frequency_hz(7e9)
    flow.stop()
    flow.wait()
    front_end.close()
    for call in (
        ("usrp_sink", "set_gain", 12.0, 0), ("usrp_source", "set_gain", 34.0, 0),
        ("usrp_sink", "set_center_freq", 2.5e9, 0), ("usrp_source", "set_center_freq", 2.5e9, 0),
    ):  # fmt: skip
        assert call in usrp_stub.device.calls
    listener, _ = opened("receive")
    with pytest.raises(radio.RadioError, match="no transmit gain that changes"):
        listener.set_tx_gain_db(3.0)


def test_runs_again_with_its_gain_and_lets_go_when_closed(usrp_stub):
    front_end, _ = opened("transmit", tx_gain_db=33.0)
    for _ in range(2):
        flow = transmission(front_end, 10)
        front_end.prepare()
        flow.start()
        before = front_end.status()["frames_scheduled"]
        until(lambda: front_end.status()["frames_scheduled"] > 5)
        gains = [call[2] for call in calls(usrp_stub, "set_gain")]
        assert gains[-1] == 33.0, before
        flow.stop()
        flow.wait()
        front_end.silence()
        assert calls(usrp_stub, "set_gain")[-1][2] == 0.0
        flow.disconnect_all()
    held = weakref.ref(front_end._sink)
    front_end.close()
    usrp_stub.device.recorder = None
    del flow
    gc.collect()
    assert held() is None


@pytest.mark.parametrize("role", ["receive", "monostatic"])
def test_a_clock_that_jumps_is_an_event_and_ends_a_radar(usrp_stub, role):
    """Behind it nothing received is in step with what is sent."""
    front_end, _ = opened(role, options={"measure_latency": True})
    filler = semisac.gap_filler(1e4)
    front_end._filler = filler
    flow = gr.top_block()
    jump = [tag(0, "rx_time", time_value(0, 0.0)), tag(50, "rx_time", time_value(700, 0.0))]
    flow.connect(blocks.vector_source_c([0.0] * 100, False, 1, jump), filler, blocks.null_sink(8))
    flow.run()
    counts = front_end.status()
    assert (counts["gap"], counts["overflow"]) == (1, 0)
    assert front_end.status()["gap"] == 1  # told once
    assert ("clock jumped" in front_end.events.vanished()) == (role == "monostatic")


def test_a_device_that_is_back_can_run_again(usrp_stub):
    front_end, _ = opened("transmit")
    flow = transmission(front_end, 400)
    front_end.prepare()
    flow.start()
    usrp_stub.device.unplugged = True
    until(front_end.events.vanished)
    flow.stop()
    flow.wait()
    with pytest.raises(radio.RadioError, match="may not be silent, unplug it .EnvironmentError: IO"):
        front_end.silence()
    usrp_stub.device.unplugged = False
    front_end.prepare()
    assert front_end.events.vanished() == ""
    flow.symbols.rewind()
    flow.start()
    until(lambda: usrp_stub.device.transmitter.bursts_sent() > 0)
    flow.end()


def test_a_consumer_that_pauses_is_no_device_that_is_gone(usrp_stub):
    """For much longer than timeout_s."""
    front_end, _ = opened("receive", timeout_s=0.3)
    flow = gr.top_block()
    valve = paused_sink()
    flow.connect(front_end, valve)
    front_end.prepare()
    flow.start()
    # its buffers are full and stay so
    until(lambda: not front_end._filler.waits_for_samples() and front_end._filler.nitems_written(0) > 0)
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        assert front_end.events.vanished() == ""
        time.sleep(0.02)
    valve.open.set()
    until(lambda: valve.nitems_read(0) > 200_000)
    flow.stop()
    flow.wait()
    front_end.close()
    assert front_end.events.vanished() == ""


def test_a_device_that_is_unplugged_is_noticed(usrp_stub):
    front_end, _ = opened("transmit")
    flow = transmission(front_end, 400)
    front_end.prepare()
    flow.start()
    until(lambda: usrp_stub.device.transmitter.bursts_sent() > 0)
    usrp_stub.device.unplugged = True
    until(front_end.events.vanished)
    with pytest.raises(radio.RadioError, match="may not be silent"):
        flow.end()
    assert "the device answers no more" in front_end.events.vanished()


def test_a_receiver_without_samples_is_noticed(usrp_stub):
    front_end, _ = opened("receive", timeout_s=0.5)
    flow = transmission(front_end, 0)
    front_end.prepare()
    flow.start()
    until(flow.received)
    usrp_stub.device.receiver.inject_vanish()
    until(front_end.events.vanished)
    flow.end()
    assert "no samples for 0.5 s" in front_end.events.vanished()
    assert front_end.events.counts()["vanished"] == 1


def test_a_gain_that_stays_is_told(usrp_stub):
    front_end, _ = opened("transmit", tx_gain_db=20.0)
    usrp_stub.device.gain_stays = True
    with pytest.raises(radio.RadioError, match=r"may not be silent, unplug it \(its gain stays 20 dB\)"):
        front_end.close()
    assert front_end._sink is None  # let go all the same
    front_end.close()
