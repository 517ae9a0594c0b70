#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Joining branches by frame_id, against a plain dictionary."""

from __future__ import annotations

import numpy as np
from gnuradio import gr_unittest
from gnuradio.semisac.frames.frame_join import FrameJoin


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

    def test_no_branch_fills_the_memory(self):
        for silent in range(3):
            join = FrameJoin(3, most_waiting=100)
            for first in range(0, 2000, 10):
                for branch in {0, 1, 2} - {silent}:
                    join.add(branch, np.arange(first, first + 10), {f"value_{branch}": np.zeros((10, 4))})
                    self.assertLessEqual(max(join.waiting(each) for each in range(3)), 110)
            ids = np.arange(1990, 2010)
            found = [join.add(branch, ids, {f"value_{branch}": ids}) for branch in (silent, 0, 1, 2)]
            self.assertIn(2005, np.concatenate([one[0] for one in found if one is not None]))
            self.assertLessEqual(max(join.waiting(each) for each in range(3)), 20)

    def test_ids_that_begin_anew(self):
        """Values tell the turn: only frames of the same one are joined, and all of those."""
        rng = np.random.default_rng(6)
        for trial in range(50):
            lengths = rng.integers(30, 60, 5)
            sent = np.concatenate([np.stack([np.full(n, t), np.arange(n)]) for t, n in enumerate(lengths)], 1)
            kept = [rng.random(sent.shape[1]) >= loss for loss in (0.0, 0.1, 0.3)]
            branches = [sent[:, one] for one in kept]
            join, places, joined = FrameJoin(3), [0, 0, 0], []
            while any(place < b.shape[1] for place, b in zip(places, branches, strict=True)):
                branch = int(rng.integers(3))
                turn, ids = branches[branch][:, places[branch] : places[branch] + int(rng.integers(0, 40))]
                places[branch] += len(ids)
                complete = join.add(branch, ids, {f"turn_{branch}": turn})
                if complete is not None:
                    joined.append(complete)
            with self.subTest(trial=trial):
                found = {
                    (int(turn), int(number))
                    for ids, columns in joined
                    for number, turn in zip(ids, columns["turn_0"], strict=True)
                }
                for _, columns in joined:
                    np.testing.assert_array_equal(columns["turn_0"], columns["turn_1"])
                    np.testing.assert_array_equal(columns["turn_0"], columns["turn_2"])
                every = {tuple(pair) for pair in sent[:, kept[0] & kept[1] & kept[2]].T.tolist()}
                self.assertLessEqual(found, every)
                self.assertEqual(len(every - found), sum(pair[0] == 4 for pair in every - found))
                self.assertEqual(len(found) + join.lost + join.waiting(), sent.shape[1])

    def test_a_branch_that_lost_the_place_where_ids_begin_anew(self):
        join = FrameJoin(2)
        found = []
        for turn, (count, first) in enumerate(((25, 0), (50, 30), (50, 0))):
            found.append(join.add(0, np.arange(count), {"sent": np.full(count, turn)}))
            ids = np.arange(first, count if turn else 20)  # never smaller than the one before
            found.append(join.add(1, ids, {"received": np.full(len(ids), turn)}))
        columns = [one[1] for one in found if one is not None]
        sent, received = (np.concatenate([c[name] for c in columns]) for name in ("sent", "received"))
        np.testing.assert_array_equal(sent, received)
        self.assertEqual(len(sent), 20 + 20 + 50)

    def test_an_id_out_of_line_costs_no_more_than_a_call(self):
        for branch in range(2):
            for strange in (2**63 - 1, 40):
                for size in (1, 2, 3, 7, 30):
                    join, found = FrameJoin(2), []
                    ids = [np.arange(30), np.arange(30)]
                    ids[branch][11] = strange
                    for first in range(0, 30, size):
                        for each in range(2):
                            part = ids[each][first : first + size]
                            found.append(join.add(each, part, {f"value_{each}": part}))
                    joined = np.concatenate([one[0] for one in found if one is not None])
                    with self.subTest(branch=branch, strange=strange, size=size):
                        missing = sorted(set(range(30)) - set(joined.tolist()))
                        self.assertLessEqual(len(missing), 1 + size)
                        self.assertLessEqual(set(missing), set(range(11, 12 + size)))
                        self.assertEqual(len(joined), len(set(joined.tolist())))

    def test_branches_in_different_turns_find_each_other_again(self):
        join = FrameJoin(2, most_waiting=50)
        join.add(1, np.arange(100, 110), {"received": np.zeros(10)})  # of a run that branch 0 never had
        found = []
        for first in range(0, 300, 10):
            ids = np.arange(first, first + 10)
            found += [join.add(0, ids, {"sent": ids}), join.add(1, ids, {"received": ids})]
        joined = np.concatenate([one[0] for one in found if one is not None])
        self.assertEqual(joined[-100:].tolist(), list(range(200, 300)))

    def test_a_new_run_begins_anew(self):
        join = FrameJoin(2)
        join.add(0, np.arange(20), {"sent": np.zeros(20)})
        join.begin_anew()
        join.add(0, np.arange(20), {"sent": np.ones(20)})
        ids, columns = join.add(1, np.arange(5), {"received": np.ones(5)})
        self.assertEqual(ids.tolist(), [0, 1, 2, 3, 4])
        np.testing.assert_array_equal(columns["sent"], 1)
        self.assertEqual((join.delivered, join.lost, join.waiting()), (40, 20, 15))


if __name__ == "__main__":
    gr_unittest.run(qa_frame_join)
