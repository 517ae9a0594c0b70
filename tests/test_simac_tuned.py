# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What SIMAC became: radar as a layer, analog symbols, sensors that fail, deviations that can be trusted."""

from __future__ import annotations

import numpy as np
import pytest
from simac_testing import made_up

from semisac_ml.signal.lfm_simo_echo import LfmSimoRadar, lfm_simo_echo

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from semisac_ml.channels.fading import apply_fading, complex_normal  # noqa: E402
from semisac_ml.systems.simac import jammed, pixels, scoring  # noqa: E402
from semisac_ml.systems.simac.biformer import BiFormerSettings  # noqa: E402
from semisac_ml.systems.simac.comparison import KeptScenes, Measured  # noqa: E402
from semisac_ml.systems.simac.echo_peak import EchoPeak  # noqa: E402
from semisac_ml.systems.simac.figures import ERRORS_IN_UNITS  # noqa: E402
from semisac_ml.systems.simac.glimpse import (  # noqa: E402
    OCTAVES,
    Glimpse,
    RadarFeatures,
    boxes_apart,
    waves,
)
from semisac_ml.systems.simac.measuring import run  # noqa: E402
from semisac_ml.systems.simac.model import total_loss  # noqa: E402
from semisac_ml.systems.simac.samples import STATES, VALIDATION, Limits  # noqa: E402
from semisac_ml.systems.simac.tensors import EchoSource, channel_state  # noqa: E402
from semisac_ml.systems.simac.training import SimacTraining, calibrate, tensors_for  # noqa: E402
from semisac_ml.systems.simac.tuned import (  # noqa: E402
    OTHERS,
    REALS,
    SEEN,
    SENSORS,
    TunedSettings,
    TunedSimac,
    equalised,
    in_turns,
    in_vectors,
)

RADAR = LfmSimoRadar()


def echoes_of(states: np.ndarray, radar: LfmSimoRadar, seed: int) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    found = np.stack([lfm_simo_echo(*state, radar, rng) for state in states])
    return torch.view_as_real(torch.from_numpy(found)).transpose(2, 3).flatten(2, 3)


@pytest.mark.parametrize("distance_m", [25.0, 70.0])
def test_the_radar_layer_reaches_the_bounds(distance_m):
    # 43 and 25 dB; 200 trials tell a deviation to 5 %, 0.45 dB
    rng = np.random.default_rng(8)
    count = 200
    states = np.stack(
        [
            distance_m + rng.uniform(-2.5, 2.5, count),
            rng.uniform(-0.8, 0.8, count),
            rng.uniform(-25, 25, count),
        ],
        axis=1,
    )
    found, snr, power = EchoPeak(RADAR)(echoes_of(states, RADAR, 1))
    bounds = np.array([RADAR.deviations(*state[:2]) for state in states])
    sine_bounds = bounds[:, 2] * np.cos(states[:, 1])
    error = found.numpy() - np.stack([states[:, 0], np.sin(states[:, 1]), states[:, 2]], axis=1)
    ratio = error / np.stack([bounds[:, 0], sine_bounds, bounds[:, 1]], axis=1)
    loss_db = 20 * np.log10(np.sqrt(np.square(ratio).mean(axis=0)))
    assert loss_db.max() < 1.2, loss_db
    expected = np.array([RADAR.snr(state[0]) for state in states])
    assert np.median(snr.numpy() / expected) == pytest.approx(1.0, abs=0.1)
    assert power.shape == (200, 128, 32) and power.median() == pytest.approx(0.97, abs=0.05)


def tiny_tuned(**changed) -> TunedSettings:
    vision = BiFormerSettings(
        64, widths=(8, 16, 16, 32), depths=(1, 1, 1, 1), routed=(1, 2, 4, 4), regions=2, head=8
    )
    return TunedSettings(frame=128, size=32, blocks=1, heads=2, states=4096, vision=vision, **changed)


def inputs(count: int):
    """Frames, echoes, the channel and made-up truth."""
    rng = np.random.default_rng(3)
    state = rng.uniform([20.0, -0.5, -20.0], [100.0, 0.5, 20.0], (count, 3))
    low, high = np.array([20.0, -0.5, -20.0]), np.array([100.0, 0.5, 20.0])
    truth = {name: torch.tensor((state - low) / (high - low)).float()[:, k] for k, name in enumerate(STATES)}
    truth["picture"] = torch.rand(count, 3, 1, 1).expand(-1, -1, 56, 56)
    truth["box"] = torch.rand(count, 4) * 0.2 + 0.3
    return torch.rand(count, 3, 128, 128), echoes_of(state, RADAR, 2), truth


def state_of(snr_db: list[float]):
    return channel_state(np.array(snr_db), "rayleigh")


def test_symbols_have_unit_power():
    frames, echoes, _ = inputs(3)
    system = TunedSimac(tiny_tuned())
    symbols, box = system.encoder(frames, echoes, state_of([5, 15, 25]).numbers, torch.ones(3, 2))
    assert symbols.numel() / 3 / 2 == 3136 == TunedSettings().values / 2
    torch.testing.assert_close(symbols.square().mean(dim=(1, 2)), torch.full((3,), 0.5))
    assert 0 < box.min() and box.max() < 1


def test_all_vectors_share_a_run_of_symbols_that_fades():
    """Any neighbours, of as many as there are vectors, are one symbol of each; and they come back."""
    vectors = SEEN**2 + OTHERS
    symbols = torch.arange(2.0 * vectors * REALS).view(2, vectors, REALS)
    sent = in_turns(symbols)
    assert torch.equal(in_vectors(sent), symbols)
    pairs = sent.view(2, -1, 2)
    assert torch.equal(pairs[..., 1] - pairs[..., 0], torch.ones_like(pairs[..., 0]))  # I and Q of one symbol
    owner = (pairs[0, :, 0] // REALS).long()
    for first in (0, 5, 1000, len(owner) - vectors):
        assert sorted(owner[first : first + vectors].tolist()) == list(range(vectors))


def test_a_glimpse_is_the_part_of_the_frame():
    # on a ramp bilinear interpolation is exact: pixels of the part lie evenly in the box
    glimpse = Glimpse(tiny_tuned().vision, 32, 128, 56)
    ramp = ((torch.arange(128) + 0.5) / 128).expand(1, 3, 128, 128)
    part = glimpse.part(ramp, torch.tensor([[0.4, 0.5, 0.2, 0.1]]))
    expected = 0.2 + 0.4 * (torch.arange(56) + 0.5) / 56
    torch.testing.assert_close(part[0, 0, 10], expected, atol=1e-5, rtol=1e-5)
    outside = glimpse.part(torch.ones(1, 3, 128, 128), torch.tensor([[0.0, 0.5, 0.2, 0.1]]))
    assert outside[0, 0, 20, :20].abs().max() == 0 and outside[0, 0, 20, 40:].min() > 0.99


def test_moments_and_losses_are_those_of_the_density():
    """Quantiles of what the transformers say, 99 times in a hundred, times what the radar does."""
    system = TunedSimac(tiny_tuned())
    generator = torch.Generator().manual_seed(1)
    found = system.decoder.bounded(0.5 * torch.randn(1, 2, 3, 2 * OCTAVES, generator=generator))
    at = torch.linspace(0.0, 1.0, 100001, dtype=torch.float64)[:-1] + 5e-6
    angle = torch.pi * at[:, None] * 2.0 ** torch.arange(OCTAVES)
    waves_at = torch.cat([angle.cos(), angle.sin()], dim=1)
    seen = torch.softmax(waves_at @ found[0, 0, 0].double(), dim=0) * len(at)
    heard = torch.exp(waves_at @ found[0, 1, 0].double())
    density = (seen + 0.01) * heard
    density = density / density.mean()
    below = density.cumsum(0) / len(at)
    tenth, last_tenth, low, high = (at[torch.searchsorted(below, share)] for share in (0.1, 0.9, 0.05, 0.95))
    middle = (at >= tenth) & (at <= last_tenth)
    expected = ((density * at)[middle].sum() / density[middle].sum()).item()
    mean, deviation = system.decoder.moments(found)
    assert mean[0, 0].item() == pytest.approx(1.2 * expected - 0.1, abs=1e-4)
    assert deviation[0, 0].item() == pytest.approx(1.2 * (high - low).item() / 2 / 1.645, rel=1e-2)
    outputs = {"said": found, "camera": torch.zeros(1)}
    outputs |= {"picture": torch.zeros(1, 3, 2, 2), "box": torch.ones(1, 3, 4)}
    truth = {task: torch.tensor([1.2 * at[40000].item() - 0.1]) for task in STATES}
    truth |= {"picture": torch.full((1, 3, 2, 2), 0.25), "box": torch.full((1, 4), 0.5)}
    losses = system.losses(outputs, truth)
    assert losses["distance"].item() == pytest.approx(-density[40000].log().item(), abs=1e-3)
    assert losses["picture"].item() == 0.25 and losses["box"].item() == 0.0  # nothing is seen


def test_no_posterior_is_narrower_than_its_grid_can_tell():
    decoder = TunedSimac(tiny_tuned()).decoder
    peak = 0.4 + 0.5 / len(decoder.grid)  # between two points
    heard = decoder.bounded(1e6 * waves(torch.full((1, 3), peak)))
    mean, deviation = decoder.moments(torch.stack([torch.zeros_like(heard), heard], dim=1))
    assert mean[0].numpy() == pytest.approx(np.full(3, 1.2 * peak - 0.1), abs=0.1 / len(decoder.grid))
    assert deviation[0].min().item() >= 0.99 * 1.2 / len(decoder.grid)
    few = waves(torch.full((1, 3), peak))
    torch.testing.assert_close(decoder.bounded(few), few)


def test_a_radar_that_is_sure_is_not_moved_by_an_eye_that_saw_another_car():
    decoder = TunedSimac(tiny_tuned()).decoder
    seen, heard = (5.0 * waves(torch.full((1, 3), place)) for place in (0.8, 0.3))
    mean, deviation = decoder.moments(torch.stack([4.0 * seen, heard], dim=1))
    alone, deviation_alone = decoder.moments(torch.stack([torch.zeros_like(seen), heard], dim=1))
    torch.testing.assert_close(mean, alone, atol=1e-4, rtol=0)
    torch.testing.assert_close(deviation, deviation_alone, rtol=0.2, atol=0)
    # a radar that says nothing leaves the eye's word
    mean, _ = decoder.moments(torch.stack([seen, torch.zeros_like(seen)], dim=1))
    assert mean[0].numpy() == pytest.approx(np.full(3, 1.2 * 0.8 - 0.1), abs=1e-3)


@pytest.mark.parametrize("jammer_db", [10.0, 20.0, 30.0])
def test_a_radar_that_is_jammed_or_hears_nothing_is_taken_to_be_missing(jammer_db):
    """By noise from one direction; the weakest target of the scenes, of 22 dB, is heard."""
    features = RadarFeatures(RADAR)
    rng = np.random.default_rng(0)
    far_m = float(next(one for one in np.arange(50.0, 500.0) if 10 * np.log10(RADAR.snr(one)) < 22.0))
    heard = echoes_of(np.tile([far_m, 0.3, 5.0], (40, 1)), RADAR, 0)
    noise = torch.from_numpy(rng.standard_normal(heard.shape).astype(np.float32)) / 2**0.5
    white = rng.standard_normal((40, 1, heard.shape[2], 2)).view(np.complex128)[..., 0] / 2**0.5
    phases = np.exp(1j * np.pi * 0.4 * np.arange(RADAR.antennas))[:, None]
    jammer = 10 ** (jammer_db / 20) * (white * phases).astype(np.complex64)
    jammed = heard + torch.view_as_real(torch.from_numpy(jammer))
    low, span = torch.zeros(3), torch.ones(3)
    works = {name: features(echoes, low, span)[1] for name, echoes in (("heard", heard), ("noise", noise))}
    assert works["heard"].all() and not works["noise"].any()
    assert not features(jammed, low, span)[1].any()
    system = TunedSimac(tiny_tuned()).eval()
    frames, numbers = torch.rand(2, 3, 128, 128), state_of([5.0, 25.0]).numbers
    told = system.encoder(frames, heard[:2], numbers, torch.tensor([[1.0, 0.0]] * 2))
    found = system.encoder(frames, jammed[:2], numbers, torch.ones(2, 2))
    torch.testing.assert_close(found, told)


@pytest.mark.parametrize("sensor", SENSORS)
def test_a_sensor_that_fails_tells_nothing(sensor):
    system = TunedSimac(tiny_tuned()).eval()
    frames, echoes, _ = inputs(2)
    state = state_of([10.0, 20.0])
    other = {"camera": (torch.rand_like(frames), echoes), "radar": (frames, 30 * torch.randn_like(echoes))}
    working = tuple(name for name in SENSORS if name != sensor)
    one, two = (
        system(*seen, state, "awgn", torch.Generator().manual_seed(1), working)
        for seen in ((frames, echoes), other[sensor])
    )
    for task in (*STATES, "picture"):
        torch.testing.assert_close(one[task], two[task])


def test_in_training_sensors_fail_now_and_then_but_never_both():
    system = TunedSimac(tiny_tuned(missing=0.2)).train()
    present = system._present(4000, torch.Generator().manual_seed(0), torch.device("cpu"), SENSORS)
    shares = present.mean(dim=0)
    assert shares.tolist() == pytest.approx([0.8, 0.8], abs=0.02)
    assert present.sum(dim=1).min() == 1
    alone = TunedSimac(tiny_tuned(missing=0.0, sensors=("radar",)))
    assert alone._present(3, torch.Generator(), torch.device("cpu"), SENSORS).tolist() == [[0.0, 1.0]] * 3


@pytest.mark.parametrize("away", ["estimate", "glimpse", "told", "analog"])
def test_what_can_be_taken_away(away):
    system = TunedSimac(tiny_tuned(missing=0.0, **{away: False}))
    frames, echoes, truth = inputs(2)
    found = system(frames, echoes, state_of([5.0, 25.0]), "rayleigh", torch.Generator().manual_seed(1))
    total_loss(system.losses(found, truth)).backward()
    reached = {name for name, one in system.encoder.named_parameters() if one.grad is not None}
    assert ("features.extractor.projection.size.weight" in reached) == (away == "estimate")
    assert ("channel.weight" in reached) == (away != "told")
    if away == "glimpse":
        whole = system.encoder.glimpse.part(frames, torch.full((2, 4), 0.5))
        assert whole[0].mean().item() == pytest.approx(frames[0].mean().item(), abs=0.01)


def test_worth_is_one_less_the_error():
    generator = torch.Generator().manual_seed(4)
    sent = complex_normal((2, 50_000), generator, torch.device("cpu"))
    gain, snr_db = torch.tensor([1.0 + 0j, 0.3 - 0.4j]), torch.tensor([3.0, 6.0])
    noise = complex_normal((2, 50_000), generator, torch.device("cpu"))
    found, worth = equalised(apply_fading(sent, gain, noise, snr_db), gain, snr_db)
    error = torch.view_as_real(found - sent).square().sum(dim=2).mean(dim=1)
    np.testing.assert_allclose(worth.numpy(), 1 - error.numpy(), atol=0.01)


def test_losses_fall():
    torch.manual_seed(2)
    system = TunedSimac(tiny_tuned(missing=0.0))
    frames, echoes, truth = inputs(16)
    state = state_of([20.0] * 16)
    optimiser = torch.optim.AdamW(system.parameters(), 1e-3)
    generator = torch.Generator().manual_seed(1)
    seen = []
    for _ in range(40):
        losses = system.losses(system(frames, echoes, state, "awgn", generator), truth)
        optimiser.zero_grad()
        total_loss(losses).backward()
        optimiser.step()
        seen.append({name: loss.item() for name, loss in losses.items()})
    assert all(seen[-1][name] < seen[0][name] for name in seen[0]), (seen[0], seen[-1])


def test_deviations_are_widened_until_they_hold_what_they_say(monkeypatch):
    scene = made_up(vehicles=8, metres_per_pixel=1.0)
    monkeypatch.setattr(TunedSettings, "variant", classmethod(lambda cls, name: tiny_tuned()))
    settings = SimacTraining(variant="tuned")
    data = tensors_for(settings, scene)
    system = settings.untrained().eval()
    calibrate(system, data, settings)
    assert (system.decoder.widening != 1.0).all()
    outcomes = [run(system, data, snr, "awgn", VALIDATION, seed=k) for k, snr in enumerate((5.0, 15.0, 25.0))]
    found = [scoring.figures(outcome, scene, data.limits) for outcome in outcomes]
    for task in STATES:
        coverage = np.mean([figure[f"{task}_coverage"].value for figure in found])
        assert coverage == pytest.approx(0.9, abs=0.02)
    blind = run(system, data, 15.0, "awgn", sensors=("radar",))
    assert np.isfinite(blind.states["distance"]).all()


def test_what_cannot_be():
    with pytest.raises(ValueError, match="frame is 100 pixels, expected a multiple of 128"):
        TunedSettings(frame=100)
    with pytest.raises(ValueError, match="picture is 60 pixels, expected 56"):
        TunedSettings(picture=60)
    with pytest.raises(ValueError, match="variant is 'tuned, lidar', expected one of tuned"):
        SimacTraining(variant="tuned, lidar")


def test_the_tuned_system_is_small():
    system = TunedSimac(TunedSettings())
    assert 2 * sum(one.numel() for one in system.parameters()) < 9e6  # bytes, in half precision


def test_pixels_come_back_through_their_straight_way():
    waves, _ = pixels.cosines()
    torch.testing.assert_close(waves @ waves.T, torch.eye(REALS), atol=1e-5, rtol=0.0)
    # a slope of colour that the lowest frequencies hold, up to its corners within pieces
    rows, columns = torch.meshgrid(torch.linspace(0.2, 0.8, 56), torch.linspace(0.3, 0.7, 56), indexing="ij")
    picture = torch.stack([rows, columns, 0.5 * (rows + columns)])[None]
    numbers = pixels.ToNumbers()(picture)
    assert numbers.shape == (1, SEEN**2, REALS)
    torch.testing.assert_close(pixels.ToPixels()(numbers) + 0.5, picture, atol=0.01, rtol=0.0)
    # pieces stand in rows: the third piece of the first row is bright, and no other
    bright = torch.full((1, 3, 56, 56), 0.5)
    bright[:, :, :8, 16:24] = 1.0
    assert (pixels.ToNumbers()(bright)[0].abs().amax(dim=1) > 1e-3).nonzero().tolist() == [[2]]


def test_a_closer_look_counts_where_it_sees_the_target():
    truth = torch.tensor([[0.5, 0.5, 0.1, 0.1]])
    near, far = torch.tensor([0.55, 0.5, 0.1, 0.1]), torch.tensor([0.9, 0.5, 0.1, 0.1])
    # half a half aside: Huber's 0.5 * 0.5^2, one of four numbers; of two looks
    seen = boxes_apart(torch.stack([near, near])[None], truth)
    assert seen.item() == pytest.approx(0.125 / 4)
    alone = boxes_apart(torch.stack([far, far])[None], truth)
    assert alone.item() == pytest.approx((4.0 - 0.5) / 4 / 2)


def test_where_to_look_is_learned_from_boxes_alone():
    torch.manual_seed(0)
    system = TunedSimac(tiny_tuned(missing=0.0))
    frames, echoes, truth = inputs(4)
    losses = system.losses(
        system(frames, echoes, state_of([20.0] * 4), "awgn", torch.Generator().manual_seed(0)), truth
    )
    sum(loss for name, loss in losses.items() if name != "box").backward()
    closer = [one.grad for one in system.encoder.glimpse.fit.parameters()]
    assert all(one is None or not one.any() for one in closer)


def test_a_jammed_radar_that_nobody_tells_of_is_as_one_that_is_missing():
    samples = made_up()
    scenes = KeptScenes([samples])
    system = TunedSimac(tiny_tuned()).eval()
    system.normalise_by(Limits.of(samples))
    tensors = scenes.tensors(128, 56, EchoSource("lfm", RADAR))
    one = Measured("tuned", "awgn", system, tensors, scenes, SENSORS, "0")
    rows = jammed.jammed_rows([one])
    found = {(row.variant, row.x, row.metric): row.value for row in rows}
    assert len(found) == len(rows) == 2 * len(jammed.JAMMERS_DB) * len(STATES)
    quiet, loud = jammed.JAMMERS_DB[0], jammed.JAMMERS_DB[-1]
    for metric in ERRORS_IN_UNITS:
        told = found[jammed.TOLD, loud, metric]
        assert told == found[jammed.TOLD, quiet, metric]
        assert found[jammed.NOT_TOLD, loud, metric] == pytest.approx(told, rel=1e-5)
        assert found[jammed.NOT_TOLD, quiet, metric] != pytest.approx(told, rel=1e-3)
