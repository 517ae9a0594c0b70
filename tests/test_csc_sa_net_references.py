# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""References among the data of CSC-SA-Net's users: energies, and what the receiver makes of them."""

import dataclasses

import pytest

torch = pytest.importorskip("torch")

from semisac_ml.channels.mimo_ofdm import drawn_paths  # noqa: E402
from semisac_ml.systems.csc_sa_net.beamforming import (  # noqa: E402
    known_covariances,
    principal_beams,
)
from semisac_ml.systems.csc_sa_net.model import Beams, CscSaNet, Link, first, placed  # noqa: E402
from semisac_ml.systems.csc_sa_net.receivers import Estimate, minimum_error  # noqa: E402
from semisac_ml.systems.csc_sa_net.references import (  # noqa: E402
    REFERENCE_POWER,
    symbols_as_sent,
    whitened,
)
from semisac_ml.systems.csc_sa_net.settings import CscSaSettings  # noqa: E402

FRAMES = 64


class Scene:
    """Random data of both users over random channels, with beams from the channels as they are."""

    def __init__(self, access: str, symbols: int, snr_db: float, silent: int | None = None) -> None:
        settings = CscSaSettings.named("small", "printed", "tuned", access)
        torch.manual_seed(3)
        model, cell = CscSaNet(settings).eval(), settings.cell
        generator = torch.Generator().manual_seed(5)
        paths = drawn_paths(FRAMES, cell, generator)
        found = principal_beams(known_covariances(paths, 8, torch.arange(0, 100, 4), cell), cell)
        precoder, combiner = (
            torch.polar(torch.ones_like(one.real), one.angle()) for one in (found.precoder, found.combiner)
        )
        self.used = first(symbols, settings.symbols, FRAMES, torch.device("cpu"))
        self.references = [one.references for one in model.user_fusion]
        self.precoder = torch.view_as_real(precoder)
        self.sent = []
        for user, own in enumerate(self.references):
            data = torch.randn(FRAMES, settings.own_subcarriers, settings.symbols, 1, 2, generator=generator)
            data = data * self.used[:, None, :, None, None]
            energy = settings.energy * self.used.sum(1)
            made = own.added(data, self.precoder[:, user], self.used, energy)
            self.sent.append(torch.view_as_complex(made * (user != silent)))
        self.energy = energy
        beams = Beams(precoder, combiner, *[torch.empty(0)] * 5)
        link = Link(8, 1024, symbols, torch.full((FRAMES,), snr_db))
        heard = model.received(self.sent, beams, paths, link, generator)
        self.receiver = receiver = model.station_fusion.receiver
        self.heard, self.combiner = heard, torch.view_as_real(combiner)
        with torch.no_grad():
            self.symbols, self.worth_db = receiver(heard, self.combiner, self.used)
            louder = receiver(37.0 * heard, self.combiner, self.used)
        self.louder = louder
        full = [
            torch.view_as_real(placed(one, user, 2) if access == "orthogonal" else one)
            for user, one in enumerate(self.sent)
        ]
        self.truth = symbols_as_sent(full, self.references, self.precoder[:, 0], self.used)
        self.grid = self.references[0].grid

    def sinr_db(self, user: int) -> torch.Tensor:
        """Measured of each frame's data, whatever gain the symbols have."""
        found, truth = (
            torch.view_as_complex(one[:, user].contiguous()) for one in (self.symbols, self.truth)
        )
        there = truth != 0
        found = torch.where(there, found, 0.0)
        together = (found * truth.conj()).flatten(1).sum(1).abs().square()
        share = together / (found.abs().square().flatten(1).sum(1) * truth.abs().square().flatten(1).sum(1))
        return 10.0 * torch.log10(share / (1.0 - share))


@pytest.mark.parametrize("access", ["superposed", "orthogonal"])
@pytest.mark.parametrize("symbols", [1, 4])
def test_energy_is_the_budget_and_references_silence_the_other(access, symbols):
    scene = Scene(access, symbols, 0.0)
    references = [scene.grid.of(user, scene.used)[:, own.own] for user, own in enumerate(scene.references)]
    assert int(scene.grid.symbol(scene.used).argmax(1)[0]) == (symbols - 1) // 2
    for user, sent in enumerate(scene.sent):
        radiated = torch.einsum("buc,bnqc->bnqu", torch.view_as_complex(scene.precoder[:, user]), sent)
        power = radiated.abs().square().sum(-1)
        assert torch.allclose(power.sum((1, 2)), scene.energy, rtol=1e-4)
        there = references[user].bool()
        assert 12 * FRAMES <= int(there.sum()) <= 13 * FRAMES
        # a reference has twice the power of a mean symbol, the subcarriers of the other's references none
        mean = scene.energy[0] / sent.shape[1] / symbols
        assert torch.allclose(power[there], 2.0 * mean, rtol=1e-4)
        other = scene.grid.of(1 - user, scene.used)[:, scene.references[user].own].bool()
        assert bool(other.any()) == (access == "superposed")
        assert (power[other] == 0.0).all()


def test_users_are_apart_without_noise():
    for user, other in ((0, 1), (1, 0)):
        scene = Scene("superposed", 1, 60.0, silent=other)
        # one symbol: gains do not change; errors are those of a finite number of references
        assert scene.sinr_db(user).median() > 30.0
        assert scene.symbols[:, other].abs().mean() < 0.05 * scene.symbols[:, user].abs().mean()


@pytest.mark.parametrize("snr_db", [-25.0, -15.0, -5.0])
def test_what_symbols_are_worth_is_told(snr_db):
    scene = Scene("superposed", 1, snr_db)
    for user in range(2):
        told = scene.worth_db[:, user].median(1).values
        measured = scene.sinr_db(user)
        assert (told - measured).median().abs() < 1.5
        # gains found over single references of one frame agree in phase with the truth
        found, truth = (
            torch.view_as_complex(one[:, user].contiguous()) for one in (scene.symbols, scene.truth)
        )
        assert (found * truth.conj()).sum().angle().abs() < 0.05
    assert torch.corrcoef(torch.stack((told, measured)))[0, 1] > 0.8


def test_users_are_told_apart_as_by_the_receiver_of_separated_ones():
    """MMSE detection in complex arithmetic, with the same gains and their errors."""
    scene = Scene("superposed", 4, -15.0)
    receiver, heard = scene.receiver, whitened(scene.heard, scene.combiner)
    gain, noise, error = receiver.gains(heard, scene.used)
    power = 1.0 / REFERENCE_POWER
    channel = torch.view_as_complex(gain.contiguous()).permute(0, 2, 3, 1) * power**0.5
    received = torch.view_as_complex(heard.contiguous())
    for frame in range(4):
        estimate = Estimate(channel[frame, None], power * error[frame, None].permute(0, 2, 3, 1))
        data = scene.grid.data(scene.used)[frame]
        for symbol in range(4):
            found = minimum_error(received[frame, None, :, symbol], estimate, float(noise[frame]))
            expected = found.symbols[0] * power**0.5 * data[:, symbol, None]
            own = torch.view_as_complex(scene.symbols[frame, :, :, symbol].contiguous()).T
            assert torch.allclose(own, expected, atol=1e-3)
        told = 10.0 * torch.log10(found.sinr[0].T)
        assert torch.allclose(scene.worth_db[frame], told, atol=0.01)


def test_power_at_the_receiver_does_not_matter():
    scene = Scene("superposed", 4, -10.0)
    for one, other in zip((scene.symbols, scene.worth_db), scene.louder, strict=True):
        assert torch.allclose(one, other, atol=1e-3)


def test_noise_is_white_behind_whitening():
    generator = torch.Generator().manual_seed(0)
    angles = torch.rand(1, 2, 64, generator=generator)
    angles[:, 1] = angles[:, 0] + 0.3 * angles[:, 1]  # chains that hear much of the same noise
    combiner = torch.polar(torch.ones_like(angles), 6.28 * angles)
    noise = torch.randn(1, 50, 200, 64, dtype=torch.complex64, generator=generator)
    heard = torch.einsum("bra,bnqa->bnqr", combiner, noise)
    white = torch.view_as_complex(whitened(torch.view_as_real(heard), torch.view_as_real(combiner)))[0]
    covariance = torch.einsum("nqr,nqs->rs", white, white.conj()) / white[..., 0].numel()
    assert torch.allclose(covariance, torch.eye(2, dtype=torch.complex64), atol=0.04)


def test_other_numbers_of_chains_are_refused():
    settings = CscSaSettings.named("small", "printed", "tuned")
    preset = dataclasses.replace(settings.preset, cell=dataclasses.replace(settings.cell, station_chains=3))
    with pytest.raises(ValueError, match="3 chains of the station, expected two of both"):
        CscSaNet(dataclasses.replace(settings, preset=preset))
