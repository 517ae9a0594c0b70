#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Joining branches by frame_id, against a plain dictionary."""

from __future__ import annotations

import numpy as np
from gnuradio import gr_unittest
from gnuradio.semisac.frame_join import FrameJoin


class qa_frame_join(gr_unittest.TestCase):
    def test_random_losses_and_pieces(self):
        rng = np.random.default_rng(5)
        for trial in range(50):
            frames = int(rng.integers(1, 60))
            branches = [np.flatnonzero(rng.random(frames) > loss) for loss in (0.0, 0.1, 0.3)]
            join = FrameJoin(3)
            joined = []
            places = [0, 0, 0]
            while any(place < len(ids) for place, ids in zip(places, branches, strict=True)):
                branch = int(rng.integers(3))
                size = int(rng.integers(0, 9))
                ids = branches[branch][places[branch] : places[branch] + size]
                places[branch] += len(ids)
                complete = join.add(branch, ids, {f"value_{branch}": ids * 10 + branch})
                if complete is not None:
                    joined.append(complete)
            expected = sorted(set(branches[0]) & set(branches[1]) & set(branches[2]))
            with self.subTest(trial=trial):
                ids = np.concatenate([np.empty(0, int)] + [ids for ids, _ in joined])
                self.assertEqual(ids.tolist(), expected)
                for branch in range(3):
                    for ids, columns in joined:
                        np.testing.assert_array_equal(columns[f"value_{branch}"], ids * 10 + branch)
                self.assertEqual(join.delivered, frames)
                self.assertEqual(len(expected) + join.lost + join.waiting(), frames)
                last_decided = min((ids[-1] if len(ids) else -1) for ids in branches)
                self.assertEqual(join.waiting(), frames - 1 - last_decided)

    def test_a_branch_that_delivers_nothing_does_not_fill_the_memory(self):
        join = FrameJoin(2, most_waiting=100)
        for first in range(0, 1000, 10):
            join.add(0, np.arange(first, first + 10), {"sent": np.zeros((10, 4))})
        self.assertEqual(join.waiting(), 100)
        self.assertEqual(join.lost, 900)
        ids, _ = join.add(1, np.array([5, 950]), {"received": np.zeros((2, 4))})
        self.assertEqual(ids.tolist(), [950])


if __name__ == "__main__":
    gr_unittest.run(qa_frame_join)
