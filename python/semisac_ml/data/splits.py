# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Samples for training and for testing.

Frames of one drive resemble each other, so that a split at random leaks: a network is tested on what it has
nearly seen. A split by sequence has no frame of a drive on both sides. Every split carries its name, which
belongs beside every figure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import DataError


@dataclass(frozen=True)
class Split:
    """Indices of samples, int64, in rising order; name: how they were chosen."""

    name: str
    train: np.ndarray
    test: np.ndarray


def random_split(samples: int, test_share: float = 0.2, seed: int = 0) -> Split:
    """Each sample for itself; at least one on each side.

    Parameters
    ----------
    samples : int
        Number of samples.
    test_share : float
        Share of the samples for testing, 0 < test_share < 1.
    seed : int
    """
    _check_share(test_share)
    _check_pieces(samples, 2, "samples")
    order = np.random.default_rng(seed).permutation(samples)
    count = min(max(round(test_share * samples), 1), samples - 1)
    return _split(f"at random, {_percent(test_share)} for testing, seed {seed}", order[:count], samples)


def sequence_split(sequence: np.ndarray, test_share: float = 0.2, seed: int = 0) -> Split:
    """Whole sequences; the test side holds as near to test_share of the samples as they allow.

    Parameters
    ----------
    sequence : ndarray, int [samples]
        Number of the sequence (drive, clip) of each sample.
    test_share : float
    seed : int

    Raises
    ------
    DataError
        If there are fewer than two sequences.
    """
    _check_share(test_share)
    names, sizes = np.unique(sequence, return_counts=True)
    _check_pieces(len(names), 2, "sequences")
    order = np.random.default_rng(seed).permutation(len(names))
    totals = np.cumsum(sizes[order])[:-1]
    count = int(np.argmin(np.abs(totals - test_share * len(sequence)))) + 1
    chosen = np.flatnonzero(np.isin(sequence, names[order[:count]]))
    return _split(f"by sequence, {_percent(test_share)} for testing, seed {seed}", chosen, len(sequence))


def random_folds(samples: int, folds: int = 5, seed: int = 0) -> list[Split]:
    """Each sample for itself; each is tested in exactly one of the folds."""
    _check_folds(folds)
    _check_pieces(samples, folds, "samples")
    parts = np.array_split(np.random.default_rng(seed).permutation(samples), folds)
    return [
        _split(f"at random, fold {k + 1} of {folds}, seed {seed}", part, samples)
        for k, part in enumerate(parts)
    ]


def sequence_folds(sequence: np.ndarray, folds: int = 5, seed: int = 0) -> list[Split]:
    """Whole sequences; each is tested in exactly one of the folds, which are about as large as each other."""
    _check_folds(folds)
    names, sizes = np.unique(sequence, return_counts=True)
    _check_pieces(len(names), folds, "sequences")
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]
    fold_of, load = np.empty(len(names), dtype=np.int64), np.zeros(folds)
    for place in order:  # the largest first, each to the smallest fold
        fold_of[place] = int(np.argmin(load))
        load[fold_of[place]] += sizes[place]
    fold_of_sample = fold_of[np.searchsorted(names, sequence)]
    return [
        _split(
            f"by sequence, fold {k + 1} of {folds}, seed {seed}",
            np.flatnonzero(fold_of_sample == k),
            len(sequence),
        )
        for k in range(folds)
    ]


def _split(name: str, test: np.ndarray, samples: int) -> Split:
    tested = np.zeros(samples, dtype=bool)
    tested[test] = True
    return Split(name, np.flatnonzero(~tested), np.flatnonzero(tested))


def _percent(share: float) -> str:
    return f"{100 * share:g} %"


def _check_share(share: float) -> None:
    if not 0.0 < share < 1.0:
        raise DataError(f"test_share is {share}, expected a number between 0 and 1")


def _check_folds(folds: int) -> None:
    if folds < 2:
        raise DataError(f"folds is {folds}, expected 2 or more")


def _check_pieces(found: int, needed: int, what: str) -> None:
    if found < needed:
        raise DataError(f"{found} {what} cannot be split in {needed}, expected {needed} or more")
