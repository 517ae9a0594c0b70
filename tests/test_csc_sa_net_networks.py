# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Networks of CSC-SA-Net: shapes, constraints of power and modulus, gradients, equations, ONNX."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx", reason="export needs onnx")

from csc_sa_testing import channels_of, link_of, pictures_of, tiny_model, tiny_settings  # noqa: E402

from semisac_ml.channels.mimo_ofdm import MimoPaths, steering  # noqa: E402
from semisac_ml.systems.csc_sa_net.angle_map import AngleMap, paired, sines  # noqa: E402
from semisac_ml.systems.csc_sa_net.channel_semantics import Feedback, GridBeams, gray_code, sine_positions  # noqa: E402
from semisac_ml.systems.csc_sa_net.deployed import deployed  # noqa: E402
from semisac_ml.systems.csc_sa_net.fusion import SemanticFusionAttention, radiated  # noqa: E402
from semisac_ml.systems.csc_sa_net.model import CscSaNet, Link, first, placed, superposed  # noqa: E402
from semisac_ml.systems.csc_sa_net.objective import (  # noqa: E402
    beam_loss,
    segmentation_loss,
    stage_two_efficiency,  # noqa: E402
)
from semisac_ml.systems.csc_sa_net.pictures import PictureDecoder, PictureEncoder  # noqa: E402
from semisac_ml.systems.csc_sa_net.pilots import PilotNetwork, features_of  # noqa: E402
from semisac_ml.systems.csc_sa_net.settings import CscSaSettings, Preset  # noqa: E402

KINDS = [
    ("small", "printed", "csc-sa-net", "superposed"),
    ("small", "printed", "csc-sa-net", "orthogonal"),
    ("small", "printed", "tuned", "superposed"),
    ("small", "notebook", "csc-sa-net", "superposed"),
    ("small", "notebook", "tuned", "orthogonal"),
    ("paper", "printed", "csc-sa-net", "superposed"),
    ("paper", "notebook", "csc-sa-net", "orthogonal"),
]


def made(*kind, count=3, seed=1):
    """A model, its channels, a link, sources of pictures and a generator."""
    model = tiny_model(*kind).eval()
    inputs, _ = pictures_of(count).batch(torch.arange(count))
    generator = torch.Generator().manual_seed(seed)
    return model, channels_of(model, count), link_of(model, count), model.sources(inputs), generator


@pytest.mark.parametrize("kind", KINDS, ids=" ".join)
def test_shapes_and_constraints(kind):
    model, paths, link, sources, generator = made(*kind)
    sizes, cell = model.settings, model.settings.cell
    beams = model.beams(paths, link, generator)
    assert beams.precoder.shape == (3, 2, 8, 2) and beams.combiner.shape == (3, 2, 64)
    torch.testing.assert_close(beams.precoder.abs(), torch.ones(3, 2, 8, 2))
    torch.testing.assert_close(beams.combiner.abs(), torch.ones(3, 2, 64))
    assert beams.user_semantics.shape == (3, 2, sizes.tokens, sizes.width)
    assert beams.station_semantics.shape == (3, sizes.tokens, sizes.width)
    levels = 2**sizes.preset.bits
    places = (beams.numbers.detach() + 1.0) * levels / 2 - 0.5
    torch.testing.assert_close(places, places.round(), atol=1e-4, rtol=0)
    assert 0 <= places.min() and places.max() <= levels - 1
    assert sources[0].shape == (3, 64, *sizes.semantic_grid)
    assert model(sources, paths, link, generator).shape == (3, 9, sizes.height, sizes.width_pixels)
    assert model.over_identity(sources, link).shape == (3, 9, sizes.height, sizes.width_pixels)
    sent = model.pilots.sent()
    torch.testing.assert_close(torch.linalg.vector_norm(sent, dim=-1), torch.ones(sizes.pilots, 100))
    torch.testing.assert_close(model.pilots.analog().abs(), torch.ones(sizes.pilots, 64, 2))
    torch.testing.assert_close(model.pilots.combiners().abs(), torch.ones(sizes.pilots, 2, 8))
    assert cell.subcarriers == sizes.grid[0] * sizes.grid[1]


@pytest.mark.parametrize("kind", KINDS, ids=" ".join)
def test_a_user_radiates_its_energy_whatever_its_beams(kind):
    model, paths, link, sources, generator = made(*kind)
    sizes = model.settings
    beams = model.beams(paths, link, generator)
    condition, semantics = model.conditions(paths, link)[0], beams.user_semantics
    used = first(1, sizes.symbols, 3, torch.device("cpu")) if sizes.flexible else torch.ones(3, sizes.symbols)
    for user, network in enumerate(model.user_fusion):
        pairs = torch.view_as_real(beams.precoder[:, user])
        sent = network.sent(sources[user], semantics[:, user], pairs, used, condition[:, user])
        antennas = torch.einsum("bms,bnqs->bnqm", beams.precoder[:, user], torch.view_as_complex(sent))
        energy = antennas.abs().square().sum(dim=(1, 2, 3))
        # P_t N_c Q, Eq. (20); orthogonal users of the authors have half the subcarriers at the same power
        wanted = (50.0 if sizes.added_halves else 100.0) * used.sum(1)
        torch.testing.assert_close(energy, wanted, rtol=1e-4, atol=0)
        torch.testing.assert_close(radiated(sent, pairs), wanted, rtol=1e-4, atol=0)
        if sizes.preset.real_symbols:
            assert torch.equal(sent[..., 0], sent[..., 1])


def test_orthogonal_users_do_not_meet():
    model, paths, link, sources, generator = made("small", "printed", "csc-sa-net", "orthogonal")
    beams = model.beams(paths, link, generator)
    one = torch.randn(3, 50, 5, 2, dtype=torch.complex64)
    symbols = torch.stack((placed(one, 0, 2), torch.zeros(3, 100, 5, 2, dtype=torch.complex64)), 1)
    heard = superposed(symbols, beams, paths, torch.full((3,), 300.0), 8, model.settings.cell, generator)
    assert heard[:, 1::2].abs().max() < 1e-6 < heard[:, ::2].abs().min()


@pytest.mark.parametrize("kind", KINDS, ids=" ".join)
def test_gradients_reach_every_parameter(kind):
    model, paths, link, _, generator = made(*kind)
    scenes = pictures_of(3)
    inputs, labels = scenes.batch(torch.arange(3))
    model.train()
    scores = model(model.sources(inputs), paths, link, generator)
    loss = segmentation_loss(scores, labels)
    if model.settings.tuned:
        loss = loss + beam_loss(paths, model.beams(paths, link, generator), model.settings)
    loss.backward()
    without = [name for name, one in model.named_parameters() if one.grad is None or not one.grad.any()]
    assert without == []


def test_the_paper_sizes_have_the_paper_shapes():
    sizes = CscSaSettings.named("paper")
    assert (sizes.tokens, sizes.width, sizes.numbers, sizes.conditions) == (100, 192, 512, 0)
    assert CscSaSettings.named("small").tokens == 25
    for height, width in ((480, 640), (240, 320)):
        assert PictureDecoder(64, 9, height, width)(torch.zeros(1, 64, 10, 10)).shape[-2:] == (height, width)
        assert PictureEncoder(1, 64, (10, 10))(torch.zeros(2, 1, height, width)).shape == (2, 64, 10, 10)


def test_smaller_pictures_are_pooled_over_the_same_shares():
    """Enlarging before pooling is adaptive pooling."""
    features = torch.randn(2, 5, 15, 20)
    enlarged = torch.nn.functional.interpolate(features, size=(30, 40), mode="nearest")
    pooled = torch.nn.functional.max_pool2d(enlarged, (3, 4))
    torch.testing.assert_close(pooled, torch.nn.functional.adaptive_max_pool2d(features, (10, 10)))


def test_the_attention_is_the_papers_formula():
    torch.manual_seed(3)
    attention = SemanticFusionAttention(tiny_settings("paper"))
    source, channel = torch.randn(2, 64, 10, 10), torch.randn(2, 100, 16)
    found = attention(source, channel, torch.zeros(2, 0)).detach().numpy()
    weights = {name: value.detach().numpy() for name, value in attention.named_parameters()}
    for sample in range(2):
        mean = source[sample].numpy().mean(axis=(1, 2))
        context = weights["channel.weight"] @ channel[sample].numpy().ravel() + weights["channel.bias"]
        hidden = weights["first.weight"] @ np.concatenate((mean, context)) + weights["first.bias"]
        scale = weights["second.weight"] @ np.maximum(hidden, 0.0) + weights["second.bias"]
        wanted = (1.0 / (1.0 + np.exp(-scale)))[:, None, None] * source[sample].numpy()
        np.testing.assert_allclose(found[sample], wanted, rtol=1e-4, atol=1e-5)


def full_channel(paths: MimoPaths, cell, symbol: int) -> torch.Tensor:
    """H of Eq. (6) at a symbol, [batch, users, subcarriers, station antennas, user antennas]."""
    gain = paths.turned(torch.tensor([symbol]), torch.arange(cell.subcarriers), cell)[:, :, 0]
    arrival, departure = steering(paths.arrival, 64), steering(paths.departure, 8)
    return torch.einsum("bknp,bkpr,bkpt->bknrt", gain, arrival, departure.conj())


def test_pilots_come_through_the_transposed_channel():
    """Eq. (9) with matrices of all antennas, and noise of the variance of the SNR."""
    model, paths, *_, generator = made()
    cell, pilots = model.settings.cell, model.pilots
    received = pilots(paths, None, None)
    for symbol in (0, 5):
        channel = full_channel(paths, cell, symbol)
        analog, combiner = pilots.analog()[symbol], pilots.combiners()[symbol]
        baseband = torch.view_as_complex(pilots.baseband)[symbol]
        sent = baseband @ analog.T
        sent = sent / torch.linalg.vector_norm(sent, dim=-1, keepdim=True)
        wanted = torch.einsum("st,bknrt,nr->bkns", combiner, channel, sent)
        torch.testing.assert_close(received[..., symbol], wanted, rtol=1e-3, atol=1e-4)
    noise = pilots(paths, torch.full((3,), -20.0), generator) - received
    assert noise.abs().square().mean().item() == pytest.approx(100.0, rel=0.05)  # of 9600 draws: 1 %


def test_swept_pilots_light_up_endfire():
    """Within 0.1 of spatial frequency 1, a tenth of all, they send more than half of their power."""
    torch.manual_seed(1)
    grid = sines(256)
    power = (
        (PilotNetwork(Preset().cell, 2, swept=True).sent() @ steering(grid, 64).T).abs().square().mean((0, 1))
    )
    assert power[grid.abs() > 0.9].sum() > 0.6 * power.sum()
    even = PilotNetwork(Preset().cell, 2)
    power = (even.sent() @ steering(grid, 64).T).abs().square().mean((0, 1))
    assert power[grid.abs() > 0.9].sum() < 0.25 * power.sum()


def test_pilots_as_features():
    received = torch.randn(2, 2, 100, 2, 8, dtype=torch.complex64)
    features = features_of(7.0 * received)
    assert features.shape == (2, 2, 100, 32)
    torch.testing.assert_close(features.square().sum(-1).mean(-1), torch.full((2, 2), 16.0))  # power 1
    torch.testing.assert_close(
        features[..., 3] / features[..., 19], received[..., 0, 3].real / received[..., 0, 3].imag
    )


def test_superposition_is_that_of_full_matrices():
    """Eqs. (2) to (4), at high SNR, and the noise after the combiner."""
    model, paths, link, _, generator = made()
    cell, beams = model.settings.cell, model.beams(paths, link, generator)
    symbols = torch.randn(3, 2, 100, 2, 2, dtype=torch.complex64)
    heard = superposed(symbols, beams, paths, torch.full((3,), 200.0), 9, cell, generator)
    for place in range(2):
        channel = full_channel(paths, cell, 9 + place)
        antennas = torch.einsum("bknrt,bkts,bkns->bnr", channel, beams.precoder, symbols[:, :, :, place])
        wanted = torch.einsum("bcr,bnr->bnc", beams.combiner, antennas)
        torch.testing.assert_close(heard[:, :, place], wanted, rtol=1e-3, atol=2e-3)
    noisy = superposed(0.0 * symbols, beams, paths, torch.zeros(3), 9, cell, generator)
    covariance = torch.einsum("bnqr,bnqs->brs", noisy, noisy.conj()) / 200.0
    wanted = beams.combiner @ beams.combiner.mH
    assert (covariance - wanted).abs().max() < 64.0 * 5.0 / math.sqrt(200.0)  # five deviations


def test_feedback_is_of_middles_of_cells_with_straight_gradients():
    numbers = torch.tensor([[-0.99, -0.3, 0.1, 0.6]], requires_grad=True)
    back = Feedback(2)(numbers, torch.tensor([[1.0, 1.0, 1.0, 0.0]]))
    # footnote 5, on (-1, 1): the middles of four intervals
    assert back.tolist() == [[-0.75, -0.25, 0.25, 0.0]]
    back.sum().backward()
    assert numbers.grad.tolist() == [[1.0, 1.0, 1.0, 0.0]]


def test_positions_are_sines_of_falling_frequency():
    found = sine_positions(100, 16)
    assert found[0].tolist() == [0.0, 1.0] * 8
    torch.testing.assert_close(found[:, 0], torch.arange(100.0).sin())
    torch.testing.assert_close(found[:, 5], (torch.arange(100) * 10000 ** (-4 / 16)).cos())


def test_a_matrix_of_pairs():
    matrix, vector = torch.randn(3, 4, dtype=torch.complex64), torch.randn(3, dtype=torch.complex64)
    found = torch.view_as_real(vector).flatten() @ paired(matrix)
    torch.testing.assert_close(torch.view_as_complex(found.view(4, 2)), vector @ matrix)


def test_the_map_of_angles_peaks_at_a_path():
    """A single path without noise, of a delay between two taps, is where the map is largest."""
    cell = Preset().cell
    torch.manual_seed(5)
    pilots = PilotNetwork(cell, 8)
    grid, there = (128, 16), ((17, 3), (100, 12))
    arrival = torch.tensor([[[sines(128)[u]] for u, _ in there]])
    departure = torch.tensor([[[sines(16)[v]] for _, v in there]])
    one = torch.ones(1, 2, 1)
    paths = MimoPaths(one.to(torch.complex64), arrival, departure, 120e-9 * one, 800.0 * one)
    found = AngleMap(pilots, *grid)(features_of(pilots(paths, None, None))[0], torch.ones(2, 8))
    assert [divmod(int(one.argmax()), 16) for one in found] == list(there)
    torch.testing.assert_close(found.mean(dim=(1, 2)), torch.ones(2))


def test_the_map_of_fewer_pilots_is_that_of_fewer_pilots():
    cell = Preset().cell
    torch.manual_seed(5)
    many = PilotNetwork(cell, 8)
    few = PilotNetwork(cell, 2)
    few.load_state_dict({name: value[:2] for name, value in many.state_dict().items()})
    paths = channels_of(tiny_model(), 2)
    used = first(2, 8, 2, torch.device("cpu"))
    received = many(paths, None, None)[:, 0] * used[:, None, None]
    found = AngleMap(many, 64, 8)(features_of(received), used)
    wanted = AngleMap(few, 64, 8)(features_of(few(paths, None, None)[:, 0]), torch.ones(2, 2))
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)


def test_the_code_of_neighbours_differs_in_one_digit():
    code = gray_code(128)
    assert code.shape == (128, 7) and len({tuple(one) for one in code.tolist()}) == 128
    assert ((code[1:] != code[:-1]).sum(1) == 1).all()
    assert code[0].tolist() == [-1.0] * 7 and code[64:, 0].min() == 1.0 > code[:64, 0].max()
    assert (code @ code.T).argmax(1).tolist() == list(range(128))


def test_beams_of_the_grid_are_matched():
    """A clear choice sends into its direction, and listens into it, with the whole array."""
    logits = torch.full((1, 2, 16), -40.0)
    logits[0, 0, 3] = logits[0, 1, 9] = 40.0
    for conjugate, wanted in ((False, steering(sines(16), 8)), (True, steering(sines(16), 8).conj())):
        beams = torch.view_as_complex(GridBeams(8, 16, conjugate)(logits))
        torch.testing.assert_close(beams[0], wanted[[3, 9]], rtol=1e-4, atol=1e-4)


def test_the_tuned_networks_start_from_what_the_map_says():
    """Untrained, at -15 dB, they have four fifths of the 5.92 bit/s/Hz of PCA, of 16 bits of feedback too."""
    model = tiny_model("small", "printed", "tuned", arrivals=128, departures=16).eval()
    paths = channels_of(model, 100)
    for bits in (1024, 16):
        link = Link(8, bits, 1, torch.full((100,), -15.0))
        with torch.no_grad():
            beams = model.beams(paths, link, torch.Generator().manual_seed(1))
            found = stage_two_efficiency(paths, beams, link, model.settings, every=4).mean().item()
        assert found > 0.8 * 5.92


def test_links_that_networks_are_not_for_are_refused():
    model, paths, link, _, generator = made("paper", "printed")
    with pytest.raises(ValueError, match="pilots is 4, expected 8 of this network"):
        model.beams(paths, Link(4, 1024, 4, link.snr_db), generator)
    flexible = tiny_model()
    with pytest.raises(ValueError, match="feedback_bits is 2048, expected 1 to 1024"):
        flexible.check(Link(4, 2048, 4, link.snr_db))
    with pytest.raises(ValueError, match="feedback_bits is 7, expected a multiple of 2"):
        flexible.check(Link(4, 7, 4, link.snr_db))
    with pytest.raises(ValueError, match="size is 'large', expected one of small, paper"):
        CscSaSettings.named("large")
    with pytest.raises(ValueError, match="preset is 'other', expected one of printed, notebook"):
        Preset.named("other")


def assert_onnx_is_pytorch(model, **options):
    """Each network's outputs, to 1e-4."""
    import onnxruntime

    from semisac_ml.training.onnx_export import to_onnx

    for name, one in deployed(model.eval(), **options).items():
        content = to_onnx(one.network, one.inputs, one.outputs, one.axes)
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        given = {each.name for each in session.get_inputs()}
        arrays = {key: value.numpy() for key, value in one.inputs.items() if key in given}
        with torch.no_grad():
            wanted = one.network(*one.inputs.values())
        wanted = [wanted] if torch.is_tensor(wanted) else wanted
        for output, found, value in zip(one.outputs, session.run(None, arrays), wanted, strict=True):
            if output != "bits":
                np.testing.assert_allclose(found, value.numpy(), atol=1e-4, err_msg=f"{name}: {output}")
                continue
            assert (found != value.numpy()).mean() < 1e-3  # numbers on the edge of a cell


@pytest.mark.slow
def test_networks_as_onnx():
    """Of the tuned form; those of the paper's are below, in their size."""
    assert_onnx_is_pytorch(tiny_model(*KINDS[4]))


@pytest.mark.slow
def test_the_paper_configuration_at_its_full_size():
    """480 x 640 pixels, 100 tokens, all 54.2 M parameters: each has a gradient, and ONNX is PyTorch."""
    torch.manual_seed(0)
    model = CscSaNet(CscSaSettings.named("paper"))
    assert sum(one.numel() for one in model.parameters()) == pytest.approx(54.2e6, rel=0.002)
    pictures = [torch.rand(1, channels, 480, 640) for channels in (3, 1)]
    generator = torch.Generator().manual_seed(1)
    scores = model(model.sources(pictures), channels_of(model, 1), link_of(model, 1), generator)
    assert scores.shape == (1, 9, 480, 640)
    segmentation_loss(scores, torch.randint(9, (1, 480, 640))).backward()
    without = [name for name, one in model.named_parameters() if one.grad is None or not one.grad.any()]
    assert without == []
    assert_onnx_is_pytorch(model, batch=2)
