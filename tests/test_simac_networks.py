# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The networks of SIMAC against the equations they come from, and against Table II."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from simac_testing import tiny_settings

from semisac_ml.data.folders import roots
from semisac_ml.systems.simac import channel_text

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from semisac_ml.channels.digital import MODULATIONS  # noqa: E402
from semisac_ml.systems.simac import costs, language  # noqa: E402
from semisac_ml.systems.simac.biformer import (  # noqa: E402
    BiFormerSettings,
    BiLevelRoutingAttention,
)
from semisac_ml.systems.simac.decoder import (  # noqa: E402
    TASKS,
    DecoderSettings,
    PictureHead,
    SensingDecoder,
)
from semisac_ml.systems.simac.fusion import (  # noqa: E402
    ComplexConvolution1d,
    CrossAttentionFusion,
    complex_max_pool,
)
from semisac_ml.systems.simac.language import LanguageEncoder, LanguageSettings  # noqa: E402
from semisac_ml.systems.simac.model import (  # noqa: E402
    ChannelState,
    LossWeights,
    Simac,
    SimacSettings,
    task_losses,
    total_loss,
)

TINY = tiny_settings()


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(5)


def inputs(count: int, settings: SimacSettings = TINY):
    """Pictures, echoes and the channel."""
    signal = settings.signal
    names = [MODULATIONS[k % 4] for k in range(count)]
    snr = torch.linspace(5, 25, count)
    places = np.stack([channel_text.places(float(db), name) for db, name in zip(snr, names, strict=True)])
    numbers = torch.stack([snr / 10, torch.arange(count) % 4 + 1.0, torch.zeros(count)], dim=1)
    state = ChannelState(snr, torch.arange(count) % 4, torch.tensor(places), numbers)
    side = settings.vision.picture
    return torch.rand(count, 3, side, side), torch.randn(count, signal.antennas, signal.length, 2), state


def test_every_sentence_has_as_many_tokens_and_reads_as_the_papers():
    assert channel_text.sentence(5, "QPSK") == "the SNR is 5 dB and the signal modulation is QPSK"
    for modulation in MODULATIONS:
        for snr_db in range(26):
            assert channel_text.places(snr_db, modulation).shape == (14,)
    assert channel_text.sentence(-4.2, "BPSK") == channel_text.sentence(0, "BPSK")
    assert channel_text.sentence(30.0, "16QAM") == channel_text.sentence(25.4, "16QAM")
    with pytest.raises(ValueError, match="modulation is '64QAM', expected one of BPSK"):
        channel_text.sentence(5, "64QAM")


def test_tokens_are_those_of_gpt_2():
    from transformers import GPT2Tokenizer

    found = [root / "gpt2" for root in roots() if (root / "gpt2" / "vocab.bpe").is_file()]
    if not found:
        pytest.skip("the tokenizer of GPT-2 is not there: gpt2/encoder.json and vocab.bpe among the data")
    tokenizer = GPT2Tokenizer(str(found[0] / "encoder.json"), str(found[0] / "vocab.bpe"))
    numbers = list(channel_text.TOKENS.values())
    for modulation in MODULATIONS:
        for snr_db in range(26):
            expected = tokenizer(channel_text.sentence(snr_db, modulation))["input_ids"]
            assert [numbers[place] for place in channel_text.places(snr_db, modulation)] == expected
    assert numbers[channel_text.SILENCE] == tokenizer.eos_token_id


def test_complex_convolution_and_pool():
    layer = ComplexConvolution1d(2, 3, 5)
    parts = torch.randn(2, 1, 2, 20)
    real, imaginary = layer(*parts)
    signal = parts[0, 0].numpy() + 1j * parts[1, 0].numpy()
    kernel = (layer.real + 1j * layer.imaginary).detach().numpy()
    expected = [sum(np.convolve(signal[i], kernel[o, i, ::-1], "same") for i in range(2)) for o in range(3)]
    np.testing.assert_allclose((real + 1j * imaginary)[0].detach().numpy(), expected, atol=1e-5)
    pooled = torch.complex(*complex_max_pool(*parts, 4))[0].numpy()
    groups = signal.reshape(2, 5, 4)
    strongest = np.take_along_axis(groups, np.abs(groups).argmax(-1)[..., None], -1)[..., 0]
    np.testing.assert_allclose(pooled, strongest)


def test_attention_to_all_regions_is_plain_attention():
    layer = BiLevelRoutingAttention(16, regions=2, routed=4, head=8)
    maps = torch.randn(2, 8, 8, 16)
    tokens = maps.flatten(1, 2)
    query, key, value = layer.projections(tokens).chunk(3, dim=-1)
    split = [part.unflatten(-1, (2, 8)).transpose(1, 2) for part in (query, key, value)]
    attended = torch.nn.functional.scaled_dot_product_attention(*split, scale=16**-0.5)
    attended = attended.transpose(1, 2).flatten(2).unflatten(1, (8, 8))
    context = layer.local(value.unflatten(1, (8, 8)).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    torch.testing.assert_close(layer(maps), layer.leave(attended + context), atol=1e-5, rtol=1e-4)


def test_regions_attend_to_those_routed_alone():
    layer = BiLevelRoutingAttention(8, regions=4, routed=3, head=8)
    maps = torch.randn(2, 8, 8, 8)
    query, key, _ = layer.projections(layer._in_regions(maps, 2, 2)).chunk(3, dim=-1)
    chosen = layer.routes(query, key)
    alike = np.einsum("bic,bjc->bij", query.mean(2).detach().numpy(), key.mean(2).detach().numpy())
    for sample in range(2):
        for region in range(16):
            best = set(np.argsort(alike[sample, region])[-3:])
            assert set(chosen[sample, region].tolist()) == best
    # and the keys gathered are theirs
    gathered = layer._gather(key, chosen).detach()
    np.testing.assert_allclose(gathered[1, 5, 4:8], key[1, chosen[1, 5, 1]].detach())


def test_regions_are_squares():
    layer = BiLevelRoutingAttention(8, regions=2, routed=1, head=8)
    maps = torch.arange(16.0).reshape(1, 4, 4, 1).expand(1, 4, 4, 8)
    cut = layer._in_regions(maps, 2, 2)
    assert cut[0, 1, :, 0].tolist() == [2, 3, 6, 7]
    assert torch.equal(layer._whole(cut, 2, 2), maps)


def test_cross_attention_of_equal_vectors_is_their_value():
    # vectors that are all the same: whatever the weights, what is attended to is the other's value
    layer = CrossAttentionFusion(8, 2)
    signal, vision = (torch.randn(1, 1, 8).expand(3, 5, 8) for _ in "ab")
    seen, heard = layer.vision(vision)[..., 16:], layer.signal(signal)[..., 16:]
    torch.testing.assert_close(layer(signal, vision), layer.norm(seen + heard) + signal + vision)


@pytest.mark.parametrize("backbone", language.BACKBONES)
def test_encodings_lie_between_minus_one_and_one(backbone):
    settings = dataclasses.replace(TINY.language, backbone=backbone)
    _, _, state = inputs(4)
    encoding = LanguageEncoder(settings)(torch.randn(4, 35, 32), state.places, state.numbers)
    assert encoding.shape == (4, 49, 16)
    assert encoding.abs().max() < 1.0


def test_semantics_do_not_hear_the_sentence_behind_them():
    # GPT-2 looks back only, and Eq. (35) puts the sentence last: 35 of the 49 vectors that are sent are the
    # same at every SNR and modulation
    encoder = LanguageEncoder(TINY.language).eval()
    semantics = torch.randn(1, 35, 32)
    numbers = torch.zeros(1, 3)
    found = [
        encoder(semantics, torch.tensor(channel_text.places(*channel)[None]), numbers)
        for channel in ((0.0, "BPSK"), (25.0, "16QAM"))
    ]
    assert torch.equal(found[0][:, :35], found[1][:, :35])
    assert (found[0][:, 35:] - found[1][:, 35:]).abs().max() > 0.01


def test_pictures_are_put_together_patch_by_patch():
    head = PictureHead(DecoderSettings(width=8, side=2, blocks=0, heads=1, patch=3))
    with torch.no_grad():
        head.leave.weight.zero_()
        head.leave.bias.copy_(torch.arange(27.0) - 0.5)
    picture = head(torch.randn(1, 8, 2, 2))
    assert picture.shape == (1, 3, 12, 12)
    # every patch is the same: channel by channel, row by row
    expected = torch.arange(27.0).reshape(3, 3, 3).repeat(1, 4, 4)
    torch.testing.assert_close(picture[0], expected)


def test_states_are_between_zero_and_one():
    found = SensingDecoder(TINY.decoder)(torch.randn(3, 49, 16))
    assert [part.shape for part in found] == [(3,)] * 3 + [(3, 3, 28, 28)]
    assert all(0 < part.min() and part.max() < 1 for part in found[:3])


@pytest.mark.parametrize(
    "name",
    ["simac", "cv-s", "rs-s", "lstm", "gru", "perceptron", "without lse", "numbers", "without ssd: angle"],
)
def test_variants_learn_through_the_channel(name):
    settings = TINY.variant(name)
    system = Simac(settings)
    pictures, echoes, state = inputs(4)
    found = system(pictures, echoes, state, "rayleigh", torch.Generator().manual_seed(1))
    assert set(found) == set(settings.decoder.tasks)
    truth = {task: torch.rand_like(value.detach()) for task, value in found.items()}
    total_loss(task_losses(found, truth)).backward()
    reached = [one.grad is not None and bool(one.grad.abs().max() > 0) for one in system.encoder.parameters()]
    assert np.mean(reached) > 0.9  # not the words that were not said


def test_without_lse_nothing_is_told():
    system = Simac(TINY.variant("without lse")).eval()
    pictures, echoes, state = inputs(2)
    one = system.encoder(pictures, echoes, state.places, state.numbers)
    other = system.encoder(pictures, echoes, state.places.flip(0), state.numbers.flip(0))
    assert torch.equal(one, other)


def test_loss_is_that_of_equation_46():
    found = {"distance": torch.tensor([0.1, 0.3]), "picture": torch.full((2, 3, 4, 4), 0.5)}
    truth = {"distance": torch.tensor([0.0, 0.0]), "picture": torch.full((2, 3, 4, 4), 0.3)}
    assert total_loss(task_losses(found, truth)).item() == pytest.approx(100 * 0.2 + 0.05)
    assert total_loss(task_losses(found, truth), LossWeights(picture=0.0)).item() == pytest.approx(0.05)


def test_the_paper_configuration_costs_what_the_paper_says():
    for name, cost in costs.costs(SimacSettings.named("paper")).items():
        expected = costs.PAPER[name]
        assert cost.parameters == pytest.approx(expected.parameters, rel=0.05), name
        assert cost.operations == pytest.approx(expected.operations, rel=0.05), name


def test_the_small_configuration_is_small():
    found = costs.costs(SimacSettings.named("small"))
    assert sum(cost.parameters for cost in found.values()) * 2 < 5e6  # bytes, in half precision
    assert sum(cost.operations for cost in found.values()) < 1e9


def test_operations_are_counted_as_two_for_a_multiplication():
    layer = torch.nn.Linear(30, 50)
    assert costs.cost(layer, torch.zeros(7, 30)) == costs.Cost(1550, 2 * 7 * 30 * 50)


def test_weights_of_gpt_2_are_read(tmp_path):
    settings = dataclasses.replace(TINY.language, whole_vocabulary=False)
    written = language.gpt2(settings)
    written.save_pretrained(tmp_path)
    found = language.gpt2(settings, tmp_path)
    assert all(
        torch.equal(one, other) for one, other in zip(written.parameters(), found.parameters(), strict=True)
    )
    (tmp_path / "empty").mkdir()
    for other, folder in (
        (dataclasses.replace(settings, size=64), tmp_path),
        (dataclasses.replace(settings, layers=3), tmp_path),
        (settings, tmp_path / "empty"),
    ):
        with pytest.raises(ValueError, match="cannot be used .* expected a folder"):
            language.gpt2(other, folder)


def test_sixteen_samples_are_learnt_by_heart():
    settings = dataclasses.replace(TINY, bits=6)
    system = Simac(settings)
    pictures, echoes, state = inputs(16)
    state = dataclasses.replace(state, snr_db=torch.full((16,), 30.0))
    truth = {task: torch.rand(16) for task in TASKS[:3]} | {
        "picture": pictures[:, :, ::2, ::2][:, :, :28, :28]
    }
    truth["picture"] = truth["picture"].mean(dim=(2, 3), keepdim=True).expand(-1, -1, 28, 28)
    optimiser = torch.optim.AdamW(system.parameters(), 5e-3, weight_decay=0.0)
    generator = torch.Generator().manual_seed(2)
    weights = LossWeights(picture=1.0)
    for _ in range(80):
        losses = task_losses(system(pictures, echoes, state, "awgn", generator), truth)
        optimiser.zero_grad()
        total_loss(losses, weights).backward()
        optimiser.step()
    assert all(losses[task] < 0.015 for task in TASKS[:3]), losses  # a variance of 1/12 at first


@pytest.mark.slow
def test_networks_as_onnx_say_the_same():
    import onnxruntime

    from semisac_ml.training.onnx_export import to_onnx

    system = Simac(TINY).eval()
    pictures, echoes, state = inputs(3)
    names = ("image", "echo", "tokens", "channel")
    given = dict(zip(names, (pictures, echoes, state.places, state.numbers), strict=True))
    content = to_onnx(
        system.encoder,
        {name: value[:2] for name, value in given.items()},
        "encoding",
        {name: {0: "batch"} for name in (*names, "encoding")},
    )
    session = onnxruntime.InferenceSession(content)
    used = [one.name for one in session.get_inputs()]
    assert used == ["image", "echo", "tokens"]  # this one hears words, not numbers
    (found,) = session.run(None, {name: given[name].numpy() for name in used})
    with torch.no_grad():
        expected = system.encoder(*given.values())
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-4)


def test_what_cannot_be():
    with pytest.raises(ValueError, match="picture is 100 pixels, expected a multiple of 224"):
        BiFormerSettings(100)
    with pytest.raises(ValueError, match="50 regions are routed, expected at most 49"):
        BiFormerSettings(routed=(1, 4, 16, 50))
    with pytest.raises(ValueError, match="backbone is 'bert', expected one of gpt2"):
        LanguageSettings(backbone="bert")
    with pytest.raises(ValueError, match="task is 'speed', expected some of distance"):
        DecoderSettings(tasks=("speed",))
    with pytest.raises(ValueError, match="modality is 'lidar', expected some of camera"):
        dataclasses.replace(TINY, modalities=("lidar",))
    with pytest.raises(ValueError, match="the grid has 49 cells, expected 50"):
        dataclasses.replace(TINY, semantics=36)
    with pytest.raises(ValueError, match="the decoder's size is 16, expected 32"):
        dataclasses.replace(TINY, language=dataclasses.replace(TINY.language, size=64))
    with pytest.raises(ValueError, match="size is 'large', expected paper or small"):
        SimacSettings.named("large")
    with pytest.raises(ValueError, match="variant is 'bert', expected one of simac"):
        TINY.variant("bert")
