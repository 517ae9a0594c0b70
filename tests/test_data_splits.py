# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Splits: nothing lost, nothing twice, no sequence on both sides, the same seed the same split."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semisac_ml.data import DataError, splits

lengths = st.lists(st.integers(1, 40), min_size=2, max_size=30)


def whole(split: splits.Split, samples: int) -> bool:
    return np.array_equal(np.sort(np.concatenate([split.train, split.test])), np.arange(samples))


@given(lengths, st.floats(0.05, 0.95), st.integers(0, 1000))
@settings(deadline=None, max_examples=60)
def test_no_sequence_on_both_sides(sizes, share, seed):
    sequence = np.repeat(np.arange(len(sizes)) * 7 + 3, sizes)
    split = splits.sequence_split(sequence, share, seed)
    assert whole(split, len(sequence)) and len(split.train) and len(split.test)
    assert not set(sequence[split.train]) & set(sequence[split.test])
    again = splits.sequence_split(sequence, share, seed)
    np.testing.assert_array_equal(split.test, again.test)
    assert f"seed {seed}" in split.name and "by sequence" in split.name


@given(lengths, st.integers(0, 1000))
@settings(deadline=None, max_examples=60)
def test_folds_test_every_sample_once(sizes, seed):
    sequence = np.repeat(np.arange(len(sizes)), sizes)
    for folds in (
        splits.sequence_folds(sequence, 2, seed),
        splits.random_folds(len(sequence), 2, seed),
    ):
        assert all(whole(fold, len(sequence)) for fold in folds)
        tested = np.concatenate([fold.test for fold in folds])
        np.testing.assert_array_equal(np.sort(tested), np.arange(len(sequence)))
        assert len({fold.name for fold in folds}) == len(folds)


def test_shares():
    split = splits.random_split(1000, 0.2, seed=5)
    assert len(split.test) == 200 and split.name == "at random, 20 % for testing, seed 5"
    sequence = np.repeat(np.arange(50), 20)
    assert len(splits.sequence_split(sequence, 0.2, seed=5).test) == 200
    sizes = [len(fold.test) for fold in splits.sequence_folds(sequence, 5, seed=5)]
    assert sizes == [200] * 5
    assert not np.array_equal(split.test, splits.random_split(1000, 0.2, seed=6).test)


def test_what_cannot_be_split():
    with pytest.raises(DataError, match="1 sequences cannot be split in 2"):
        splits.sequence_split(np.zeros(10))
    with pytest.raises(DataError, match="3 sequences cannot be split in 5"):
        splits.sequence_folds(np.arange(3), 5)
    with pytest.raises(DataError, match="test_share is 1.5"):
        splits.random_split(10, 1.5)
    with pytest.raises(DataError, match="folds is 1"):
        splits.random_folds(10, 1)
