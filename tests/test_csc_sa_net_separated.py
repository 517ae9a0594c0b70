# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""CSC-SA-Net's variants: separated users, users that are silent, and what goes wrong on the way up."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from csc_sa_testing import channels_of, link_of, pictures_of, tiny_settings  # noqa: E402

from semisac_ml.channels.mimo_ofdm import MimoOfdm  # noqa: E402
from semisac_ml.signal.mimo_ofdm import PathArrays, beam_channel  # noqa: E402
from semisac_ml.systems.csc_sa_net import stages  # noqa: E402
from semisac_ml.systems.csc_sa_net.beamforming import known_covariances, principal_beams  # noqa: E402
from semisac_ml.systems.csc_sa_net.channel_semantics import Feedback  # noqa: E402
from semisac_ml.systems.csc_sa_net.detection import LIMITED, detected_sinr_db  # noqa: E402
from semisac_ml.systems.csc_sa_net.faults import NO_FAULTS, PREFIX_S, Faults  # noqa: E402
from semisac_ml.systems.csc_sa_net.learned_acquisition import squared_cosine, whole_channel  # noqa: E402
from semisac_ml.systems.csc_sa_net.model import CscSaNet, Link  # noqa: E402
from semisac_ml.systems.csc_sa_net.objective import (  # noqa: E402
    class_weights,
    segmentation_loss,
    stage_two_efficiency,
)
from semisac_ml.systems.csc_sa_net.receivers import symbol_sinr_db  # noqa: E402
from semisac_ml.systems.csc_sa_net.separated import SeparatedNet, layout, ofdm_symbols  # noqa: E402
from semisac_ml.systems.csc_sa_net.settings import ADDED, VARIANTS, CscSaSettings, Preset  # noqa: E402
from semisac_ml.systems.csc_sa_net.spectral_efficiency import Learned, OperatingPoint  # noqa: E402
from semisac_ml.systems.csc_sa_net.training import network_of  # noqa: E402

RECEIVERS = ("separated", "separated delay-limited", "separated authors")


def made(variant: str, seed: int = 0, **changed: object) -> CscSaNet:
    torch.manual_seed(seed)
    access = "orthogonal" if variant == ADDED else "superposed"
    return network_of(tiny_settings("small", "printed", variant, access, **changed)).eval()


def generator_of(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def sources_of(model: CscSaNet, count: int, seed: int = 0) -> list[torch.Tensor]:
    return model.sources(pictures_of(count, seed).batch(torch.arange(count))[0])


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_segments(variant):
    model = made(variant)
    sources, link = sources_of(model, 2), link_of(model, 2)
    shape = (2, 9, model.settings.height, model.settings.width_pixels)
    assert model(sources, channels_of(model, 2), link, generator_of()).shape == shape
    assert model.over_identity(sources, link).shape == shape
    assert isinstance(model, SeparatedNet) == variant.startswith("separated")


def test_what_pilots_cost():
    """Every fourth symbol is one of pilots; those of the authors carry data too."""
    own, authors = (tiny_settings("small", "printed", one) for one in ("separated", "separated authors"))
    assert [ofdm_symbols(own, data) for data in (1, 2, 3, 4, 5)] == [2, 3, 4, 6, 7]
    assert [ofdm_symbols(authors, data) for data in (1, 3, 5)] == [1, 3, 5]
    pilots, data = layout(own, 5)
    assert pilots.tolist() == [0, 4] and data.tolist() == [1, 2, 3, 5, 6]
    pilots, data = layout(authors, 5)
    assert pilots.tolist() == [0, 4] and data.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("variant", RECEIVERS)
def test_streams_have_power_one(variant):
    model = made(variant)
    sent = model.symbols(sources_of(model, 3), Link(8, 1024, 3, torch.zeros(3)))
    assert sent.shape == (3, 2, 100, 5) and not sent[..., 3:].any()
    power = sent[..., :3].abs().square().mean(dim=(2, 3))
    torch.testing.assert_close(power, torch.ones(3, 2), rtol=1e-4, atol=0)


def test_symbols_are_known_as_well_as_the_receiver_knows_any():
    """SINR of the network's own symbols is that which :mod:`.detection` measures of random ones."""
    model, count = made("separated delay-limited"), 96
    paths, link = channels_of(model, count, seed=5), Link(8, 1024, 3, torch.full((count,), -15.0))
    with torch.no_grad():
        sent = model.symbols(
            [torch.randn(count, 64, 10, 10, generator=generator_of(k)) for k in (1, 2)], link
        )
        beams = model.analog_beams(paths, link, generator_of(), "known")
        found = model.detected(sent[..., :3], beams, paths, link, generator_of(3))
    own = torch.cat([symbol_sinr_db(found[:, user], sent[:, user, :, :3]) for user in (0, 1)])
    point = OperatingPoint(model.settings.cell, -15.0, symbols=3)
    wanted = detected_sinr_db(paths, point, "own", generator_of(4))[LIMITED, "each"]
    assert own.median().item() == pytest.approx(wanted.median().item(), abs=0.7)


def test_beams_of_known_channels_are_the_best_and_bits_matter():
    """SINR behind PCA of the channel, of a path that is sought with 8 pilots, and fed back in 2 bits."""
    model, count = made("separated"), 64
    paths = channels_of(model, count, seed=1)

    def median(knowledge: str, bits: int) -> float:
        link = Link(8, bits, 1, torch.full((count,), -20.0))
        beams = model.analog_beams(paths, link, generator_of(), knowledge)
        sent = torch.exp(2j * math.pi * torch.rand(count, 2, 100, 1, generator=generator_of(1)))
        found = model.detected(sent, beams, paths, link, generator_of(2))
        return symbol_sinr_db(found[:, 0], sent[:, 0]).median().item()

    assert median("known", 1024) > median("sought", 1024) > median("sought", 2) + 3.0


def test_separated_training_leaves_the_channel_alone():
    model = made("separated").train()
    paths, link = channels_of(model, 4), link_of(model, 4)
    labels = pictures_of(4).batch(torch.arange(4))[1]
    for knowledge in ("known", "learned"):
        scores = model(sources_of(model, 4), paths, link, generator_of(), knowledge=knowledge)
        segmentation_loss(scores, labels).backward()
    without = [name for name, one in model.named_parameters() if one.grad is None or not one.grad.any()]
    physical = ("pilots.", "user_channel.", "station_channel.")
    assert without and all(name.startswith(physical) for name in without)
    trained = {id(one) for network in model.joint(False) for one in network.parameters()}
    assert trained == {id(one) for name, one in model.named_parameters() if not name.startswith(physical)}


def test_acquired_channels_make_the_beams_of_known_ones():
    """With estimates that are true but for their phases; of other channels they are no better than chance."""
    model, count = made("separated acquisition"), 4
    paths, link, cell = channels_of(model, count), link_of(model, count), model.settings.cell
    true = whole_channel(paths, link.pilots, model.middles(), cell)
    arrays = PathArrays(*(getattr(paths, one.name).numpy() for one in fields(PathArrays)))
    ends = (np.eye(64)[None, None, None], np.eye(8)[None, None, None])
    wanted = beam_channel("up", arrays, *ends, np.array([link.pilots]), cell)[:, :, 0, [0, 97]]
    own = whole_channel(paths, link.pilots, torch.tensor([0.0, 97.0]), cell)
    np.testing.assert_allclose(own.numpy(), wanted, rtol=0, atol=2e-3)
    torch.testing.assert_close(squared_cosine(2j * true, true), torch.ones(true.shape[:3]))
    assert squared_cosine(true, true.flip(0)).mean() < 0.1
    turned = true * torch.exp(2j * math.pi * torch.rand(count, 2, 25, 1, 1, generator=generator_of()))
    model.estimates = lambda *_: (turned, turned, torch.zeros(count, 2, 512))
    found = model.analog_beams(paths, link, generator_of(), "acquired")
    best = principal_beams(known_covariances(paths, link.pilots, model.middles(), cell), cell)
    for own, other in (
        (found.combiner, best.combiner),
        (found.precoder.mT[:, :, 0], best.precoder.mT[:, :, 0]),
    ):
        match = (own * other.conj()).sum(-1).abs() / own.shape[-1]
        torch.testing.assert_close(match, torch.ones_like(match), rtol=1e-3, atol=0)


def test_acquisition_learns():
    """The similarity with four channels rises, pilots with it, and what precoders make of them; each by its
    own loss alone."""
    model = made("separated acquisition").train()
    paths, link = channels_of(model, 4), link_of(model, 4, snr_db=0.0)
    parameters = [one for network in model.physical() for one in network.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=3e-3)
    found = []
    for step in range(40):
        losses = model.losses(paths, link, generator_of(step))
        found.append([float(losses[name].detach()) for name in ("similarity", "efficiency")])
        optimiser.zero_grad()
        losses["loss"].backward()
        optimiser.step()
    assert all(one.grad.any() for one in parameters)
    assert found[-1][0] > found[0][0] + 0.1 and found[-1][1] > found[0][1] + 0.1
    optimiser.zero_grad()
    (-model.losses(paths, link, generator_of())["efficiency"]).backward()
    reached = {name.split(".")[0] for name, one in model.named_parameters() if one.grad is not None}
    assert reached == {"precoders"}


@pytest.mark.parametrize("knowledge", ["precoded", "known precoded"])
def test_a_learned_precoder_is_given_what_its_name_says(knowledge):
    """Untrained it starts from a covariance's first column: of one path that is the best beam there is, of
    the true channel at once, of a channel that was acquired if that is true."""
    settings = dataclasses.replace(
        tiny_settings("small", "printed", "separated acquisition"), preset=Preset(MimoOfdm(paths=1))
    )
    torch.manual_seed(0)
    model = network_of(settings).eval()
    for precoder in model.precoders.values():  # what it has yet to learn
        for beam in (precoder.station, precoder.user):
            torch.nn.init.zeros_(beam.bent[2].weight), torch.nn.init.zeros_(beam.bent[2].bias)
            torch.nn.init.zeros_(beam.straight.bias)
    paths, link, cell = channels_of(model, 4), link_of(model, 4), model.settings.cell
    best = principal_beams(model.true_covariances(paths, link), cell)

    def match() -> torch.Tensor:
        found = model.analog_beams(paths, link, generator_of(), knowledge)
        torch.testing.assert_close(found.combiner.abs(), torch.ones(4, 2, 64))
        assert torch.equal(found.precoder[..., 0], found.precoder[..., 1])
        return (found.combiner * best.combiner.conj()).sum(-1).abs() / 64

    torch.testing.assert_close(match().mean() > 0.99, torch.tensor(knowledge == "known precoded"))
    true = whole_channel(paths, link.pilots, model.middles(), cell)
    model.estimates = lambda *_: (true, true, torch.zeros(4, 2, 512))
    torch.testing.assert_close(match(), torch.ones(4, 2), rtol=1e-3, atol=0)


def test_authors_halves_are_added_at_the_printed_preset():
    """Half the energy and half the resolution, which superposed users have not."""
    sizes = tiny_settings("small", "printed", ADDED, "orthogonal")
    assert sizes.preset == Preset(joined=False) and sizes.semantic_grid == (5, 10) and sizes.energy == 50.0
    with pytest.raises(ValueError, match="access is 'superposed', expected 'orthogonal' with variant"):
        tiny_settings("small", "printed", ADDED)


def test_tuned_without_map_or_curriculum():
    """Nothing of what users hear of angles is left in feedback and beams; the map's layers are gone."""
    model, whole = made("tuned without map"), made("tuned")
    names = [{name for name, _ in one.named_parameters()} for one in (model, whole)]
    lacking = names[1] - names[0]
    assert lacking and all(".of_map." in name or name.endswith(".sharpness") for name in lacking)
    assert not model.station_channel.from_codes and whole.station_channel.from_codes
    paths, link = channels_of(model, 3), link_of(model, 3)
    for variant, told in (("tuned", True), ("tuned without curriculum", False)):
        both = stages.Selected(made(variant), 1)
        plan = stages.beam_plan(both, (-30.0, -5.0), 4, 1, 2, torch.device("cpu"))
        part = SimpleNamespace(own=generator_of(), size=lambda batch: batch)
        assert ("beam_loss" in next(plan.step(part))) == told
    beams = model.beams(paths, link, generator_of())
    torch.testing.assert_close(beams.combiner.abs(), torch.ones(3, 2, 64))


def test_separated_users_are_not_misused():
    model = made("separated")
    with pytest.raises(ValueError, match="knowledge is 'guessed', expected one of known, sought, learned"):
        model.analog_beams(channels_of(model, 2), link_of(model, 2), generator_of(), "guessed")
    link = Link(8, 1024, 3, torch.tensor([-10.0, -20.0]))
    with pytest.raises(ValueError, match="sought at several SNRs, expected the same for all"):
        model.analog_beams(channels_of(model, 2), link, generator_of(), "sought")
    with pytest.raises(ValueError, match="access is 'orthogonal', expected 'superposed' of users"):
        tiny_settings("small", "printed", "separated", "orthogonal")
    with pytest.raises(ValueError, match="size is 'paper', expected 'small' with variant 'separated'"):
        CscSaSettings.named("paper", "printed", "separated")


@pytest.mark.parametrize("alone, other", [("colour", 1), ("thermal", 0)])
def test_a_modality_alone_hears_nothing_of_the_other(alone, other):
    model = made(f"tuned {alone}")
    sources, paths, link = sources_of(model, 2), channels_of(model, 2), link_of(model, 2)
    changed = list(sources)
    changed[other] = torch.randn_like(changed[other])
    for way in (
        lambda given: model(given, paths, link, generator_of()),
        lambda given: model.over_identity(given, link),
    ):
        assert torch.equal(way(sources), way(changed))
        changed_own = list(sources)
        changed_own[1 - other] = torch.randn_like(sources[0])
        assert not torch.equal(way(sources), way(changed_own))


def test_the_fusion_is_told_of_the_link_or_not():
    """Without it, less the beams that both make of SNR and speed, the same symbols are sent at any SNR."""
    told, untold = made("tuned"), made("tuned not told")
    difference = (
        told.user_fusion[0].attention.first.in_features - untold.user_fusion[0].attention.first.in_features
    )
    assert difference == told.settings.conditions == 5


def test_faults_of_one_user():
    model = made("tuned")
    paths = channels_of(model, 2)
    assert NO_FAULTS.uplink(paths) is paths
    silent = Faults(1, weaker_db=math.inf).uplink(paths)
    assert not silent.gain[:, 1].any() and torch.equal(silent.gain[:, 0], paths.gain[:, 0])
    weaker = Faults(0, weaker_db=6.0).uplink(paths)
    ratio = (weaker.gain / paths.gain).abs().square()
    torch.testing.assert_close(10.0 * ratio.log10()[:, 0], torch.full((2, 4), -6.0), rtol=1e-4, atol=0)
    # late by a sample of 1 / (100 subcarriers): one turn of the phase over all of them
    cell = MimoOfdm()
    sample_s = 1.0 / (cell.subcarriers * cell.subcarrier_spacing_hz)
    tones, times = torch.tensor([0.0, 25.0, 50.0]), torch.tensor([0.0, 10.0])
    late = Faults(1, late_s=sample_s).uplink(paths).turned(times, tones, cell)
    turn = (late / paths.turned(times, tones, cell))[0, 1, 0, :, 0]
    torch.testing.assert_close(turn, torch.tensor([1.0, -1j, -1.0]), rtol=1e-3, atol=1e-3)
    # off by the inverse of 40 symbols: a quarter of a turn after ten
    off = Faults(0, carrier_hz=1.0 / (40.0 * cell.symbol_interval_s)).uplink(paths)
    turn = (off.turned(times, tones, cell) / paths.turned(times, tones, cell))[0, 0, :, 0, 0]
    torch.testing.assert_close(turn, torch.tensor([1.0 + 0j, 1j]), rtol=1e-3, atol=1e-3)
    assert pytest.approx(586e-9, rel=1e-3) == PREFIX_S


def test_a_silent_user_is_one_whose_picture_does_not_matter():
    model = made("csc-sa-net")
    sources, paths, link = sources_of(model, 2), channels_of(model, 2), link_of(model, 2)
    changed = [sources[0], torch.randn_like(sources[1])]
    for faults, same in ((Faults(1, weaker_db=math.inf), True), (NO_FAULTS, False)):
        found = [model(given, paths, link, generator_of(), faults) for given in (sources, changed)]
        assert torch.equal(*found) == same


def test_feedback_bits_that_are_flipped():
    feedback, numbers = Feedback(2), torch.rand(50, 200) * 2.0 - 1.0
    sent = torch.ones_like(numbers)
    right = feedback(numbers, sent)
    assert torch.equal(feedback(numbers, sent, 0.0, generator_of()), right)
    torch.testing.assert_close(feedback(numbers, sent, 1.0, generator_of()), -right)
    # of two bits one or both wrong: 1 - 0.9^2
    wrong = (feedback(numbers, sent, 0.1, generator_of()) - right).abs() > 0.1
    assert wrong.float().mean().item() == pytest.approx(0.19, abs=0.015)


def test_rates_of_networks_are_those_of_stage_two():
    model, count = made("tuned"), 12
    paths, link = channels_of(model, count), Link(4, 256, 4, torch.full((count,), -18.0))
    with torch.no_grad():
        beams = model.beams(paths, link, generator_of(7))
        wanted = stage_two_efficiency(paths, beams, link, model.settings, every=4)
    point = OperatingPoint(model.settings.cell, -18.0, 4, 256, 4)
    torch.testing.assert_close(Learned(model).rate(paths, point, generator_of(7)), wanted)


def test_rare_classes_weigh_more():
    labels = torch.zeros(1, 10, 10, dtype=torch.uint8)
    labels[0, 0, 0] = 2
    weights = class_weights(labels, 4)
    wanted = [1.0 / math.log(2.01), 1.0 / math.log(1.02), 1.0 / math.log(1.03), 1.0 / math.log(1.02)]
    torch.testing.assert_close(weights, torch.tensor(wanted), rtol=1e-4, atol=0)


def test_scores_of_every_second_row_and_column():
    """In training; else they are interpolated to the size of the pictures."""
    model = made("csc-sa-net")
    link, sources = link_of(model, 2), sources_of(model, 2)
    full = model.over_identity(sources, link)
    half = model.train().over_identity(sources, link)
    assert [2 * side for side in half.shape[-2:]] == list(full.shape[-2:])
    labels = torch.arange(full.shape[-1]).expand(2, full.shape[-2], -1) % 2
    even = torch.zeros_like(half)
    even[:, 0] = 100.0  # sure of class 0, which every second column has
    assert segmentation_loss(even, labels).item() == pytest.approx(0.0, abs=1e-6)
