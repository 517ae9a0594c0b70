#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fusion station: which feedback makes which combiner. What it hears of users: qa_fusion_user.py."""

from __future__ import annotations

import sys
from pathlib import Path

import pmt
from gnuradio import gr_unittest, semisac

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests"))
import block_inputs as good  # noqa: E402
from driven_flow import Flow  # noqa: E402
from patience import until  # noqa: E402


def report(frame_id, user, bits=(1, 0) * 8, **changed):
    """Feedback PDU."""
    head = {"pilots": 3, "feedback_bits": 16, "symbols": 2, "networks": 0, "snr_db": 3.0, "doppler_hz": 10.0}
    entries = pmt.to_pmt(head | {"user": user} | changed)
    entries = pmt.dict_add(entries, pmt.intern("frame_id"), pmt.from_uint64(frame_id))
    return pmt.cons(entries, pmt.init_u8vector(len(bits), list(bits)))


class qa_fusion_station(gr_unittest.TestCase):
    def combiners(self, reports, patience_s=60.0):
        """Ids of the combiners that reports give, and the block."""
        block = semisac.fusion_station(good.fusion_bundle(), patience_s)
        given = Flow(block, [good.station_heard()], [("feedback", one) for one in reports]).run()
        self.assertIsNone(given.error)
        return [int(text.split("frame_id: ")[1].split("}")[0]) for text in given.messages["combiner"]], block

    def test_reports_in_any_order_of_users(self):
        found, block = self.combiners([report(n, 0) for n in range(5)] + [report(n, 1) for n in range(5)])
        self.assertEqual((found, block.reports_missed()), (list(range(5)), 0))

    def test_a_user_who_skips_a_frame_is_not_waited_for(self):
        reports = [report(0, 0), report(1, 0), report(2, 0), report(0, 1), report(2, 1)]
        found, block = self.combiners(reports)
        self.assertEqual((found, block.reports_missed()), ([0, 1, 2], 1))

    def test_a_user_who_is_not_there_is_not_waited_for_but_once(self):
        """It comes back with a report of a frame whose combiner has gone out."""
        block = semisac.fusion_station(good.fusion_bundle(), 0.05)
        reports, released = [("feedback", report(n, 0)) for n in range(4)], []
        parts = [(1, None), (good.UNITS, lambda: released)]
        flow = Flow(block, [good.station_heard()], reports, parts=parts)

        def wait(_):
            until(lambda: block.reports_missed() == 4)
            block.to_basic_block()._post(pmt.intern("feedback"), report(3, 1))
            until(lambda: block.reports_late() == 1)
            released.append(True)

        given = flow.run(wait)
        self.assertEqual(len(given.messages["combiner"]), 4)

    def test_ids_that_begin_anew(self):
        reports = [report(frame, user) for _ in range(2) for frame in range(3) for user in (0, 1)]
        found, block = self.combiners(reports)
        self.assertEqual((found, block.reports_missed(), block.reports_late()), (2 * [0, 1, 2], 0, 0))

    def test_users_who_disagree_about_the_frame(self):
        found, block = self.combiners([report(0, 0), report(0, 1, symbols=1)])
        self.assertEqual((found, block.reports_missed()), ([0], 1))

    def test_frames_whose_combiner_is_of_another_are_counted(self):
        _, block = self.combiners([report(n, user) for n in range(9) for user in (0, 1)])
        self.assertEqual(block.frames_unknown(), good.UNITS - 9)


if __name__ == "__main__":
    gr_unittest.run(qa_fusion_station)
