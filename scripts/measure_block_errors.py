#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure block error rates of GNU Radio's polar codes with QAM over AWGN.

Writes the table that the digital baselines of `semisac evaluate jssc --compare-digital` read. Each mode and
block length is stepped up in SNR, from where nearly all blocks are lost to where hardly one is. Goes on from
the points that the file already has.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from gnuradio import blocks, fec, gr

from semisac_ml.results import Result, ResultTable
from semisac_ml.signal.metrics import proportion
from semisac_ml.systems.jssc_hifi import real_code

LIST_SIZE = 8
STEP_DB = 0.5
LEAST_RATE = 3e-3
CHUNK = 100


def run(block: object, item_in: int, item_out: int, values: np.ndarray) -> np.ndarray:
    """What GNU Radio's encoder or decoder makes of a vector, as bits."""
    source = blocks.vector_source_f if item_in == 4 else blocks.vector_source_b
    flowgraph, sink = gr.top_block(), blocks.vector_sink_b()
    deployed = (
        fec.decoder(block, item_in, item_out) if item_in == 4 else fec.encoder(block, item_in, item_out)
    )
    feed = source(values.ravel().tolist())
    flowgraph.connect(feed, deployed, sink)
    flowgraph.run()
    return np.array(sink.data(), np.uint8)


def count_errors(
    mode: real_code.Mode, block: int, snr_db: float, count: int, random: np.random.Generator
) -> int:
    """Blocks of count that GNU Radio decodes wrongly."""
    information = mode.information_bits(block)
    frozen = real_code.frozen_bits(block, information)
    sent = random.integers(0, 2, (count, information), dtype=np.uint8)
    coded = run(fec.polar_encoder.make(block, information, frozen, [], False), 1, 1, sent)
    # a random interleaver keeps a symbol's bits apart; a block is filled up to whole symbols
    order = random.permutation(block)
    filling = -block % mode.bits_a_symbol
    filled = np.pad(coded.reshape(count, block)[:, order], ((0, 0), (0, filling)))
    snr = 10.0 ** (snr_db / 10.0)
    amplitudes = real_code.modulate(filled, mode.bits_a_symbol)
    received = amplitudes + random.standard_normal(amplitudes.shape) * np.sqrt(0.5 / snr)
    ratios = np.empty((count, block), np.float32)
    ratios[:, order] = real_code.likelihoods(received, mode.bits_a_symbol, snr)[:, :block]
    decoder = fec.polar_decoder_sc_list.make(LIST_SIZE, block, information, frozen, [])
    decoded = run(decoder, 4, 1, -ratios)  # GNU Radio's sign: positive is 1
    return int((decoded.reshape(count, information) != sent).any(axis=1).sum())


def measure(mode: real_code.Mode, block: int, snr_db: float, most: int, seed: int) -> tuple[int, int]:
    """Blocks sent and wrong ones, until 100 are wrong or most are sent."""
    random = np.random.default_rng([seed, real_code.MODES.index(mode), block, round(10 * snr_db) + 1000])
    sent = wrong = 0
    while sent < most and wrong < 100:
        wrong += count_errors(mode, block, snr_db, CHUNK, random)
        sent += CHUNK
    return sent, wrong


def first_snr_db(mode: real_code.Mode) -> float:
    """Where to begin: 1 dB below the SNR whose capacity is the mode's rate, where all blocks are lost."""
    bits = mode.bits_a_symbol * mode.numerator / mode.denominator
    return float(np.floor(2 * (10 * np.log10(2**bits - 1) - 1))) / 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--output", type=Path, default=real_code.BLOCK_ERRORS)
    parser.add_argument("--most-blocks", type=int, default=600, help="blocks a point, at most")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    table = ResultTable.open(chosen.output)
    known = {row.place: row for row in table.rows}
    for mode in real_code.MODES:
        for block in (256, 512, 1024, 2048):
            snr_db, rate = first_snr_db(mode), 1.0
            while rate > LEAST_RATE:
                row = point(mode, block, snr_db, 0, 1, chosen.seed)
                if row.place in known:
                    row = known[row.place]
                else:
                    sent, wrong = measure(mode, block, snr_db, chosen.most_blocks, chosen.seed)
                    row = point(mode, block, snr_db, wrong, sent, chosen.seed)
                    table.replace([row])
                rate = row.value
                print(f"{mode.name}, {block} bits, {snr_db:g} dB: {rate:.4f}", flush=True)
                snr_db += STEP_DB


def point(mode: real_code.Mode, block: int, snr_db: float, wrong: int, sent: int, seed: int) -> Result:
    """Row of the table."""
    return Result.of(
        proportion(wrong, sent),
        system="jssc_hifi",
        figure="block_errors",
        variant=mode.name,
        conditions={"x": "SNR (Es/N0) in dB", "block": block},
        x=snr_db,
        metric="block_error_rate",
        seed=str(seed),
    )


if __name__ == "__main__":
    main()
