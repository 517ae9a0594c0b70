#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The block gives the symbols of semisac_ml.signal.mimo_ofdm; frames meet, wait and are counted."""

import time
from dataclasses import asdict, replace

import numpy as np
import pmt
from gnuradio import blocks, gr, gr_unittest, semisac

from semisac_ml.signal import mimo_ofdm
from semisac_ml.signal.mimo_ofdm import MimoOfdm

CELL = MimoOfdm(station_antennas=16, user_antennas=4, station_chains=3, user_chains=2, subcarriers=20)
SYMBOLS = 3


def phases(rng, *shape):
    return np.exp(2j * np.pi * rng.random(shape)).astype(np.complex64)


def tag(item, key, value):
    return gr.python_to_tag((item, pmt.intern(key), value, pmt.PMT_F))


def weights(values):
    return pmt.init_c32vector(values.size, values.ravel().tolist())


def beams_tags(precoder, ids, every=0):
    """Of frames [frames, antennas, chains]; every: items from one precoder to the next, 0: one a frame."""
    tags = [tag(SYMBOLS * f, "frame_id", pmt.from_uint64(int(frame))) for f, frame in enumerate(ids)]
    for f in range(len(ids)):
        for item in range(0, SYMBOLS, every or SYMBOLS):
            tags.append(tag(SYMBOLS * f + item, "precoder", weights(precoder[f, item if every else 0])))
    return tags


class Given:
    def __init__(self, items, tags):
        self.items, self.tags = items, tags

    def values(self, key):
        return [pmt.to_python(one.value) for one in self.tags if str(one.key) == key]


def send_combiners(block, frames, combiners):
    for frame in frames:
        head = pmt.dict_add(pmt.make_dict(), pmt.intern("frame_id"), pmt.from_uint64(frame))
        message = pmt.cons(head, weights(combiners[frame, 0, 0]))
        block.to_basic_block()._post(pmt.intern("combiner"), message)


def connect(top, streams, block, repeat=False):
    """Streams: (items [count, length], tags) of each input."""
    for port, (items, tags) in enumerate(streams):
        source = blocks.vector_source_c(items.ravel().tolist(), repeat, items.shape[1], tags)
        top.connect(source, (block, port))


def run(block, streams, most_items=0):
    """What each output gives."""
    top = gr.top_block()
    connect(top, streams, block)
    signature = block.output_signature()
    length = signature.sizeof_stream_item(0) // 8
    sinks = [blocks.vector_sink_c(length) for _ in range(signature.max_streams())]
    for port, sink in enumerate(sinks):
        top.connect((block, port), sink)
    if most_items:
        block.set_max_noutput_items(most_items)
    top.run()
    return [Given(np.array(sink.data(), np.complex64).reshape(-1, length), sink.tags()) for sink in sinks]


class Link:
    """Symbols and beams of some frames, and what the reference says is heard."""

    def __init__(self, direction, frames=4, cell=CELL, snr_db=3.0, seed=5, first_symbol=2, first_frame=0):
        rng = np.random.default_rng(7)
        self.direction, self.cell, self.frames = direction, cell, frames
        self.ids = first_frame + np.arange(frames)
        up = direction == "up"
        ends = (cell.user_antennas, cell.user_chains), (cell.station_antennas, cell.station_chains)
        sender, receiver = ends if up else ends[::-1]
        self.senders = cell.users if up else 1
        self.sent = phases(rng, frames, self.senders, SYMBOLS, cell.subcarriers, sender[1])
        self.precoder = phases(rng, frames, self.senders, SYMBOLS, *sender)
        self.combiner = phases(rng, 1 if up else cell.users, SYMBOLS, *receiver[::-1])
        self.how = dict(snr_db=snr_db, seed=seed, first_symbol=first_symbol)

    def make(self, **how):
        combiner = how.pop("combiner", self.combiner)
        return semisac.mimo_ofdm_channel(
            self.direction, SYMBOLS, combiner=combiner, **asdict(self.cell), **(self.how | how)
        )

    def stream(self, sender=0, frames=None):
        chosen = np.arange(self.frames) if frames is None else np.asarray(frames)
        items = self.sent[chosen, sender].reshape(len(chosen) * SYMBOLS, -1)
        return items, beams_tags(self.precoder[chosen, sender], self.ids[chosen], every=1)

    def streams(self):
        return [self.stream(sender) for sender in range(self.senders)]

    def expected(self, sent=None, combiner=None, **how):
        """Of each output, [frames * symbols, subcarriers * chains]."""
        heard = mimo_ofdm.transmit(
            self.direction,
            self.sent if sent is None else sent,
            self.combiner[None] if combiner is None else combiner,
            self.precoder,
            self.cell,
            first_frame=int(self.ids[0]),
            **(self.how | how),
        )
        return [heard[:, user].reshape(self.frames * SYMBOLS, -1) for user in range(heard.shape[1])]


class qa_mimo_ofdm_channel(gr_unittest.TestCase):
    def assert_close(self, found, expected):
        # single precision: sums of 16 antennas, 4 paths and 2 users
        self.assertEqual(found.shape, expected.shape)
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6 * np.abs(expected).max())

    def test_equals_the_reference(self):
        for direction in ("up", "down"):
            for doppler in ("speed", "paths"):
                for snr_db in (-20.0, 200.0):
                    with self.subTest(direction=direction, doppler=doppler, snr_db=snr_db):
                        link = Link(direction, cell=replace(CELL, doppler=doppler), snr_db=snr_db)
                        given = run(link.make(), link.streams())
                        self.assertEqual(len(given), 1 if direction == "up" else CELL.users)
                        for found, expected in zip(given, link.expected(), strict=True):
                            self.assert_close(found.items, expected)

    def test_equals_the_reference_of_the_papers_cell(self):
        link = Link("up", 3, MimoOfdm(), snr_db=-15.0, first_frame=2**40, seed=2**64 - 1)
        (given,) = run(link.make(), link.streams())
        self.assert_close(given.items, link.expected()[0])

    def test_three_users_and_one_chain(self):
        cell = replace(CELL, users=3, station_chains=1, user_chains=1, paths=7)
        link = Link("up", cell=cell)
        (given,) = run(link.make(), link.streams())
        self.assert_close(given.items, link.expected()[0])

    def test_up_and_down_are_one_channel(self):
        """Without noise x_up^T y_down = y_up^T x_down, where beams are the transposes of each other."""
        cell = replace(CELL, users=1)
        rng = np.random.default_rng(3)
        station, user = phases(rng, 3, 16), phases(rng, 4, 2)
        up_x, down_x = phases(rng, SYMBOLS, 20, 2), phases(rng, SYMBOLS, 20, 3)
        how = dict(snr_db=200.0, seed=9, first_symbol=4, **asdict(cell))
        up = semisac.mimo_ofdm_channel("up", SYMBOLS, combiner=station, **how)
        down = semisac.mimo_ofdm_channel("down", SYMBOLS, combiner=user.T, **how)
        (up_y,) = run(up, [(up_x.reshape(SYMBOLS, -1), beams_tags(user[None, None], [6]))])
        (down_y,) = run(down, [(down_x.reshape(SYMBOLS, -1), beams_tags(station.T[None, None], [6]))])
        one = (up_x * down_y.items.reshape(down_x.shape[:2] + (2,))).sum(axis=-1)
        other = (down_x * up_y.items.reshape(up_x.shape[:2] + (3,))).sum(axis=-1)
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5 * np.abs(one).max())

    def test_a_table_that_does_not_change_is_spread(self):
        link = Link("up")
        (given,) = run(link.make(combiner=link.combiner[0, 0]), link.streams())
        still = np.broadcast_to(link.combiner[:, :1], link.combiner.shape)
        self.assert_close(given.items, link.expected(combiner=still[None])[0])

    def test_a_precoder_holds_for_the_rest_of_its_frame(self):
        link = Link("up")
        link.precoder[:] = link.precoder[:, :, :1]
        tags = [beams_tags(link.precoder[:, user], link.ids) for user in range(CELL.users)]
        (given,) = run(link.make(), [(link.stream(user)[0], tags[user]) for user in range(CELL.users)])
        self.assert_close(given.items, link.expected()[0])

    def test_two_beams_that_are_the_same_have_the_same_noise(self):
        link = Link("up", snr_db=0.0)
        link.combiner[:, :, 1] = link.combiner[:, :, 0]
        (given,) = run(link.make(), link.streams())
        self.assert_close(given.items, link.expected()[0])
        chains = given.items.reshape(-1, CELL.station_chains)
        np.testing.assert_allclose(chains[:, 0], chains[:, 1], atol=1e-5)

    def test_recorded_paths(self):
        rng = np.random.default_rng(1)
        link = Link("up", 5)
        shape = (2, CELL.users, 6)  # two frames for five
        paths = mimo_ofdm.PathArrays(
            rng.standard_normal(shape) + 1j * rng.standard_normal(shape),
            rng.uniform(-1, 1, shape),
            rng.uniform(-1, 1, shape),
            rng.uniform(0, 1e-6, shape),
            rng.uniform(-3e3, 3e3, shape),
        )
        block = link.make()
        block.set_recorded_paths(**vars(paths))
        (given,) = run(block, link.streams())
        self.assert_close(given.items, link.expected(recorded=paths)[0])
        block.draw_paths()
        (given,) = run(block, link.streams())
        self.assert_close(given.items, link.expected()[0])
        for wrong in (
            vars(paths) | {"delay_s": paths.delay_s[:1]},
            {name: values[:, :1] for name, values in vars(paths).items()},
        ):
            with self.assertRaisesRegex(ValueError, "five arrays of one shape"):
                block.set_recorded_paths(**wrong)
        with self.assertRaisesRegex(ValueError, "recorded path 0 is not finite"):
            block.set_recorded_paths(**(vars(paths) | {"gain": np.full(shape, np.nan)}))

    def test_does_not_depend_on_chunks(self):
        link = Link("up", 30)
        (whole,) = run(link.make(), link.streams())
        for most_items in (1, 2, 7):
            (split,) = run(link.make(), link.streams(), most_items)
            np.testing.assert_array_equal(split.items, whole.items)
            self.assertEqual(split.values("frame_id"), whole.values("frame_id"))

    def test_tags(self):
        link = Link("up")
        items, tags = link.stream(0)
        tags += [tag(4, "label", pmt.from_long(7)), tag(0, "snr_db", pmt.from_double(99.0))]
        (given,) = run(link.make(), [(items, tags), link.stream(1)])
        offsets = [one.offset for one in given.tags if str(one.key) == "frame_id"]
        self.assertEqual(offsets, [0, 3, 6, 9])
        self.assertEqual(given.values("frame_id"), [0, 1, 2, 3])
        self.assertEqual(given.values("snr_db"), [3.0] * 4)
        np.testing.assert_allclose(given.values("noise_var"), [10**-0.3] * 4)
        self.assertEqual([one.offset for one in given.tags if str(one.key) == "label"], [4])
        self.assertEqual(given.values("precoder"), [])

    def test_users_are_told_their_largest_shift(self):
        link = Link("down")
        paths = mimo_ofdm.drawn_paths(CELL, link.how["seed"], 0, 4)
        for user, found in enumerate(run(link.make(), link.streams())):
            expected = np.abs(paths.doppler_hz[:, user]).max(axis=-1)
            np.testing.assert_allclose(found.values("doppler_hz"), expected, rtol=1e-12)
        up = Link("up")
        self.assertEqual(run(up.make(), up.streams())[0].values("doppler_hz"), [])

    def test_a_user_who_is_not_there_is_silent(self):
        link = Link("up", 6)
        block = link.make()
        (given,) = run(block, [link.stream(0, [0, 1, 3, 4]), link.stream(1, [0, 2, 3, 5])])
        sent = link.sent.copy()
        sent[[2, 5], 0] = 0.0
        sent[[1, 4], 1] = 0.0
        self.assert_close(given.items, link.expected(sent)[0])
        self.assertEqual(given.values("frame_id"), [0, 1, 2, 3, 4, 5])
        self.assertEqual(block.frames_missed(), 4)

    def test_a_user_who_ends_is_silent(self):
        link = Link("up", 40)
        block = link.make()
        (given,) = run(block, [link.stream(0), link.stream(1, [0, 1])])
        sent = link.sent.copy()
        sent[2:, 1] = 0.0
        self.assert_close(given.items, link.expected(sent)[0])
        self.assertEqual(block.frames_missed(), 38)

    def test_frames_that_cannot_be_used_are_silent_and_counted(self):
        link = Link("up", 7)
        items, tags = link.stream(0)
        items = np.delete(items, 3 * 1 + 2, axis=0)  # frame 1 is cut short
        tags = [t for t in tags if t.offset != 3 * 1 + 2]
        for t in tags:
            t.offset -= t.offset > 3 * 1 + 2
        items = items[:-1]  # frame 6 too, at the end
        begin = {frame: 3 * frame - 1 for frame in range(2, 7)}
        tags = [
            t
            for t in tags
            if not (str(t.key) == "precoder" and t.offset == begin[2])  # without beams
            and not (str(t.key) == "frame_id" and t.offset == begin[4])  # without a number
            and t.offset < len(items)
        ]
        for t in tags:
            if str(t.key) == "precoder" and t.offset == begin[3] + 1:
                t.value = weights(np.ones(5))  # of another length
        items[begin[5] + 1, 3] = np.nan
        block = link.make()
        (given,) = run(block, [(items, tags), link.stream(1)])
        sent = link.sent.copy()
        sent[1:7, 0] = 0.0
        self.assert_close(given.items, link.expected(sent)[0])
        self.assertEqual(block.frames_truncated(), 2)
        self.assertEqual(block.frames_refused(), 3)  # the items of frame 4 belong to none
        self.assertEqual(block.frames_missed(), 6)

    def test_ids_that_begin_anew_and_one_out_of_line(self):
        link = Link("up", 6)
        again = [0, 1, 2, 3, 4, 5]
        items, tags = link.stream(1, 3 * again)
        other, other_tags = link.stream(0, again + [0, 1, 2, 4, 5] + again)
        wrong = next(t for t in other_tags if str(t.key) == "frame_id" and t.offset == 3 * 3)
        wrong.value = pmt.from_uint64(2**40)
        block = link.make()
        (given,) = run(block, [(other, other_tags), (items, tags)])
        self.assertEqual(given.values("frame_id"), 3 * again)
        clean = link.expected()[0].reshape(6, SYMBOLS, -1)
        found = given.items.reshape(3, 6, SYMBOLS, -1)
        silent = link.sent.copy()
        silent[3, 0] = 0.0
        lonely = link.expected(silent)[0].reshape(6, SYMBOLS, -1)
        for turn, without in ((0, True), (1, True), (2, False)):
            self.assert_close(found[turn], lonely if without else clean)
        self.assertEqual((block.frames_missed(), block.frames_refused()), (2, 1))

    def test_a_single_input_keeps_its_order(self):
        """Whatever its ids, and in whatever pieces: nobody is there to wait for."""
        link = Link("down", 6)
        ids = [0, 2**50, 1, 1, 4, 2]
        items, _ = link.stream()
        tags = beams_tags(link.precoder[:, 0], ids, every=1)
        for most_items in (0, 1):
            given = run(link.make(), [(items, tags)], most_items)
            for one in given:
                self.assertEqual(one.values("frame_id"), ids)

    def test_combiners_by_message(self):
        link = Link("up", 6)
        rng = np.random.default_rng(4)
        combiners = phases(rng, 6, 1, 1, 3, 16)
        block = link.make(combiner=None)
        send_combiners(block, range(6), combiners)
        (given,) = run(block, link.streams())
        self.assert_close(given.items, link.expected(combiner=combiners)[0])
        self.assertEqual((block.frames_lost(), block.combiners_dropped()), (0, 0))
        send_combiners(block, range(6), combiners[::-1])
        send_combiners(block, range(6), combiners)  # the newer of two counts
        (given,) = run(block, link.streams())
        self.assert_close(given.items, link.expected(combiner=combiners)[0])
        self.assertEqual((block.frames_lost(), block.combiners_dropped()), (0, 6))

    def test_a_frame_whose_combiner_does_not_come_is_left_out(self):
        link = Link("up", 6)
        combiners = phases(np.random.default_rng(4), 6, 1, 1, 3, 16)
        block = link.make(combiner=None, patience_s=0.2)
        send_combiners(block, (0, 3, 4), combiners)
        (given,) = run(block, link.streams())
        self.assertEqual(given.values("frame_id"), [0, 3, 4])  # 5 ran out of patience
        self.assertEqual(block.frames_lost(), 3)
        expected = link.expected(combiner=combiners)[0].reshape(6, SYMBOLS, -1)[[0, 3, 4]]
        self.assert_close(given.items, expected.reshape(len(given.items), -1))

    def test_frames_wait_for_their_combiners(self):
        """More frames than may wait: the transmitter is held up, and nothing is lost."""
        link = Link("up", 12)
        combiners = phases(np.random.default_rng(4), 12, 1, 1, 3, 16)
        block = link.make(combiner=None, most_waiting=2)
        top = gr.top_block()
        connect(top, link.streams(), block)
        sink = blocks.vector_sink_c(60)
        top.connect(block, sink)
        top.start()
        for frame in range(12):
            send_combiners(block, [frame], combiners)
            end = time.monotonic() + 60.0
            while len(sink.data()) < 60 * SYMBOLS * (frame + 1) and time.monotonic() < end:
                time.sleep(0.002)
            self.assertEqual(len(sink.data()), 60 * SYMBOLS * (frame + 1))
        top.wait()
        found = np.array(sink.data(), np.complex64).reshape(-1, 60)
        self.assert_close(found, link.expected(combiner=combiners)[0])
        self.assertEqual(block.frames_lost(), 0)

    def test_settings_while_running(self):
        link = Link("up", 1)
        top = gr.top_block()
        block = link.make(snr_db=1.0)
        connect(top, link.streams(), block, repeat=True)
        probe = blocks.tag_debug(8 * 60, "snr", "snr_db")
        probe.set_display(False)
        top.connect(block, probe)

        def settles_at(value):
            end = time.monotonic() + 60.0
            while time.monotonic() < end:
                if {pmt.to_python(t.value) for t in probe.current_tags()} == {value}:
                    return True
                time.sleep(0.002)
            return False

        def send(message):
            block.to_basic_block()._post(pmt.intern("settings"), pmt.to_pmt(message))

        top.start()
        try:
            self.assertTrue(settles_at(1.0))
            block.set_snr_db(-4.5)
            self.assertTrue(settles_at(-4.5))
            negative = {"snr_db": 5.0, "speed_mps": -1.0}
            for wrong in ({"snr_db": 1000.0}, negative, {"snr_db": "low"}, {"level": 1.0}, 7):
                send(wrong)  # reported in the log and ignored
            send({"snr_db": 12.0, "speed_mps": 3.0})
            self.assertTrue(settles_at(12.0))
            self.assertEqual(block.speed_mps(), 3.0)
        finally:
            top.stop()
            top.wait()

    def test_speed_changes_the_channel_over_time(self):
        link = Link("up", snr_db=200.0)
        block = link.make()
        block.set_speed_mps(0.0)
        (given,) = run(block, link.streams())
        link.cell = replace(link.cell, speed_mps=0.0)
        self.assert_close(given.items, link.expected()[0])

    def test_bad_parameters(self):
        table = np.ones((2, 64))
        for arguments, message in (
            ({"direction": "left"}, 'direction is "left", expected "up" or "down"'),
            ({"doppler": "jakes"}, 'doppler is "jakes", expected "speed" or "paths"'),
            ({"symbols": 0}, "symbols is 0, expected 1 to 1024"),
            ({"users": 0}, "users is 0, expected 1 to 64"),
            ({"snr_db": float("nan")}, "snr_db is nan, expected -200 to 200"),
            ({"speed_mps": -1.0}, "speed_mps is -1, expected 0 to"),
            ({"first_symbol": -1}, "first_symbol is -1, expected 0 to"),
            ({"most_waiting": 1}, "most_waiting is 1, expected 2 to 1024"),
            (
                {"subcarriers": 65536, "station_chains": 64, "combiner": None},
                "subcarriers times chains is 4194304",
            ),
            (
                {"combiner": np.ones((3, 64))},
                r"combiner has shape \(3, 64\), expected one that .* \(1, 2, 2, 64\)",
            ),
            (
                {"symbols": 1024, "most_waiting": 1024, "combiner": None},
                r"most_waiting times .* is 2\.09715e\+08, expected 1 to 1\.34218e\+08",
            ),
            ({"combiner": table * np.inf}, "combiner is not finite"),
            ({"direction": "down", "combiner": None}, "combiner has 0 weights, expected 64"),
        ):
            with self.subTest(**arguments), self.assertRaisesRegex(ValueError, message):
                semisac.mimo_ofdm_channel(
                    **({"direction": "up", "symbols": 2, "combiner": table} | arguments)
                )


if __name__ == "__main__":
    gr_unittest.run(qa_mimo_ofdm_channel)
