# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Figures and claims of the paper, and the rows of results that answer them.

The paper prints curves without numbers; what its text says of them are orders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from semisac_ml.reproduction.declared import (
    Claim,
    Command,
    Item,
    Paper,
    Selector,
    Sum,
    difference,
    drawing,
    only_in_full,
    row,
    value,
)

CIFAR = ("cifar10",)
CHANNELS = {"awgn": "AWGN", "rayleigh": "Rayleigh"}
LOSS = {"unit": "(squared error)"}
SHARE = {"unit": "points", "factor": 100.0}
NETWORKS = "the paper's networks"


def _trained(figure: str, hours: float, minutes: float) -> Command:
    return Command(
        f"semisac evaluate jssc --figure {figure}",
        minutes,
        hours,
        CIFAR,
        untrained=_untrained(figure),
        parallel=True,
    )


def _measured(figure: str, minutes: float) -> Command:
    return Command(f"semisac evaluate jssc --figure {figure}", minutes, data=CIFAR, parallel=True)


def _in_full(figure: str, minutes: float) -> Command:
    return Command(
        f"semisac evaluate jssc --figure {figure}", minutes, data=CIFAR, untrained=only_in_full, parallel=True
    )


def _untrained(figure: str) -> Callable[[Path], str]:
    def told(results: Path) -> str:
        from semisac_ml.systems.jssc.trained_figures import untrained

        count = untrained(figure, results)
        return f"{count} of its trainings have no rows yet, expected those of --full" if count else ""

    return told


def _weighed(channel: str, metric: str, weight: float) -> dict[str, str | float]:
    return {
        "variant": "paper",
        "axis": "weight of sensing",
        "channel": channel,
        "metric": metric,
        "x": weight,
    }


def _over_weight(metric: str, channel: str, better: float, worse: float) -> Sum:
    """How much better a weight of sensing is than another: more accuracy, or less error."""
    first, second = (row(**_weighed(channel, metric, weight)) for weight in (better, worse))
    return difference(first, second) if metric == "sensing_accuracy" else difference(second, first)


def _figure_4() -> Iterator[Claim]:
    for channel, name in CHANNELS.items():
        for says, metric, better, worse in (
            ("weight 0, communications alone: the image is rebuilt well", "mse", 0.0, 1.0),
            ("weight 0: the target is not sensed", "sensing_accuracy", 1.0, 0.0),
            ("weight 1/2: the loss stays low", "mse", 0.5, 1.0),
            ("weight 1/2: sensing stays accurate", "sensing_accuracy", 0.5, 0.0),
        ):
            of = f"accuracy of {NETWORKS} at {better:g} above that at {worse:g}"
            told = SHARE
            if metric == "mse":
                of, told = f"error of {NETWORKS} at {worse:g} above that at {better:g}", LOSS
            yield Claim(f"{name}, {says}", of, (_over_weight(metric, channel, better, worse),), **told)
        alone = value(**_weighed(channel, "sensing_accuracy", 1.0))
        yield Claim(
            f"{name}, weight 1, sensing alone: very accurate (no number; the order: above a coin toss)",
            f"accuracy of {NETWORKS}",
            (alone,),
            goal=50.0,
            unit="%",
            factor=100.0,
        )


def _point(axis: str, channel: str, metric: str, x: float) -> dict[str, str | float]:
    return {"variant": "paper", "axis": axis, "channel": channel, "metric": metric, "x": x}


def _gain(axis: str, channel: str, metric: str, first: float, last: float) -> Sum:
    """How much better the last point of a curve is than the first."""
    ends = row(**_point(axis, channel, metric, last)), row(**_point(axis, channel, metric, first))
    return difference(*(reversed(ends) if metric == "mse" else ends))


def _easier(axis: str, metric: str, x: float) -> Sum:
    """How much better AWGN is than Rayleigh."""
    ends = row(**_point(axis, "awgn", metric, x)), row(**_point(axis, "rayleigh", metric, x))
    return difference(*(reversed(ends) if metric == "mse" else ends))


def _figure_5() -> Iterator[Claim]:
    names = {"mse": "error", "sensing_accuracy": "accuracy"}
    for axis, metric, first, last in (
        ("communication SNR in dB", "mse", -6.0, 9.0),
        ("sensing SNR in dB", "sensing_accuracy", -6.0, 9.0),
        ("encoder output size n", "mse", 4.0, 64.0),
        ("encoder output size n", "sensing_accuracy", 4.0, 64.0),
    ):
        told = LOSS if metric == "mse" else SHARE
        for channel, name in CHANNELS.items():
            yield Claim(
                f"{name}: the {names[metric]} gets better with the {axis.removesuffix(' in dB')}",
                f"gain of {NETWORKS} from {first:g} to {last:g}",
                (_gain(axis, channel, metric, first, last),),
                **told,
            )
    for axis, metric, points in (
        ("communication SNR in dB", "mse", (-6.0, 3.0, 9.0)),
        ("sensing SNR in dB", "sensing_accuracy", (-6.0, 3.0, 9.0)),
        ("encoder output size n", "mse", (4.0, 20.0, 64.0)),
        ("encoder output size n", "sensing_accuracy", (4.0, 20.0, 64.0)),
        ("number of ranges", "sensing_accuracy", (1.0, 2.0, 4.0, 8.0)),
    ):
        yield Claim(
            f"AWGN is easier than Rayleigh in all cases: {names[metric]} over the "
            f"{axis.removesuffix(' in dB')}",
            f"least gain of AWGN, {NETWORKS}",
            tuple(_easier(axis, metric, x) for x in points),
            **(LOSS if metric == "mse" else SHARE),
        )
    for channel, name in CHANNELS.items():
        yield Claim(
            f"{name}: sensing drops with the number of ranges",
            f"accuracy of {NETWORKS}, 1 range against 8",
            (_gain("number of ranges", channel, "sensing_accuracy", 8.0, 1.0),),
            **SHARE,
        )
    drops = {
        channel: _gain("number of ranges", channel, "sensing_accuracy", 8.0, 1.0) for channel in CHANNELS
    }
    less = tuple((-factor, selector) for factor, selector in drops["awgn"])
    yield Claim(
        "the drop with the ranges is seen especially under Rayleigh",
        "fall from 1 range to 8, Rayleigh's above AWGN's",
        ((*drops["rayleigh"], *less),),
        **SHARE,
    )
    yield Claim(
        "n = 20 compresses to 0.65 % of the image's 3072 numbers",
        nothing="arithmetic: 20 / 3072; n counts reals, two a channel use",
    )


def _figure_6() -> Iterator[Claim]:
    axis = "SNR in dB"
    for metric, says, of in (
        ("sensing_accuracy", "sensing accuracy rises", "accuracy of presence"),
        ("task_accuracy", "accuracy of animal or not rises", "accuracy of animal or not"),
        ("mse", "the loss falls", "error"),
    ):
        told = LOSS if metric == "mse" else SHARE
        for channel, name in CHANNELS.items():
            yield Claim(
                f"{name}: {says} with the SNR",
                f"gain of {NETWORKS} from -6 to 9 dB, {of}",
                (_gain(axis, channel, metric, -6.0, 9.0),),
                **told,
            )
        yield Claim(
            f"AWGN is easier than Rayleigh: {of}",
            f"least gain of AWGN, {NETWORKS}",
            tuple(_easier(axis, metric, x) for x in (-6.0, 0.0, 3.0, 9.0)),
            **told,
        )


def _bundle(channel: str, metric: str, x: float) -> Selector:
    variant = "bundle, echo only" if metric == "sensing_accuracy" else "bundle"
    return row(variant=variant, axis="SNR in dB", channel=channel, metric=metric, x=x)


def _bundles() -> Iterator[Claim]:
    for metric, of in (
        ("sensing_accuracy", "accuracy of presence, from the echo alone"),
        ("animal_accuracy", "accuracy of animal or not"),
        ("psnr_of_mean_mse_db", "PSNR"),
    ):
        told = {"unit": "dB"} if metric.endswith("db") else SHARE
        for channel, name in CHANNELS.items():
            ends = (_bundle(channel, metric, x) for x in (10.0, -5.0))
            yield Claim(f"{name}: {of} rises with the SNR", "from -5 to 10 dB", (difference(*ends),), **told)
        yield Claim(
            f"AWGN is easier than Rayleigh: {of}",
            "least gain of AWGN, -5, 0, 5 and 10 dB",
            tuple(
                difference(*(_bundle(channel, metric, x) for channel in CHANNELS))
                for x in (-5.0, 0.0, 5.0, 10.0)
            ),
            **told,
        )


def _bundle_range(channel: str, ranges: float) -> Selector:
    told = {"variant": "bundle, symbols known", "axis": "number of ranges", "panel": "amplitude only"}
    return row(**told, channel=channel, x=ranges)


def _bundle_ranges() -> Iterator[Claim]:
    drops = {
        channel: difference(_bundle_range(channel, 1.0), _bundle_range(channel, 8.0)) for channel in CHANNELS
    }
    for channel, name in CHANNELS.items():
        says = f"{name}: sensing drops with the number of ranges"
        yield Claim(says, "accuracy with 1 range above that with 8", (drops[channel],), **SHARE)
    less = tuple((-factor, selector) for factor, selector in drops["awgn"])
    yield Claim(
        "the drop with the ranges is seen especially under Rayleigh",
        "fall from 1 range to 8, Rayleigh's above AWGN's",
        ((*drops["rayleigh"], *less),),
        **SHARE,
    )


def _bundle_length(channel: str, reals: int) -> Selector:
    told = {"variant": "bundle, symbols known", "axis": "sensing SNR in dB", "panel": f"n = {reals}"}
    return row(**told, channel=channel, x=0.0)


def _told(variant: str) -> dict[str, str | float]:
    return {**_point("SNR in dB", "rayleigh", "task_accuracy", 3.0), "variant": variant}


def _echo(kind: str) -> Claim:
    heard = value(**_point("sensing SNR in dB", "awgn", "sensing_accuracy", 3.0), panel=kind)
    return Claim(
        f"decoder 2 learns the channel's effects: {kind} (no number; the order: above a coin toss)",
        f"accuracy of {NETWORKS} at 3 dB",
        (heard,),
        goal=50.0,
        unit="%",
        factor=100.0,
    )


_ABOVE = {
    "error": ("mse", "bundle"),
    "accuracy of presence, echo alone": ("sensing_accuracy", "bundle"),
    "accuracy of presence, symbols known to the bundle": ("sensing_accuracy", "bundle, symbols known"),
    "accuracy of animal or not": ("task_accuracy", "bundle"),
}
"""What bundles and the paper's networks are compared by."""


def _bundle_gain(axis: str, channel: str, metric: str, variant: str, x: float) -> Sum:
    """How much better a bundle is than the paper's networks at a point."""
    theirs = row(**_point(axis, channel, metric, x))
    own = row(**{**_point(axis, channel, metric, x), "variant": variant})
    return difference(theirs, own) if metric == "mse" else difference(own, theirs)


def _above(axis: str, points: tuple[float, ...], *measures: str) -> Iterator[Claim]:
    """One bundle against networks that were trained for each point."""
    for channel, name in CHANNELS.items():
        for measure in measures:
            metric, variant = _ABOVE[measure]
            yield Claim(
                f"not in the paper: the bundle that ships is at least as good as {NETWORKS} at every "
                f"{axis.removesuffix(' in dB')} ({name}, {measure})",
                "its least gain",
                tuple(_bundle_gain(axis, channel, metric, variant, x) for x in points),
                **(LOSS if metric == "mse" else SHARE),
            )


def _above_in_figure_5() -> Iterator[Claim]:
    error, alone, known, _ = _ABOVE
    for axis in ("communication SNR in dB", "sensing SNR in dB"):
        yield from _above(axis, (-6.0, 3.0, 9.0), error, alone, known)
    yield from _above("number of ranges", (1.0, 2.0, 4.0, 8.0), error, known)


def _beside(figure: str, shows: str, command: Command, ending: str = ".csv") -> Item:
    """A figure that is not the paper's; nothing is claimed of it."""
    drawn = Claim("nothing of it, or only in words", "drawn, not judged")
    picture = f"jssc/{figure}.png" if ending == ".csv" else ""
    return Item(f"Beside the paper, {figure}", shows, (drawn,), command, f"jssc/{figure}{ending}", picture)


def _seeds() -> Command:
    """Trainings of both bundles with two more seeds, beside those that ship."""
    weights = {"awgn": "0.32,0.30,0.38", "rayleigh": "0.34,0.29,0.37"}
    runs = [(channel, seed) for channel in CHANNELS for seed in (1, 2)]
    trainings = [
        line
        for channel, seed in runs
        for line in (
            f"semisac train jssc --channel {channel} --weights {weights[channel]} --seed {seed}",
            f"semisac export jssc --run runs/jssc/{channel}-seed{seed} "
            f"--output runs/bundles/jssc/{channel}-seed{seed} --no-evaluate",
        )
    ]
    more = [f"runs/bundles/jssc/{channel}-seed{seed}" for channel, seed in runs]
    bundles = " ".join(f"--bundle {one}" for one in ("jssc/awgn", "jssc/rayleigh", *more))
    return Command(
        f"semisac evaluate jssc {bundles} --json results/jssc/seeds.json",
        2.0,
        1.5,
        CIFAR,
        runs="runs/bundles/jssc",
        trainings=tuple(trainings),
        parallel=True,
    )


def _shared(metric: str, panel: str) -> Sum:
    joint = row(**_weighed("awgn", metric, 0.5))
    apart = row(
        variant="time shared", axis="reals of the picture", channel="awgn", metric=metric, panel=panel, x=10.0
    )
    return difference(apart, joint) if metric == "mse" else difference(joint, apart)


PAPER = Paper(
    "Joint Sensing and Semantic Communications with Multi-Task Deep Learning",
    "Y. E. Sagduyu, T. Erpek, A. Yener, S. Ulukus",
    "jssc.md",
    apart="The paper prints curves without numbers, and gives no sizes of layers, number of epochs or "
    "definition of SNR: verdicts are on what its text says of the curves. All are on its own data, "
    "CIFAR-10, with networks of its form, trained for each point. Files of Figures 4 to 6 are still those "
    "of an earlier state, trained for three epochs with one seed.",
    items=(
        drawing("Figure 1", "Sensing and communications apart and joint", "a drawing"),
        drawing(
            "Figure 2", "System model", "a drawing; built as the link of `apps/run_loopback.py --phy symbols`"
        ),
        drawing(
            "Figure 3",
            "Layers of the four networks, n = 20",
            "the text gives no sizes; `--variant paper` has kinds of layers as drawn, sizes of our own",
        ),
        Item(
            "Figure 4, section III",
            "Reconstruction loss and sensing accuracy over the weight of sensing",
            (*_figure_4(), *_above("weight of sensing", (0.0, 0.25, 0.5, 0.75, 1.0), *list(_ABOVE)[:3])),
            _trained("4", 4.0, 0.5),
            "jssc/figure4.csv",
            "jssc/figure4.png",
        ),
        Item(
            "Section III, joint against separate transmissions",
            "Separate signals for sensing and communications waste channel uses and energy, argued "
            "without a figure",
            (
                Claim(
                    "joint transmission rebuilds better than half of the symbols for the image alone",
                    "AWGN, error at weight 1/2 below that of 10 reals of 20, equal energy",
                    (_shared("mse", "picture"),),
                    **LOSS,
                ),
                Claim(
                    "joint transmission senses better than half of the symbols for sensing alone",
                    "AWGN, accuracy at weight 1/2 above that of 10 reals of 20, equal energy",
                    (_shared("sensing_accuracy", "sensing"),),
                    **SHARE,
                ),
            ),
            _trained("sharing", 4.0, 0.5),
            "jssc/sharing.csv",
            "jssc/sharing.png",
        ),
        Item(
            "Figure 5, section III",
            "Both measures over communication SNR, sensing SNR, encoder output size and number of ranges",
            (*_figure_5(), *_above_in_figure_5()),
            _trained("5", 9.0, 2.0),
            "jssc/figure5.csv",
            "jssc/figure5.png",
            "Bundles have n = 20 alone; their decoder 2 tells ranges apart only where it knows the symbols.",
        ),
        Item(
            "Figure 6, section III",
            "Three tasks over the SNR, both SNRs alike",
            (*_figure_6(), *_above("SNR in dB", (-6.0, 0.0, 3.0, 9.0), *_ABOVE)),
            _trained("6", 3.0, 1.0),
            "jssc/figure6.csv",
            "jssc/figure6.png",
        ),
        Item(
            "Figures 5 and 6, with the bundles that ship",
            "The same questions asked of one bundle a channel, which serves all SNRs",
            tuple(_bundles()),
            _measured("snr", 8.0),
            "jssc/snr.csv",
            "jssc/snr.png",
        ),
        Item(
            "Figure 5, number of ranges, with the bundles that ship",
            "Ranges told apart by amplitude alone, symbols known",
            tuple(_bundle_ranges()),
            _measured("ranges", 1.0),
            "jssc/ranges.csv",
            "jssc/ranges.png",
        ),
        Item(
            "Figure 5, encoder output size, with the bundles that ship",
            "Presence of a target over waveforms of n reals, symbols known",
            tuple(
                Claim(
                    f"{name}: sensing gets better with the encoder output size",
                    "accuracy at 0 dB, n = 64 above n = 4",
                    (difference(_bundle_length(channel, 64), _bundle_length(channel, 4)),),
                    **SHARE,
                )
                for channel, name in CHANNELS.items()
            ),
            _measured("presence", 2.0),
            "jssc/presence.csv",
            "jssc/presence.png",
        ),
        Item(
            "Section II, realisations that the networks do not know",
            "The trained networks serve individual realisations of the channel that are not known to them",
            (
                Claim(
                    "the receiver needs no knowledge of the gain (no number; the order: above saying "
                    "'animal' always, 60 %)",
                    f"Rayleigh, 3 dB, animal or not by {NETWORKS}, gain not told",
                    (value(**_told("paper, gain not told")),),
                    goal=60.0,
                    unit="%",
                    factor=100.0,
                ),
            ),
            _trained("gain", 2.0, 0.5),
            "jssc/gain.csv",
            "jssc/gain.png",
        ),
        Item(
            "Section II, phase, frequency, two hops and clutter",
            "Effects on the echo that training and test have, without a figure",
            tuple(
                _echo(kind)
                for kind in (
                    "phase unknown",
                    "phase and Doppler unknown",
                    "Rayleigh",
                    "Rayleigh, both hops",
                    "steady in clutter of 0 dB",
                )
            ),
            _trained("echoes", 2.0, 0.5),
            "jssc/echoes.csv",
            "jssc/echoes.png",
        ),
        _beside(
            "epochs",
            f"How long it is worth training {NETWORKS}: weight 1/2 of Figure 4",
            _trained("epochs", 2.0, 0.5),
        ),
        _beside(
            "tradeoff", "Reconstruction against ten classes, joint training", _trained("tradeoff", 6.0, 2.0)
        ),
        _beside(
            "false_alarms",
            "Probability of detection at fixed probabilities of a false alarm, symbols known",
            _in_full("false_alarms", 1.0),
        ),
        _beside(
            "echo_alone",
            "Decoder 2 of the bundles from the echo alone, and the best that can be",
            _in_full("echo_alone", 16.0),
        ),
        _beside("seeds", "The figures of three joint trainings of each bundle", _seeds(), ".json"),
        Item(
            "Abstract and section IV",
            "High fidelity of joint sensing and semantic communications",
            (Claim("multi-task learning achieves high fidelity", nothing="no number; see Figures 4 to 6"),),
        ),
    ),
)
