# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pluto as a radar: the direct leakage is range zero, wherever a start happens to put it."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("gnuradio.semisac", reason="front ends need GNU Radio and the module")
pytest.importorskip("adi", reason="a Pluto is set up with pyadi-iio")

from gnuradio import blocks, gr  # noqa: E402
from gnuradio.semisac.radio import open_front_end  # noqa: E402
from patience import until  # noqa: E402
from pluto_air import Air  # noqa: E402
from pluto_testing import FRAME, images_to, settings  # noqa: E402

from semisac_ml.signal.direct_path import direct_path  # noqa: E402

pytestmark = pytest.mark.slow

LEAKAGE, ECHO_SAMPLES = 3.3, 12.4
SCENE = Air(
    paths=((LEAKAGE, 0.1, 0.0), (LEAKAGE + ECHO_SAMPLES, 0.02j, 0.0)), noise_deviation=3e-4, dc=0.003 - 0.002j
)


def echoes(radio, frames: int) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """What is sent, what comes back, and where frames begin that are whole and not lost: so many at least."""
    top = images_to(radio, 2000)  # 8 s: those that a stream sends during the search are spent
    sinks = [blocks.vector_sink_c(), blocks.vector_sink_c()]
    for port, sink in enumerate(sinks):
        top.connect((radio, port), sink)

    def whole() -> list[int]:
        tags = {
            key: {t.offset for t in sinks[0].tags() if str(t.key) == key} for key in ("packet_len", "lost")
        }
        end = min(sink.nitems_read(0) for sink in sinks) - FRAME.frame_samples
        return sorted(start for start in tags["packet_len"] - tags["lost"] if start <= end)

    radio.prepare()
    top.start()
    until(lambda: len(whole()) >= frames)
    top.stop()
    top.wait()
    sent, received = (np.array(sink.data(), np.complex64) for sink in sinks)
    return sent, received, whole()


@pytest.mark.parametrize("cyclic", [True, False])
def test_range_after_restarts_with_another_offset(serve_pluto, cyclic):
    """The echo is found within half a sample of its place behind the leakage, at each of three starts."""
    server = serve_pluto(SCENE)
    offsets = []
    for _ in range(3):
        radio = open_front_end(settings(server, options={"cyclic": cyclic}), FRAME, "monostatic")
        radio.configure()
        sent, received, starts = echoes(radio, 30)
        status = radio.status()
        radio.close()
        assert status["alignment"] == ""
        assert status["leakage_db"] == pytest.approx(-20.0 - 12.0, abs=0.5)
        offsets.append(status["latency_samples"])
        for start in starts[::7]:
            span = slice(start, start + FRAME.frame_samples)
            delay, gain = direct_path(sent[span], received[span])
            assert abs(delay) < 0.1
            rest = received[span] - gain * sent[span]
            assert direct_path(sent[span], rest, 20)[0] == pytest.approx(ECHO_SAMPLES, abs=0.5)
    assert len({round(offset) for offset in offsets}) == 3
    # whole samples apart: the device starts anywhere, its filters are what they are
    assert np.allclose(np.mod(offsets, 1.0), LEAKAGE % 1.0, atol=0.05)


def test_without_leakage_nothing_is_given_and_the_reason_is(serve_pluto):
    server = serve_pluto(Air(paths=((LEAKAGE, 0.0, 0.0),), noise_deviation=1e-3))
    radio = open_front_end(settings(server), FRAME, "monostatic")
    radio.configure()
    top = images_to(radio, 200)
    sinks = [blocks.null_sink(gr.sizeof_gr_complex) for _ in range(2)]
    for port, sink in enumerate(sinks):
        top.connect((radio, port), sink)
    radio.prepare()
    top.start()
    until(lambda: "leakage" in radio.status()["alignment"])
    assert "latency_samples" not in radio.status()
    assert sinks[1].nitems_read(0) == 0
    top.stop()
    top.wait()
    radio.close()
