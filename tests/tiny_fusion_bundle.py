# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small made-up csc_sa_net bundle that needs no training: what its blocks and programs are tested with.

Every network is a fixed linear map of all that it is given, with phases, bits or unit power behind it.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tiny_bundle import NetworkBuilder, made_up

from semisac_ml.runtime import write_bundle
from semisac_ml.signal.mimo_ofdm import MimoOfdm

SEMANTICS = 5
SNR_DB = [-30.0, 10.0]
REFERENCE_DB = 0.0
MODALITIES = {"colour": 3, "thermal": 1}
CLASS_NAMES = ("unlabelled", "car", "person", "bike", "curve", "car stop", "guardrail", "cone", "bump")
POOLED = 8  # pixels a side that are averaged, and that a class is told for
LINK = 5
SMALL = 0.003  # of the numbers of a link, the largest of which is a shift in Hz
INNER = 16  # numbers through which everything goes


@dataclass(frozen=True)
class Sizes:
    """Of the tiny one; `SHIPPED`: of those that ship."""

    cell: MimoOfdm = MimoOfdm(station_antennas=8, user_antennas=4, subcarriers=6, paths=2)
    pilots: int = 3
    numbers: int = 8
    number_bits: int = 2
    symbols: int = 2
    height: int = 16
    width: int = 24
    classes: int = 4


TINY, SHIPPED = Sizes(), Sizes(MimoOfdm(), 8, 512, 2, 5, 240, 320, 9)
CELL, PILOTS, NUMBERS, NUMBER_BITS = TINY.cell, TINY.pilots, TINY.numbers, TINY.number_bits
SYMBOLS, HEIGHT, WIDTH, CLASSES = TINY.symbols, TINY.height, TINY.width, TINY.classes


class _Network(NetworkBuilder):
    """With what all networks here are made of."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._generator = np.random.default_rng(seed)

    def flat(self, *inputs: tuple[str, int]) -> tuple[str, int]:
        """Inputs of so many numbers side by side, and how many these are."""
        parts = [self("Reshape", name, self.constant([-1, size], "int64")) for name, size in inputs]
        return self("Concat", *parts, axis=1), sum(size for _, size in inputs)

    def mixed(self, values: tuple[str, int], outputs: int) -> str:
        """[batch, outputs]."""
        name, size = values
        for inputs, given in ((size, INNER), (INNER, outputs)):
            weights = self._generator.standard_normal((inputs, given)) / np.sqrt(inputs)
            name = self("MatMul", name, self.constant(weights))
        return name

    def shaped(self, values: str, *shape: int, output: str | None = None) -> str:
        return self("Reshape", values, self.constant([-1, *shape], "int64"), output=output)

    def unit(self, values: str) -> str:
        """Of a mean square of 1 in each frame."""
        power = self("ReduceMean", self("Mul", values, values), axes=[1], keepdims=1)
        return self("Div", values, self("Sqrt", self("Add", power, self.constant(1e-9))))

    def told(self) -> tuple[str, int]:
        return self("Mul", "link", self.constant(np.array([0.1, 0.1, 0.1, 0.1, SMALL]))), LINK

    def phases(self, values: tuple[str, int], rows: int, columns: int) -> None:
        """Output beams."""
        angles = self.shaped(self.mixed(values, rows * columns), rows, columns, 1)
        angles = self("Mul", angles, self.constant(3.0))
        self("Concat", self("Cos", angles), self("Sin", angles), axis=3, output="beams")

    def semantics(self, values: tuple[str, int]) -> None:
        self("Tanh", self.mixed(values, SEMANTICS), output="semantics")


def pilots(seed: int, sizes: Sizes) -> bytes:
    """Network number -> analog, digital, combiner."""
    net, generator = _Network(seed), np.random.default_rng(seed)

    def beams(*shape: int) -> np.ndarray:
        angles = generator.uniform(0.0, 2.0 * np.pi, (sizes.pilots, *shape))
        return np.exp(1j * angles)

    def pairs(values: np.ndarray) -> str:
        return net.constant(np.stack((values.real, values.imag), axis=-1))

    analog = beams(sizes.cell.station_antennas, sizes.cell.station_chains)
    digital = beams(sizes.cell.subcarriers, sizes.cell.station_chains)
    digital /= np.linalg.norm(digital @ analog.swapaxes(1, 2), axis=-1, keepdims=True)
    shapes = {
        "analog": analog,
        "digital": digital,
        "combiner": beams(sizes.cell.user_chains, sizes.cell.user_antennas),
    }
    for name, values in shapes.items():
        net("Gather", pairs(values), "number", axis=0, output=name)
    outputs = {name: ["batch", *values.shape[1:], 2] for name, values in shapes.items()}
    return net.build("pilots", {"number": ["batch", "int64"]}, outputs)


def user(seed: int, sizes: Sizes) -> bytes:
    """Network received, link -> beams, bits, semantics."""
    net = _Network(seed)
    size = sizes.cell.subcarriers * sizes.cell.user_chains * sizes.pilots * 2
    heard = net.unit(net.flat(("received", size))[0])
    values = net.flat((heard, size), net.told())
    net.phases(values, sizes.cell.user_antennas, sizes.cell.user_chains)
    said = net.shaped(net.mixed(values, sizes.numbers * sizes.number_bits), sizes.numbers, sizes.number_bits)
    net("Cast", net("Greater", said, net.constant(0.0)), to=1, output="bits")
    net.semantics(values)
    return net.build(
        "user",
        {
            "received": ["batch", sizes.cell.subcarriers, sizes.cell.user_chains, sizes.pilots, 2],
            "link": ["batch", LINK],
        },
        {
            "beams": ["batch", sizes.cell.user_antennas, sizes.cell.user_chains, 2],
            "bits": ["batch", sizes.numbers, sizes.number_bits],
            "semantics": ["batch", SEMANTICS],
        },
    )


def station(seed: int, sizes: Sizes) -> bytes:
    """Network bits, heard, link -> beams, semantics."""
    net = _Network(seed)
    size = sizes.cell.users * sizes.numbers * sizes.number_bits
    there = net.shaped("heard", sizes.cell.users, 1, 1)
    values = net.flat((net("Mul", "bits", there), size), ("heard", sizes.cell.users), net.told())
    net.phases(values, sizes.cell.station_chains, sizes.cell.station_antennas)
    net.semantics(values)
    return net.build(
        "station",
        {
            "bits": ["batch", sizes.cell.users, sizes.numbers, sizes.number_bits],
            "heard": ["batch", sizes.cell.users],
            "link": ["batch", LINK],
        },
        {
            "beams": ["batch", sizes.cell.station_chains, sizes.cell.station_antennas, 2],
            "semantics": ["batch", SEMANTICS],
        },
    )


def picture(channels: int, seed: int, sizes: Sizes) -> bytes:
    """Network picture, semantics, beams, link -> symbols, 0 behind those that the link has."""
    net = _Network(seed)
    pooled = net("AveragePool", "picture", kernel_shape=[POOLED, POOLED], strides=[POOLED, POOLED])
    seen = channels * (sizes.height // POOLED) * (sizes.width // POOLED)
    size = sizes.cell.user_antennas * sizes.cell.user_chains * 2
    values = net.flat((pooled, seen), ("semantics", SEMANTICS), ("beams", size), net.told())
    shape = (sizes.cell.subcarriers, sizes.symbols, sizes.cell.user_chains, 2)
    made = net.shaped(net.unit(net.mixed(values, int(np.prod(shape)))), *shape)
    used = net("Slice", "link", *(net.constant([v], "int64") for v in (3, 4, 1)))
    used = net("Less", net.constant(np.arange(sizes.symbols)[None]), used)
    used = net.shaped(net("Cast", used, to=1), 1, sizes.symbols, 1, 1)
    net("Mul", made, used, output="symbols")
    return net.build(
        "picture",
        {
            "picture": ["batch", channels, sizes.height, sizes.width],
            "semantics": ["batch", SEMANTICS],
            "beams": ["batch", sizes.cell.user_antennas, sizes.cell.user_chains, 2],
            "link": ["batch", LINK],
        },
        {"symbols": ["batch", *shape]},
    )


def segmentation(seed: int, sizes: Sizes) -> bytes:
    """Network received, semantics, link -> scores."""
    net = _Network(seed)
    shape = (sizes.cell.subcarriers, sizes.symbols, sizes.cell.station_chains, 2)
    size = int(np.prod(shape))
    heard = net.unit(net.flat(("received", size))[0])
    values = net.flat((heard, size), ("semantics", SEMANTICS), net.told())
    rows, columns = sizes.height // POOLED, sizes.width // POOLED
    coarse = net.shaped(net.mixed(values, sizes.classes * rows * columns), sizes.classes, rows, columns)
    scales = net.constant([1.0, 1.0, POOLED, POOLED])
    net("Resize", coarse, "", scales, mode="nearest", output="scores")
    return net.build(
        "segmentation",
        {"received": ["batch", *shape], "semantics": ["batch", SEMANTICS], "link": ["batch", LINK]},
        {"scores": ["batch", sizes.classes, sizes.height, sizes.width]},
    )


def make_tiny_fusion_bundle(
    path: str | Path, seed: int = 0, access: str = "superposed", sizes: Sizes = TINY
) -> Path:
    """Write the bundle and return its folder."""
    path = Path(path)
    share = [0.0, 1.0]
    of_link = {"name": "link", "range": [1.0, 3.0]}
    write_bundle(
        path,
        networks={
            "pilots": pilots(seed, sizes),
            "user": user(seed + 1, sizes),
            "station": station(seed + 2, sizes),
            **{name: picture(count, seed + count, sizes) for name, count in MODALITIES.items()},
            "segmentation": segmentation(seed + 9, sizes),
        },
        tensors={
            "pilots": {"inputs": [{"name": "number", "range": [0.0, sizes.pilots - 1.0]}]},
            "station": {"inputs": [{"name": "heard", "range": share}, of_link]},
            **{name: {"inputs": [{"name": "picture", "range": share}, of_link]} for name in MODALITIES},
        },
        system="csc_sa_net",
        name=path.name,
        description="Made up for tests: linear maps; nothing is trained",
        interface={
            "cell": asdict(sizes.cell),
            "frame": {
                "pilots": sizes.pilots,
                "feedback_bits": sizes.numbers * sizes.number_bits,
                "number_bits": sizes.number_bits,
                "symbols": sizes.symbols,
                "gap_symbols": 1,
                "flexible": True,
                "pilot_power_db": 6.0,
            },
            "users": [
                {
                    "modality": name,
                    "channels": count,
                    "channel_network": "user",
                    "picture_network": name,
                }
                for name, count in MODALITIES.items()
            ],
            "access": access,
            "snr_db": SNR_DB,
            "reference_snr_db": REFERENCE_DB,
            "height": sizes.height,
            "width": sizes.width,
            "classes": list(CLASS_NAMES[: sizes.classes]),
        },
        **made_up(__file__),
    )
    return path


if __name__ == "__main__":
    print(make_tiny_fusion_bundle(*sys.argv[1:2]))
