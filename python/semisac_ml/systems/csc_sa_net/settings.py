# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a CSC-SA-Net is: its conditions (the paper's, or the authors' program's) and its sizes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Literal

from semisac_ml.channels.mimo_ofdm import MimoOfdm
from semisac_ml.data.mfnet import CLASSES

MODALITIES = ("colour", "thermal")
PRESETS, SIZES = ("printed", "notebook"), ("small", "paper")
ACCESSES = ("superposed", "orthogonal")
CLASS_COUNT = len(CLASSES)
PAPER, REAL, ADDED = "csc-sa-net", "tuned real symbols", "csc-sa-net added halves"
TUNED: dict[str, object] = {"tuned": True, "references": True}
VARIANTS: dict[str, dict[str, object]] = {
    PAPER: {},
    "tuned": TUNED,
    **{f"tuned {one}": {**TUNED, "senders": (one,)} for one in MODALITIES},
    "separated": {"tuned": True, "receiver": "lmmse"},
    "separated delay-limited": {"tuned": True, "receiver": "delay-limited"},
    "separated authors": {"receiver": "authors"},
    "separated acquisition": {"receiver": "lmmse", "acquires": True},
    "separated authors acquisition": {"receiver": "authors", "acquires": True},
    "tuned not told": {**TUNED, "told": False},
    "tuned all tokens": {**TUNED, "pools": None},
    "tuned without references": {"tuned": True},
    "tuned without map": {**TUNED, "mapped": False},
    "tuned without curriculum": {**TUNED, "eased": False},
    REAL: TUNED,
    ADDED: {},
}
"""By name, what a variant of size small is besides what the paper's networks are."""
CONDITIONS: dict[str, dict[str, object]] = {REAL: {"real_symbols": True}, ADDED: {"joined": False}}
"""By name, what of its preset a variant changes."""

Access = Literal["superposed", "orthogonal"]


@dataclass(frozen=True)
class Preset:
    """Conditions that the paper and the authors' program do not share.

    cell: paths, delays and Doppler shifts. noisy_pilots: Eq. (9) has noise. gap_symbols: between the last
    pilot and the first data symbol. snr_offset_db: our SNR, P_t over noise with E|h|^2 = 1, less the one that
    the preset's figures name. beam_snr_db: ours, at which stage II is trained; None for the data's own.
    bits: of a number that is fed back. rates: stage II makes the sum of users' rates over data symbols large,
    Eqs. (31) and (32), or the least user's at the first data symbol. whitened: rates see the noise as the
    combiner colours it; else rows of the combiner are taken to be orthogonal. real_symbols: real parts are
    sent twice, as imaginary parts too. phases: heads give phases of beams; else real and imaginary parts,
    divided by the modulus. joined: the halves of orthogonal users are concatenated, at the energy
    of superposed ones; else as the authors have it, added, at half the energy and half the resolution, and
    users are given the semantics of the station. links_first: stage I trains heads and fusion over an
    identity channel; else encoders and decoder alone. background: counts in the mean IoU as any class.
    """

    cell: MimoOfdm = field(default_factory=MimoOfdm)
    noisy_pilots: bool = True
    gap_symbols: int = 0
    snr_offset_db: float = 0.0
    beam_snr_db: float | None = None
    bits: int = 2
    rates: Literal["sum", "least"] = "sum"
    whitened: bool = True
    real_symbols: bool = False
    phases: bool = True
    joined: bool = True
    links_first: bool = True
    background: bool = True

    @classmethod
    def named(cls, name: str) -> Preset:
        """ "printed", the equations as printed, or "notebook". Raises ValueError for any other name."""
        if name == "printed":
            return cls()
        if name == "notebook":
            return cls(
                # ten samples of 100 subcarriers
                MimoOfdm(paths=2, delay_s=10.0 / (100 * 120e3), doppler="paths"),
                noisy_pilots=False,
                # two streams of power 1 each, and a channel of two paths that no root makes one
                snr_offset_db=6.0,
                # their P_t over noise of 10 dB, with that channel
                beam_snr_db=13.0,
                bits=4,
                rates="least",
                whitened=False,
                real_symbols=True,
                phases=False,
                joined=False,
                links_first=False,
                background=False,
            )
        raise ValueError(f"preset is {name!r}, expected one of {', '.join(PRESETS)}")


@dataclass(frozen=True)
class CscSaSettings:
    """Sizes of the networks.

    pilots, feedback_bits, symbols: L, B and Q, the most of each if `flexible`. flexible: one network for all
    L, B, Q and SNRs, which it is told; else for those alone. token_subcarriers: neighbouring subcarriers that
    are one token. width: d_model and d_CSI. layers: U, of each transformer. pools: weighted means over
    tokens that heads see; None for all tokens one after the other. shared: users have the same networks
    for the channel. height, width_pixels: of pictures. grid: rows and columns of source semantics, d_s
    channels each; their product is the number of subcarriers. context: d_c. tuned: users hear a map of
    angles, beams are chosen from a grid, the fusion is told the Doppler shift. arrivals, departures:
    points of that grid. senders: users that send; others are silent. receiver: of separated users, see
    :mod:`.separated`; none for CSC-SA-Net. acquires: networks estimate channels, see
    :mod:`.learned_acquisition`. told: the fusion hears of the link too. references: users send one stream,
    with references in it, by which they are told apart, see :mod:`.references`; not with halves that are
    added. mapped: tuned users hear the map of angles. eased: stage II of tuned networks comes down from 0 dB
    and is told directions at first. halved: class scores are made for every second row and column, and
    interpolated.
    """

    preset: Preset = field(default_factory=Preset)
    access: Access = "superposed"
    tuned: bool = False
    pilots: int = 8
    feedback_bits: int = 1024
    symbols: int = 4
    flexible: bool = False
    token_subcarriers: int = 1
    width: int = 192
    heads: int = 8
    layers: int = 2
    hidden: int = 768
    pools: int | None = None
    shared: bool = False
    height: int = 480
    width_pixels: int = 640
    grid: tuple[int, int] = (10, 10)
    source: int = 64
    context: int = 16
    arrivals: int = 128
    departures: int = 16
    senders: tuple[str, ...] = MODALITIES
    receiver: Literal["", "authors", "delay-limited", "lmmse"] = ""
    acquires: bool = False
    told: bool = True
    references: bool = False
    mapped: bool = True
    eased: bool = True
    halved: bool = False

    def __post_init__(self) -> None:
        subcarriers = self.preset.cell.subcarriers
        if self.access not in ACCESSES:
            raise ValueError(f"access is {self.access!r}, expected one of {', '.join(ACCESSES)}")
        if self.preset.cell.users != len(MODALITIES):
            raise ValueError(
                f"users are {self.preset.cell.users}, expected {len(MODALITIES)}, one a modality"
            )
        if self.receiver and self.access != "superposed":
            raise ValueError(f"access is {self.access!r}, expected 'superposed' of users that are separated")
        if self.grid[0] * self.grid[1] != subcarriers:
            raise ValueError(f"the grid is {self.grid}, expected {subcarriers} positions, one a subcarrier")
        if subcarriers % self.token_subcarriers:
            raise ValueError(
                f"a token has {self.token_subcarriers} subcarriers, expected a divisor of {subcarriers}"
            )
        if self.feedback_bits % self.preset.bits:
            raise ValueError(
                f"feedback has {self.feedback_bits} bits, expected a multiple of {self.preset.bits}"
            )
        if self.height % 16 or self.width_pixels % 16:
            raise ValueError(
                f"pictures have {self.height} x {self.width_pixels} pixels, expected multiples of 16"
            )

    @property
    def cell(self) -> MimoOfdm:
        """The channel's."""
        return self.preset.cell

    @property
    def tokens(self) -> int:
        """Of channel semantics."""
        return self.cell.subcarriers // self.token_subcarriers

    @property
    def numbers(self) -> int:
        """That a user feeds back."""
        return self.feedback_bits // self.preset.bits

    @property
    def conditions(self) -> int:
        """Numbers that networks are told of the link: SNR, L, B, Q, and to tuned ones the Doppler shift."""
        return 4 * self.flexible + self.tuned

    def fits(self, pilots: int, feedback_bits: int, symbols: int) -> bool:
        """Whether networks are made for links of these L, B and Q."""
        if feedback_bits % self.preset.bits:
            return False
        own, asked = (self.pilots, self.feedback_bits, self.symbols), (pilots, feedback_bits, symbols)
        return all(a <= b for a, b in zip(asked, own, strict=True)) if self.flexible else asked == own

    @property
    def added_halves(self) -> bool:
        """Orthogonal as the authors have it."""
        return self.access == "orthogonal" and not self.preset.joined

    @property
    def semantic_grid(self) -> tuple[int, int]:
        """Rows and columns of source semantics."""
        rows, columns = self.grid
        return (rows // 2, columns) if self.added_halves else self.grid

    @property
    def own_subcarriers(self) -> int:
        """On which one user sends."""
        return self.cell.subcarriers // (1 if self.access == "superposed" else self.cell.users)

    @property
    def energy(self) -> float:
        """Of a user's data in P_t and symbols: N_c by Eq. (20), half of it where the authors halve it."""
        return float(self.own_subcarriers if self.added_halves else self.cell.subcarriers)

    @classmethod
    def named(
        cls, size: str, preset: str = "printed", variant: str = "csc-sa-net", access: Access = "superposed"
    ) -> CscSaSettings:
        """ "paper", or "small", which two processor cores can train. Raises ValueError for any other name."""
        if variant not in VARIANTS:
            raise ValueError(f"variant is {variant!r}, expected one of {', '.join(VARIANTS)}")
        if variant == ADDED and access != "orthogonal":
            raise ValueError(f"access is {access!r}, expected 'orthogonal' with variant {variant!r}")
        conditions = dataclasses.replace(Preset.named(preset), **CONDITIONS.get(variant, {}))
        made = cls(conditions, access)
        if size == "paper":
            if variant != PAPER:
                raise ValueError(f"size is 'paper', expected 'small' with variant {variant!r}")
            return made
        if size != "small":
            raise ValueError(f"size is {size!r}, expected one of {', '.join(SIZES)}")
        small = dict(
            symbols=5,
            flexible=True,
            token_subcarriers=4,
            width=96,
            heads=4,
            layers=1,
            hidden=192,
            pools=4,
            shared=True,
            height=240,
            width_pixels=320,
            halved=True,
        )
        sizes = {**small, **VARIANTS[variant]}
        if made.added_halves:
            sizes["references"] = False
        return dataclasses.replace(made, **sizes)
