# SPDX-License-Identifier: GPL-3.0-or-later
"""Channel codes, linear code and conditions of the comparison, against theory."""

from __future__ import annotations

import bisect
import dataclasses
import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from semisac_ml.data import cifar10
from semisac_ml.parallel import Workers
from semisac_ml.results import Result, ResultTable, write_results
from semisac_ml.signal import rate_distortion
from semisac_ml.signal.metrics import Metric
from semisac_ml.systems.jssc_hifi import air, baselines, codecs, comparison, evaluate, real_code
from semisac_ml.systems.jssc_hifi.linear_code import LinearCode, blocks_of, pictures_of

SAMPLE = cifar10.sample()[0]


# --- conditions


@pytest.mark.parametrize("channel", air.CHANNELS)
def test_gains_have_mean_one(channel: str) -> None:
    gains = air.power_gains(channel, 4000, 128, seed=3)
    assert gains.shape == (4000, 128)
    # pictures are independent: 4 standard errors of an exponential
    assert gains.mean() == pytest.approx(1.0, abs=4 / math.sqrt(4000))


def test_ofdm_gains_are_rayleigh_on_every_subcarrier_and_repeat_with_the_symbol() -> None:
    gains = air.power_gains("ofdm", 4000, 128, seed=3)
    np.testing.assert_array_equal(
        gains[:, : air.SUBCARRIERS], gains[:, air.SUBCARRIERS :][:, : air.SUBCARRIERS]
    )
    for subcarrier in (0, 17, 51):
        assert stats.kstest(gains[:, subcarrier], "expon").pvalue > 1e-3


@pytest.mark.parametrize("snr_db", [-5.0, 10.0])
def test_labelled_snr_is_the_measured_one(snr_db: float) -> None:
    symbols = np.ones((50, 2000), np.complex128)
    snr = np.full(symbols.shape, 10 ** (snr_db / 10))
    noise = air.received_symbols(symbols, snr, seed=1) - symbols
    # 1e5 complex draws: the mean power is within 1.3 % with 4 standard errors, 0.055 dB
    assert -10 * np.log10(np.mean(np.abs(noise) ** 2)) == pytest.approx(snr_db, abs=0.055)


def test_the_order_of_values_is_a_fixed_permutation() -> None:
    order = air.permutation(3072)
    np.testing.assert_array_equal(np.sort(order), np.arange(3072))
    np.testing.assert_array_equal(order, air.permutation(3072))


# --- capacity


def test_ideal_bits_are_capacity() -> None:
    np.testing.assert_allclose(baselines.ideal_bits(10.0, np.ones((2, 256))), 256 * math.log2(11))
    np.testing.assert_allclose(baselines.ideal_bits(0.0, np.array([[0.0, 1.0, 3.0]])), [0 + 1 + 2])


def test_ergodic_capacity_of_rayleigh() -> None:
    """Mean of log2(1 + snr g), g exponential: e^(1/snr) E1(1/snr) / ln 2, 2.9007 bits at 10 dB."""
    gains = air.power_gains("rayleigh", 20000, 4, seed=5)
    assert baselines.ideal_bits(10.0, gains).mean() / 4 == pytest.approx(2.9007, abs=0.04)


# --- real code


def test_blocks_fill_the_channel_uses() -> None:
    assert real_code.blocks_of(768) == [512, 256]
    assert real_code.blocks_of(3072) == [2048, 1024]
    assert real_code.blocks_of(8192 * 6) == [2048] * 24
    assert real_code.blocks_of(300) == [256]
    assert real_code.information_bits(real_code.Mode("64-QAM", 2, 3), 128) == 341 + 170


@pytest.mark.parametrize("bits", [1, 2, 3])
def test_constellations_have_unit_power_and_gray_labels(bits: int) -> None:
    levels = real_code.amplitude_levels(bits)
    assert 2 * np.mean(levels**2) == pytest.approx(1.0)
    labels = np.argsort(levels)
    assert all(int(a ^ b).bit_count() == 1 for a, b in zip(labels, labels[1:], strict=False))


@pytest.mark.parametrize("bits_a_symbol", [2, 4, 6])
def test_likelihoods_are_bayes_rule(bits_a_symbol: int) -> None:
    """Share of ones among received values of a likelihood ratio L is 1 / (1 + e^L)."""
    random = np.random.default_rng(0)
    sent = random.integers(0, 2, 6 * 100_000)
    amplitudes = real_code.modulate(sent, bits_a_symbol)
    snr = 5.0
    received = amplitudes + random.standard_normal(amplitudes.shape) * math.sqrt(0.5 / snr)
    ratios = real_code.likelihoods(received, bits_a_symbol, snr)
    for low in (-2.0, -0.5, 1.0):
        chosen = (ratios >= low) & (ratios < low + 0.5)
        expected = np.mean(1.0 / (1.0 + np.exp(ratios[chosen])))
        assert np.mean(sent[chosen]) == pytest.approx(expected, abs=4 * 0.5 / math.sqrt(chosen.sum()))


def _normal_approximation(mode: real_code.Mode, block: int, snr_db: float) -> float:
    """Block error rate of the best code of a length (Polyanskiy, Poor, Verdu 2010), Gray-mapped bits.

    Information density of a bit: 1 - log2(1 + e^(-L)) with L its likelihood ratio towards what was sent.
    """
    random = np.random.default_rng(1)
    sent = random.integers(0, 2, 12 * 5000)
    amplitudes = real_code.modulate(sent, mode.bits_a_symbol)
    snr = 10 ** (snr_db / 10)
    received = amplitudes + random.standard_normal(amplitudes.shape) * math.sqrt(0.5 / snr)
    ratios = real_code.likelihoods(received, mode.bits_a_symbol, snr) * (1 - 2 * sent)
    density = 1 - np.logaddexp(0, -ratios) / math.log(2)
    spare = block * density.mean() - mode.information_bits(block) + 0.5 * math.log2(block)
    return float(stats.norm.sf(spare / max(math.sqrt(block * density.var()), 1e-9)))


@pytest.mark.parametrize("mode", real_code.MODES, ids=lambda mode: mode.name)
@pytest.mark.parametrize("block", [256, 1024, 2048])
def test_measured_rates_are_near_the_best_code(mode: real_code.Mode, block: int) -> None:
    """Polar codes with 8 paths and no check need 0 to 3 dB more than the best code of their length."""
    snr_db = np.arange(-8.0, 30.0, 0.1)
    needed = snr_db[
        bisect.bisect_left(snr_db, True, key=lambda at: _normal_approximation(mode, block, at) <= 0.1)
    ]
    measured = snr_db[real_code.block_error_rate(mode, block, snr_db) <= 0.1][0]
    assert 0.0 <= measured - needed <= 3.0


@pytest.mark.parametrize("mode", real_code.MODES, ids=lambda mode: mode.name)
def test_block_error_rates_fall_with_snr(mode: real_code.Mode) -> None:
    rates = real_code.block_error_rate(mode, 512, np.arange(-20.0, 40.0, 1.0))
    assert rates[0] == 1.0
    assert rates[-1] < 1e-6
    # 600 blocks: a rise within 4 standard errors is chance
    assert np.all(np.diff(rates) < 4 * np.sqrt(0.25 / 100))


def test_a_picture_arrives_if_all_its_blocks_do() -> None:
    mode = real_code.MODES[1]
    one = 1 - real_code.block_error_rate(mode, 2048, np.array([2.0]))
    np.testing.assert_allclose(real_code.arrival_probability(mode, 8 * 1024, np.array([2.0])), one**8)


def test_gnu_radio_still_decodes_as_measured() -> None:
    """One point of the table again, with other draws: two binomial samples of one rate."""
    pytest.importorskip("gnuradio.fec")
    import importlib.util
    from pathlib import Path

    path = Path(__file__).parents[1] / "scripts" / "measure_block_errors.py"
    specification = importlib.util.spec_from_file_location("measure_block_errors", path)
    program = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(program)
    mode, snr_db = real_code.MODES[1], 2.0
    sent, wrong = program.measure(mode, 256, snr_db, 400, seed=77)
    expected = float(real_code.block_error_rate(mode, 256, np.array(snr_db)))
    assert wrong / sent == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 / sent + 1 / 600)))


# --- linear code


def test_blocks_are_put_together_again() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (3, 16, 24, 3), dtype=np.uint8)
    again = pictures_of(blocks_of(pictures, 8), 16, 24)
    np.testing.assert_allclose(again, pictures / 255, atol=1e-6)
    np.testing.assert_array_equal(
        blocks_of(pictures, 8)[1, 1], (pictures[1, :8, 8:16] / np.float32(255)).ravel()
    )


@pytest.mark.parametrize("channel", ["awgn", "rayleigh"])
def test_linear_code_has_the_error_of_theory(channel: str) -> None:
    """On the pictures it was fitted to, over many draws: rate_distortion's formulas."""
    code = LinearCode(SAMPLE, 8)
    many = np.tile(SAMPLE, (12, 1, 1, 1))
    gains = air.power_gains(channel, len(many), 256, seed=9)
    received = code.send(many, 1 / 12, 10.0, channel, gains, seed=9)
    error = np.mean((received - many / 255.0) ** 2)
    theory = {"awgn": rate_distortion.linear_psnr_awgn, "rayleigh": rate_distortion.linear_psnr_rayleigh}
    expected = theory[channel](code.eigenvalues, 32, 10.0)
    # what is clipped to [0, 1] is a little better; 768 gains scatter the Rayleigh mean
    assert -10 * np.log10(error) == pytest.approx(expected, abs=0.15 if channel == "awgn" else 0.6)


# --- whole comparison


def test_scores_of_grey_and_of_the_same() -> None:
    same = baselines.scores(SAMPLE[:2], SAMPLE[:2])
    assert (same["psnr_db"] == 120).all()
    np.testing.assert_allclose(same["ssim"], 1.0)
    lost = baselines.mixed(same, {name: 0 * values for name, values in same.items()}, 0.25)
    np.testing.assert_allclose(lost["psnr_db"], 30.0)


def test_ms_ssim_of_large_pictures() -> None:
    pytest.importorskip("torchmetrics")
    large = np.kron(SAMPLE[:1], np.ones((1, 6, 6, 1), np.uint8))
    assert baselines.scores(large, large)["ms_ssim"] == pytest.approx([1.0])


def small() -> comparison.Comparison:
    return comparison.Comparison(
        "sample",
        images=3,
        ratios=(Fraction(1, 6),),
        snr_db=(0.0, 20.0),
        schemes=("linear", "JPEG", "AVIF"),
        avif_speed=9,
    )


def test_digital_schemes_keep_their_order() -> None:
    """Ideal beats fixed rate and real codes, 20 dB beat 0 dB, a known gain's mean loses to none."""
    schemes = comparison.Schemes(small(), None)
    measured = {
        (channel, snr_db): dict(schemes.measure("AVIF", channel, Fraction(1, 6), snr_db))
        for channel in air.CHANNELS
        for snr_db in (0.0, 20.0)
    }

    def psnr(channel: str, snr_db: float, scheme: str) -> float:
        return float(measured[channel, snr_db][f"AVIF + {scheme}"]["psnr_db"].mean())

    for channel in air.CHANNELS:
        assert psnr(channel, 20.0, "ideal code") > psnr(channel, 0.0, "ideal code")
    for snr_db in (0.0, 20.0):
        assert psnr("awgn", snr_db, "ideal code") > psnr("awgn", snr_db, "polar code, best mode")
    # the cliff: a mode is lost below it and whole above it
    mode = "polar code, 16-QAM 1/2"
    assert psnr("awgn", 20.0, mode) > psnr("awgn", 0.0, mode) + 8.0


def test_comparison_goes_on_where_it_ended(tmp_path) -> None:
    given = small()
    done: list[str] = []

    def interrupted(what: str) -> None:
        done.append(what)
        if len(done) == 3:
            raise KeyboardInterrupt

    table = comparison.open_table(tmp_path / "table.csv")
    with pytest.raises(KeyboardInterrupt):
        comparison.run(given, None, table, done=interrupted)
    kept = comparison.open_table(tmp_path / "table.csv")
    assert {row.variant.partition(" + ")[0] for row in kept.rows} == {"linear", "JPEG"}
    before = list(kept.rows)
    comparison.run(given, None, kept)
    assert kept.rows[: len(before)] == before
    whole = comparison.open_table(tmp_path / "table.csv")
    assert [row.value for row in whole.rows] == pytest.approx([row.value for row in kept.rows], rel=1e-5)
    assert len({comparison.group(row) for row in whole.rows}) == 3 * 2 * 2


def test_results_do_not_depend_on_how_many_work(tmp_path) -> None:
    """Measured anew by each: processes that are started share no files of codecs with this one."""
    given = dataclasses.replace(small(), schemes=("linear", "JPEG"))
    found = []
    for processes in (1, 2):
        comparison.schemes_of.cache_clear()
        table = comparison.open_table(tmp_path / f"{processes}.csv")
        comparison.run(given, None, table, Workers(processes))
        found.append({comparison.group(row): [] for row in table.rows})
        for row in table.rows:
            found[-1][comparison.group(row)].append(row)
    assert len(found[0]) == 2 * 2 * 2 and found[0] == found[1]


def test_figures_are_drawn_without_a_learned_code(tmp_path) -> None:
    from rich.console import Console

    given = dataclasses.replace(small(), channels=("awgn",), schemes=("linear", "AVIF"))
    written = evaluate.compare(given, None, tmp_path, Console(quiet=True))
    assert [path.name for path in written] == [
        "compare_sample.csv",
        "compare_sample_awgn.png",
        "compare_sample_pictures.png",
    ]
    assert all(path.stat().st_size > 1000 for path in written)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ratios": (Fraction(1, 5),)}, "ratio is 1/5, expected one of 1/24, 1/12, 1/6"),
        ({"channels": ("moon",)}, "channel is moon, expected one of awgn, rayleigh, ofdm"),
        ({"schemes": ("GIF",)}, "scheme is GIF, expected one of learned, linear, JPEG, JPEG 2000, AVIF"),
        ({"picture_size": 250}, "picture_size is 250, expected a multiple of 8"),
    ],
)
def test_mistakes_are_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        comparison.Comparison(**change)


def test_a_foreign_table_is_left_alone(tmp_path) -> None:
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="is no table of results"):
        comparison.open_table(tmp_path / "table.csv")
    write_results(tmp_path / "table.csv", [Result(system="radar", figure="pairs", metric="found", value=1.0)])
    with pytest.raises(ValueError, match="holds rows of pairs, expected a comparison"):
        comparison.open_table(tmp_path / "table.csv")


def test_every_codec_is_drawn() -> None:
    from semisac_ml.systems.jssc_hifi import comparison_figures

    assert set(comparison_figures.COLOURS) == {"learned", "linear", *codecs.codecs()}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"compare_digital": True, "ratios": "1/5"}, "ratio is 1/5, expected one of"),
        ({"compare_digital": True, "snr_db": "1;2"}, "snr_db is '1;2', expected numbers separated by commas"),
        ({"compare_digital": True, "ratios": "a/b"}, "ratios is 'a/b', expected some of"),
        ({"snr_db": "1,2"}, "expected one number in dB"),
        ({"compare_digital": True, "bundle": ["a", "b"]}, "2 bundles are given, expected one with --compare"),
    ],
)
def test_the_flag_of_jssc_hands_over(options, said, tmp_path) -> None:
    from semisac_ml.systems.jssc import evaluate as jssc

    with pytest.raises(ValueError, match=said):
        jssc.command(options=jssc.EvaluateOptions(**options, results=tmp_path))


def test_a_system_that_is_not_there_is_told() -> None:
    from semisac_ml.systems import system_module

    with pytest.raises(ValueError, match="moon has no evaluate, expected one of the systems: .*jssc"):
        system_module("moon", "evaluate")


def test_findings_tell_slope_and_where_the_learned_code_is_above(tmp_path):
    given = comparison.Comparison(
        "sample", ratios=(Fraction(1, 12),), snr_db=(0.0, 5.0, 10.0), channels=("awgn",)
    )
    table = ResultTable(tmp_path / "rows.csv")
    curves = {"learned": (20.0, 24.0, 26.0), "AVIF + ideal code": (18.0, 23.0, 28.0)}
    for scheme, curve in curves.items():
        for snr_db, value in zip(given.snr_db, curve, strict=True):
            place, found = ("sample", "awgn", "1/12", snr_db), Metric(value, value, value, 64)
            table.rows.append(comparison.row(place, scheme, "data", "psnr_db", found, 0))
    (line,) = evaluate.findings(given, table, 64)
    assert line == (
        "awgn, k/n = 1/12: learned code at most 0.80 dB a dB; above AVIF + ideal code at 0, 5 dB of 0, 5, 10"
    )
    assert evaluate.findings(given, ResultTable(tmp_path / "none.csv"), 64) == []
