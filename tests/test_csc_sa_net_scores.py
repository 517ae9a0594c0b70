# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Losses and scores of CSC-SA-Net: by hand, against torchmetrics, against each other; Table II counted."""

from __future__ import annotations

import math

import numpy as np
import pytest

from semisac_ml.systems.csc_sa_net.scores import (
    authors_mean_iou,
    confusion,
    intersections_over_unions,
    mean_iou,
)

torch = pytest.importorskip("torch")

from csc_sa_testing import tiny_model  # noqa: E402

from semisac_ml.channels.mimo_ofdm import MimoOfdm, drawn_paths, equivalent_channel  # noqa: E402
from semisac_ml.systems.csc_sa_net import costs  # noqa: E402
from semisac_ml.systems.csc_sa_net.model import Beams, Link  # noqa: E402
from semisac_ml.systems.csc_sa_net.objective import segmentation_loss, stage_two_efficiency  # noqa: E402
from semisac_ml.systems.csc_sa_net.rates import AnalogBeams, user_rates  # noqa: E402
from semisac_ml.systems.csc_sa_net.settings import ACCESSES, CscSaSettings  # noqa: E402


def labels(seed: int, background: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Truth and a prediction that is right of two pixels in three."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0 if background else 1, 9, (4, 20, 30))
    return np.where(rng.random(truth.shape) < 0.67, truth, rng.permuted(truth)), truth


def test_scores_by_hand():
    truth = np.array([0, 0, 0, 1, 1, 1, 2, 2])
    predicted = np.array([0, 0, 1, 1, 1, 0, 2, 1])
    counts = confusion(predicted, truth, 4)
    assert counts.tolist() == [[2, 1, 0, 0], [1, 2, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    found = intersections_over_unions(counts)
    np.testing.assert_allclose(found[:3], [2 / 4, 2 / 5, 1 / 2])
    assert math.isnan(found[3]) and mean_iou(counts) == pytest.approx((2 / 4 + 2 / 5 + 1 / 2) / 3)
    # a missed pixel of class 1 and one invented on background cost nothing; background and class 3 are 0
    assert authors_mean_iou(counts) == pytest.approx((0 + 2 / 3 + 1 / 2 + 0) / 4)


def test_perfect_predictions():
    _, truth = labels(1)
    counts = confusion(truth, truth, 9)
    assert mean_iou(counts) == 1.0 and authors_mean_iou(counts) == pytest.approx(8 / 9)
    assert math.isnan(mean_iou(np.zeros((9, 9), int))) and authors_mean_iou(np.zeros((9, 9), int)) == 0.0


def test_scores_against_torchmetrics():
    classification = pytest.importorskip("torchmetrics.classification")
    predicted, truth = labels(2)
    metric = classification.MulticlassJaccardIndex(num_classes=9, average="macro")
    wanted = metric(torch.from_numpy(predicted), torch.from_numpy(truth)).item()
    assert mean_iou(confusion(predicted, truth, 9)) == pytest.approx(wanted, abs=1e-6)


def test_scores_agree_where_there_is_no_background():
    """Of eight classes without a pixel of background the authors' mean is the other, shared by nine."""
    predicted, truth = labels(3, background=False)
    counts = confusion(predicted, truth, 9)
    assert authors_mean_iou(counts) == pytest.approx(mean_iou(counts) * 8 / 9)


def test_the_authors_score_is_the_more_generous():
    truth = np.zeros((2, 20, 20), dtype=int)
    truth[:, :4, :4] = 1
    predicted = np.zeros_like(truth)
    predicted[:, :8, :8] = 1  # four times too large
    counts = confusion(predicted, truth, 2)
    assert intersections_over_unions(counts)[1] == 0.25 and authors_mean_iou(counts) == 0.5  # 0 and 1


def test_counts_add_up():
    predicted, truth = labels(4)
    parts = sum(confusion(predicted[[k]], truth[[k]], 9) for k in range(4))
    assert np.array_equal(parts, confusion(predicted, truth, 9))


def test_cross_entropy_is_that_of_the_classes():
    scores = torch.log(torch.tensor([0.7, 0.2, 0.1]))[None, :, None, None].expand(1, 3, 1, 2)
    found = segmentation_loss(scores, torch.tensor([[[0, 2]]]))
    assert found.item() == pytest.approx(-(math.log(0.7) + math.log(0.1)) / 2)


def every_antenna() -> tuple[torch.Tensor, torch.Tensor]:
    """Beams that show the channel itself."""
    station, user = torch.eye(64, dtype=torch.complex64), torch.eye(8, dtype=torch.complex64)
    return station[None], user.expand(1, 2, 8, 8)


def test_rates_are_the_determinant_of_the_whole_channel():
    """Eq. (30) against H with all antennas, noise as the combiner makes it, power over both streams."""
    cell = MimoOfdm()
    generator = torch.Generator().manual_seed(2)
    paths = drawn_paths(2, cell, generator)
    combiner = torch.polar(torch.ones(2, 2, 64), 6.0 * torch.rand(2, 2, 64, generator=generator))
    precoder = torch.polar(torch.ones(2, 2, 8, 2), 6.0 * torch.rand(2, 2, 8, 2, generator=generator))
    tones, symbol = torch.tensor([7]), torch.tensor([3])
    found = user_rates(paths, AnalogBeams(combiner, precoder), torch.tensor([0.0, 10.0]), symbol, tones, cell)
    straight = (
        torch.eye(64, dtype=torch.complex64)[None],
        torch.eye(8, dtype=torch.complex64).expand(1, 2, 8, 8),
    )
    channel = equivalent_channel(paths, *straight, symbol, tones, cell)[:, :, 0, 0].numpy()
    for sample, snr in enumerate((1.0, 10.0)):
        outer, inner = combiner[sample].numpy(), precoder[sample].numpy()
        noise = np.linalg.inv(outer @ outer.conj().T)
        for user in range(2):
            seen = outer @ channel[sample, user] @ inner[user] / 4.0  # 16 entries of modulus 1
            wanted = np.log2(np.linalg.det(np.eye(2) + snr * noise @ seen @ seen.conj().T).real)
            assert found[sample, user, 0, 0].item() == pytest.approx(wanted, rel=1e-3)


def best_beams(cell: MimoOfdm, count: int):
    """Channels and beams of phases of each user's dominant eigenvectors, one chain a user (PCA)."""
    paths = drawn_paths(count, cell, torch.Generator().manual_seed(1))
    straight = (
        torch.eye(64, dtype=torch.complex64)[None],
        torch.eye(8, dtype=torch.complex64).expand(1, 2, 8, 8),
    )
    tones = torch.arange(0, 100, 10)
    channel = equivalent_channel(paths, *straight, torch.zeros(1), tones, cell)[:, :, 0]
    heard = torch.linalg.eigh(torch.einsum("bknrs,bknqs->bkrq", channel, channel.conj()))[1][..., -1]
    sent = torch.linalg.eigh(torch.einsum("bknrs,bknrq->bksq", channel.conj(), channel))[1][..., -1]
    combiner = torch.polar(torch.ones(heard.shape), -heard.angle())
    precoder = torch.polar(torch.ones(sent.shape), sent.angle())[..., None].expand(-1, -1, -1, 2)
    return paths, combiner, precoder, tones


def test_rates_of_the_principal_directions():
    """At -25, -20 and -15 dB phase-only beams of the strongest directions have 1.61, 3.39 and 5.92 bit/s/Hz.

    These come from an independent simulation. 150 channels have a standard error of 4 % at most.
    """
    cell = MimoOfdm()
    paths, combiner, precoder, tones = best_beams(cell, 150)
    for snr, wanted in ((-25.0, 1.61), (-20.0, 3.39), (-15.0, 5.92)):
        found = user_rates(
            paths, AnalogBeams(combiner, precoder), torch.full((150,), snr), torch.zeros(1), tones, cell
        )
        assert found.mean(dim=(2, 3)).sum(1).mean().item() == pytest.approx(wanted, rel=0.12)


def test_what_stage_two_makes_large():
    """Sum over users and mean over data symbols; of the notebook the least user at the first one."""
    for preset, least in (("printed", False), ("notebook", True)):
        model = tiny_model("small", preset)
        sizes, cell = model.settings, model.settings.cell
        paths, combiner, precoder, _ = best_beams(cell, 4)
        nothing = torch.zeros(4, 0)
        beams = Beams(precoder, combiner, nothing, nothing, nothing, nothing, nothing)
        link = Link(4, 64, 3, torch.full((4,), -10.0))
        found = stage_two_efficiency(paths, beams, link, sizes)
        symbols = torch.tensor([4]) if least else torch.tensor([4, 5, 6])
        form = "orthogonal" if least else "whitened"
        beams = AnalogBeams(combiner, precoder)
        each = user_rates(paths, beams, link.snr_db, symbols, torch.arange(100), cell, form)
        each = each.mean(dim=(2, 3))
        torch.testing.assert_close(found, each.amin(1) if least else each.sum(1))


@pytest.mark.parametrize("access", ACCESSES)
def test_table_two_as_the_paper_counts_it(access):
    found = costs.costs(costs.as_counted(access))
    for (own, part), wanted in costs.PAPER.items():
        if own == access:
            cost = found[costs.AS_PRINTED, part]
            assert cost.parameters == pytest.approx(wanted.parameters, rel=0.005)
            assert cost.operations == pytest.approx(wanted.operations, rel=0.02)


def test_baselines_of_table_two_are_of_the_authors_sizes():
    """Printed figures leave transformers out; of the acquisition parameters are twice the operations."""
    found = costs.costs_of_others()
    for name, wanted in costs.PAPER_OF_OTHERS.items():
        cost = found[costs.AS_PRINTED, name]
        assert cost.operations == pytest.approx(wanted.operations, rel=0.02)
        if name == costs.ACQUISITION:
            assert 2 * cost.operations == pytest.approx(wanted.parameters, rel=0.01)
        else:
            assert cost.parameters == pytest.approx(wanted.parameters, rel=0.005)
    layer = 4 * 1024 * 1025 + 2 * 1024 * 4096 + 4096 + 1024 + 4 * 1024
    products = 100 * (4 * 1024**2 + 2 * 1024 * 4096 + 2 * 100 * 1024)
    for name, layers, users in ((costs.ACQUISITION, 14, 2), (costs.PRECODING, 8, 1)):
        few, whole = (found[way, name] for way in (costs.AS_PRINTED, costs.IN_FULL))
        assert whole.parameters - few.parameters == layers * layer
        assert whole.operations == 2 * users * (few.operations + layers * products)


def test_table_two_in_full():
    """Encoders and decoder of the authors' sizes, but for a normalisation of scores; and transformers."""
    found = costs.costs(CscSaSettings.named("paper"))
    assert found[costs.AS_PRINTED, costs.FUSION].parameters == 1_414_464 + 1_414_176 + 542_235 - 18
    layer = 4 * 192 * 193 + 2 * 192 * 768 + 768 + 192 + 4 * 192
    physical = found[costs.IN_FULL, costs.PHYSICAL].parameters
    assert physical - found[costs.AS_PRINTED, costs.PHYSICAL].parameters == 16 * layer
    # products of matrices of 16 layers: of weights, and of attention over 100 tokens
    products = 16 * 100 * (4 * 192**2 + 2 * 192 * 768 + 2 * 100 * 192)
    operations = found[costs.IN_FULL, costs.PHYSICAL].operations
    assert operations - found[costs.AS_PRINTED, costs.PHYSICAL].operations == 2 * products


def test_the_small_networks_are_small():
    found = costs.costs(CscSaSettings.named("small", variant="tuned"))[costs.IN_FULL, costs.ALL]
    assert found.parameters < 8e6 and found.operations < 8e9
