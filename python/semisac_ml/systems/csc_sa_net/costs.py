# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Table II: parameters and operations of the proposed networks, as the paper counts them and in full.

What the paper's figures are, found by counting: those of the physical part, 45.8 M and 155 M, leave out all
layers of all transformers, with two operations a multiplication and addition; they are for two bits a number,
and heads that give real and imaginary parts of beams, as in the authors' program, not phases as printed.
Of the fusion, 3.37 M and 12 G are the two encoders and the decoder alone, with one operation for both; 50.1 M
are these, the physical part without transformers, and what is left of the fusion. In full: all parameters,
two operations for each multiplication with its addition.

Those of the paper's baselines are of the sizes in the authors' program, of which the printed figures are the
sums: a width of 1024, perceptrons of 4096, again without all layers of transformers, here with one operation
for a multiplication and its addition. Of the acquisition the printed 849 M parameters are twice its 425 M
operations.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from rich.table import Table
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from semisac_ml.results import Result

from .model import CHANNELS, CscSaNet
from .pictures import PictureDecoder, PictureEncoder
from .settings import ACCESSES, CLASS_COUNT, Access, CscSaSettings

FIGURE = "table2"
PRINTED, AS_PRINTED, IN_FULL = "paper, as printed", "counted as the paper does", "counted in full"
PHYSICAL, FUSION, ALL = "physical part", "fusion", "all"
LAYER = re.compile(r"\.layers\.\d+$")


Call = tuple[nn.Module, tuple[Tensor, ...]]


@dataclass(frozen=True)
class Cost:
    """parameters: their number. operations: for one uplink of both users."""

    parameters: int
    operations: int

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.parameters + other.parameters, self.operations + other.operations)


PAPER = {
    ("superposed", PHYSICAL): Cost(45_800_000, 155_000_000),
    ("superposed", FUSION): Cost(3_370_000, 12_000_000_000),
    ("superposed", ALL): Cost(50_100_000, 12_000_000_000),
    ("orthogonal", ALL): Cost(50_100_000, 12_000_000_000),
}
ACQUISITION, PRECODING, MFNET = "DL-based CSI acquisition", "DL-based precoding", "MFNet"
PAPER_OF_OTHERS = {
    ACQUISITION: Cost(849_000_000, 425_000_000),
    PRECODING: Cost(35_800_000, 661_000_000),
    MFNET: Cost(3_230_000, 12_000_000_000),
}
OTHERS_WIDTH, OTHERS_HIDDEN, OTHERS_HEADS = 1024, 4096, 8
SENT_SYMBOLS = 5
"""Of data by MFNet's users, the most that the authors' program has."""


def costs(settings: CscSaSettings) -> dict[tuple[str, str], Cost]:
    """Costs by the way of counting (AS_PRINTED, IN_FULL) and part; nothing is computed."""
    with torch.device("meta"), _plain_attention():
        model = CscSaNet(settings).eval()
        calls = dict(_calls(model, settings))
        physical = [one for name, one in calls.items() if not name.startswith("fusion")]
        fusion = [one for name, one in calls.items() if name.startswith("fusion")]
        whole = {part: _whole(of) for part, of in ((PHYSICAL, physical), (FUSION, fusion))}
        few = _without_layers(physical)
        pictures = _pictures(model, settings)
    whole[PHYSICAL] += Cost(parameters_of([model.pilots]), 0)
    few += Cost(parameters_of([model.pilots]), 0)
    return {
        (AS_PRINTED, PHYSICAL): few,
        (AS_PRINTED, FUSION): pictures,
        (AS_PRINTED, ALL): Cost(
            few.parameters + whole[FUSION].parameters, few.operations + pictures.operations
        ),
        (IN_FULL, PHYSICAL): whole[PHYSICAL],
        (IN_FULL, FUSION): whole[FUSION],
        (IN_FULL, ALL): whole[PHYSICAL] + whole[FUSION],
    }


def costs_of_others() -> dict[tuple[str, str], Cost]:
    """Of the paper's baselines, by the way of counting and name; in full for both users' uplink."""
    with torch.device("meta"), _plain_attention():
        acquisition, precoding = _acquisition(CscSaSettings()), _precoding(CscSaSettings())
        counted = {ACQUISITION: acquisition, PRECODING: precoding}
        found = {(AS_PRINTED, name): _halved(_without_layers(own)) for name, own in counted.items()}
        found |= {(IN_FULL, name): _whole(own) for name, own in counted.items()}
        mfnet = _whole(_mfnet(CscSaSettings()))
    # both users acquire with the same networks
    whole = found[IN_FULL, ACQUISITION]
    found[IN_FULL, ACQUISITION] = Cost(whole.parameters, CscSaSettings().cell.users * whole.operations)
    return {**found, (AS_PRINTED, MFNET): _halved(mfnet), (IN_FULL, MFNET): mfnet}


def _halved(cost: Cost) -> Cost:
    """With one operation for a multiplication and its addition."""
    return Cost(cost.parameters, cost.operations // 2)


def _layers(count: int) -> nn.TransformerEncoder:
    layer = nn.TransformerEncoderLayer(
        OTHERS_WIDTH, OTHERS_HEADS, OTHERS_HIDDEN, 0.0, "gelu", batch_first=True, norm_first=True
    )
    return nn.TransformerEncoder(layer, count, nn.LayerNorm(OTHERS_WIDTH), enable_nested_tensor=False)


def _acquisition(settings: CscSaSettings) -> list[Call]:
    """Estimation, compression and reconstruction of a user's channel, token by token of a subcarrier."""
    cell, width, tokens = settings.cell, OTHERS_WIDTH, settings.cell.subcarriers
    heard, channel = 2 * cell.user_chains * settings.pilots, 2 * cell.station_antennas * cell.user_antennas
    flat = tokens * width
    estimation = nn.Sequential(nn.Linear(heard, width), _layers(6), nn.Linear(width, channel))
    compression = nn.Sequential(
        nn.Linear(channel, width), _layers(4), nn.Flatten(), nn.Linear(flat, settings.numbers)
    )
    reconstruction = nn.Sequential(
        nn.Linear(settings.numbers, flat),
        nn.Unflatten(1, (tokens, width)),
        _layers(4),
        nn.Linear(width, channel),
    )
    return [
        (estimation, (torch.zeros(1, tokens, heard),)),
        (compression, (torch.zeros(1, tokens, channel),)),
        (reconstruction, (torch.zeros(1, settings.numbers),)),
    ]


def _precoding(settings: CscSaSettings) -> list[Call]:
    """Each user's beam from its channel; both of the station from both channels."""
    cell, width, tokens = settings.cell, OTHERS_WIDTH, settings.cell.subcarriers
    channel, flat = 2 * cell.station_antennas * cell.user_antennas, tokens * width
    given, calls = torch.zeros(1, tokens, channel), []
    for _ in range(cell.users):
        head = nn.Linear(flat, 2 * cell.user_antennas)
        calls.append((nn.Sequential(nn.Linear(channel, width), _layers(2), nn.Flatten(), head), (given,)))
        calls.append((nn.Sequential(nn.Linear(channel, width), _layers(1)), (given,)))
    both, beams = cell.users * width, 2 * cell.station_chains * cell.station_antennas
    station = nn.Sequential(nn.Linear(both, width), _layers(2), nn.Flatten(), nn.Linear(flat, beams))
    return [*calls, (station, (torch.zeros(1, tokens, both),))]


def _mfnet(settings: CscSaSettings) -> list[Call]:
    """Encoders of both users, whose outputs are what they send, and the decoder of both side by side."""
    sent, size = 2 * SENT_SYMBOLS, (settings.height, settings.width_pixels)
    calls: list[Call] = [
        (PictureEncoder(count, sent, settings.grid), (torch.zeros(1, count, *size),))
        for count in CHANNELS.values()
    ]
    decoder = PictureDecoder(sent, CLASS_COUNT, *size)
    return [*calls, (decoder, (torch.zeros(1, sent, *settings.grid),))]


def parameters_of(networks: Iterable[nn.Module]) -> int:
    """Parameters of networks; what two share counts once."""
    found = {id(one): one.numel() for network in networks for one in network.parameters()}
    return sum(found.values())


def _calls(model: CscSaNet, settings: CscSaSettings) -> Iterator[tuple[str, Call]]:
    """Each network with inputs of one uplink, each user's by itself."""
    cell = settings.cell
    features = torch.zeros(1, cell.subcarriers, 2 * cell.user_chains * settings.pilots)
    condition, used = torch.zeros(1, settings.conditions), torch.ones(1, settings.symbols)
    semantics = torch.zeros(1, settings.tokens, settings.width)
    beams = torch.zeros(1, cell.user_antennas, cell.user_chains, 2)
    for user, channels in enumerate(CHANNELS.values()):
        own = model.user_channel[0 if settings.shared else user]
        yield f"user {user}", (own, (features, torch.ones(1, settings.pilots), condition))
        picture = torch.zeros(1, channels, settings.height, settings.width_pixels)
        inputs = (picture, semantics, beams, used, condition)
        yield f"fusion, user {user}", (model.user_fusion[user], inputs)
    numbers = torch.zeros(1, cell.users, settings.numbers)
    yield "station", (model.station_channel, (numbers, condition))
    heard = settings.own_subcarriers if settings.added_halves else cell.subcarriers
    received = torch.zeros(1, heard, settings.symbols, cell.station_chains, 2)
    combiner = torch.zeros(1, cell.station_chains, cell.station_antennas, 2)
    yield "fusion, station", (model.station_fusion, (received, combiner, used, semantics, condition))


def _whole(calls: Sequence[Call]) -> Cost:
    return Cost(
        parameters_of(network for network, _ in calls),
        sum(_operations(network, inputs)[0] for network, inputs in calls),
    )


def _without_layers(calls: Sequence[Call]) -> Cost:
    """Of networks, all but the layers of transformers."""
    layers = [
        one
        for network, _ in calls
        for one in network.modules()
        if isinstance(one, nn.TransformerEncoderLayer)
    ]
    parameters = parameters_of(network for network, _ in calls) - parameters_of(layers)
    operations = 0
    for network, inputs in calls:
        whole, in_layers = _operations(network, inputs)
        operations += whole - in_layers
    return Cost(parameters, operations)


def _pictures(model: CscSaNet, settings: CscSaSettings) -> Cost:
    """Of the encoders and the decoder of pictures, one operation a multiplication."""
    networks: list[PictureEncoder | PictureDecoder] = [user.encoder for user in model.user_fusion]
    inputs = [torch.zeros(1, count, settings.height, settings.width_pixels) for count in CHANNELS.values()]
    networks.append(model.station_fusion.decoder)
    inputs.append(torch.zeros(1, settings.source, *settings.semantic_grid))
    operations = sum(_operations(one, (value,))[0] for one, value in zip(networks, inputs, strict=True))
    return Cost(parameters_of(networks), operations // 2)


def _operations(network: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[int, int]:
    """Of all, and of the layers of its transformers."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(*inputs)
    by_module = counter.get_flop_counts()
    layers = sum(sum(found.values()) for name, found in by_module.items() if LAYER.search(name))
    return counter.get_total_flops(), layers


@contextlib.contextmanager
def _plain_attention() -> Iterator[None]:
    """Layers of transformers made of what is counted, not of one kernel that is not."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def cost_rows() -> list[Result]:
    """Table II: as printed, and both ways of counting of all networks that there are."""
    rows = []
    for (access, part), cost in PAPER.items():
        rows += _rows(cost, PRINTED, part, access=access)
    for name, cost in PAPER_OF_OTHERS.items():
        rows += _rows(cost, PRINTED, name)
    for (way, name), cost in costs_of_others().items():
        rows += _rows(cost, way, name)
    for access in ACCESSES:
        for (way, part), cost in costs(as_counted(access)).items():
            if way == AS_PRINTED:
                rows += _rows(cost, AS_PRINTED, part, access=access)
    for size, variant in (("paper", "csc-sa-net"), ("small", "csc-sa-net"), ("small", "tuned")):
        for access in ACCESSES:
            found = costs(CscSaSettings.named(size, "printed", variant, access))
            for (way, part), cost in found.items():
                if way == IN_FULL:
                    rows += _rows(cost, f"{variant}, {size}", part, access=access)
    return rows


def as_counted(access: Access) -> CscSaSettings:
    """Networks that the paper's figures are of."""
    named = CscSaSettings.named("paper", "printed", access=access)
    return dataclasses.replace(named, preset=dataclasses.replace(named.preset, phases=False))


def _rows(cost: Cost, variant: str, part: str, **conditions: str) -> list[Result]:
    told = {
        "system": "csc_sa_net",
        "figure": FIGURE,
        "variant": variant,
        "conditions": {"part": part, **conditions},
    }
    return [
        Result.of(cost.parameters, **told, metric="parameters"),
        Result.of(cost.operations, **told, metric="operations", unit="FLOP"),
    ]


def table(rows: Sequence[Result]) -> Table:
    """Rows as Table II shows them."""
    found = Table(title="Table II: one uplink of both users")
    for head in ("networks", "access", "part"):
        found.add_column(head)
    for head in ("parameters", "operations"):
        found.add_column(head, justify="right")
    lines: dict[tuple[str, ...], dict[str, float]] = {}
    for row in rows:
        told = row.conditions
        line = (row.variant, told.get("access", ""), told["part"])
        lines.setdefault(line, {})[row.metric] = row.value
    for line, values in lines.items():
        found.add_row(*line, f"{values['parameters'] / 1e6:.2f} M", f"{values['operations'] / 1e9:.3f} G")
    return found
