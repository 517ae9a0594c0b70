# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Figures, tables and claims of the paper, and the rows of results that answer them.

Claims about errors are read from the figure ``claims``, which compares networks of the same seed; numbers
here are the paper's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from semisac_ml.reproduction.declared import (
    Claim,
    Command,
    Item,
    Paper,
    Selector,
    Sum,
    Way,
    difference,
    drawing,
    row,
    value,
)

STREET = (
    "runs/street",
    "semisac data scenes runs/street --layout canyon,junction --frames 1120 --drive-frames 12 "
    "--size 160x120 --seed 1",
)
SEEDS = range(3)
TRAINED_AS = (
    "--scene canyon,junction,highway --scenes runs/street --fading both --epochs 24 --patience 24 --threads 1"
)
LIGHT = "--picture-weight 1"
PAPERS_FORM = (
    *("simac", "rs-s", "cv-s", "without lse", "lstm", "gru", "perceptron", "numbers", "shuffled sentence"),
    *(f"without ssd: {task}" for task in ("distance", "angle", "velocity", "picture")),
)
TUNED_PARTS = (
    *("tuned, camera", "tuned, radar", "tuned, both", "tuned, no estimate", "tuned, no glimpse"),
    *("tuned, not told", "tuned, not analog", "tuned, not direct", "tuned, no pixels"),
)
NETWORKS = {
    **{name: f'--variant "{name}"' for name in ("tuned", *PAPERS_FORM, *TUNED_PARTS)},
    **{f"{name} l1": f"--variant {name} {LIGHT}" for name in ("simac", "rs-s", "cv-s")},
}


def _training(name: str, how: str, seed: int) -> str:
    folder = f"runs/simac/{re.sub(r'[^a-z0-9]+', '-', name)}-seed{seed}"
    return f"semisac train simac {how} {TRAINED_AS} --seed {seed} --run {folder}"


TRAININGS = tuple(_training(name, how, seed) for seed in SEEDS for name, how in NETWORKS.items())
TASKS = {task: f"RMSE of the {task}" for task in ("distance", "angle", "velocity")}
METRICS = {**{f"{task}_rmse": name for task, name in TASKS.items()}, "psnr_db": "PSNR", "ssim": "SSIM"}
FADINGS, SNRS_DB = ("awgn", "rayleigh"), (5.0, 10.0, 15.0, 20.0, 25.0)
SENSORS = {"cv-s": "the camera alone", "rs-s": "the radar alone"}
RECURRENT = {"lstm": "with LSTM", "gru": "with GRU"}
WITHOUT = {"without lse": "without LSE", "without ssd": "without SSD"}
OURS = "scenes here: a ray-traced street and a highway; means of scenes, both channels and 5 to 25 dB"
MEASURED, DATA = "semisac evaluate simac --runs runs/simac", ("cdnet",)


def _figure(name: str, minutes: float = 0.5) -> Command:
    return Command(
        f"{MEASURED} --figure {name}",
        minutes,
        60.0,
        DATA,
        (STREET,),
        "runs/simac",
        TRAININGS,
        together=MEASURED,
        parallel=True,
    )


CLAIMS = _figure("claims")


def _claimed(claim: str, variant: str = "simac") -> tuple[Sum, ...]:
    return (value(metric="claimed", claim=claim, variant=variant),)


def _of(
    says: str, claim: str, printed: str, goal: float, unit: str = "%", way: Way = "at least"
) -> Iterator[Claim]:
    """A claim of the network in the paper's form, the same with a lighter picture, and the tuned one."""
    for variant in ("simac", "simac, l1 1", "tuned"):
        yield Claim(says, f"{variant}: {claim}", _claimed(claim, variant), printed, goal, way, unit)


def _alone(says: str, claim: str, printed: str, goal: float, unit: str = "%") -> Claim:
    return Claim(says, f"simac: {claim}", _claimed(claim), printed, goal, "at least", unit)


def _sensing() -> Iterator[Item]:
    for number, task, claims in (
        (
            "6",
            "distance",
            (
                *_of(
                    "RMSE of SIMAC, Rayleigh, scene 1",
                    "normalised RMSE of the distance",
                    "0.009",
                    0.009,
                    "",
                    "at most",
                ),
                *_of(
                    "below camera alone (0.054), Rayleigh, scene 1",
                    "RMSE of the distance below cv-s",
                    "83.3 %",
                    83.3,
                ),
                *_of(
                    "below radar alone (0.020), Rayleigh, scene 1",
                    "RMSE of the distance below rs-s",
                    "55.0 %",
                    55.0,
                ),
            ),
        ),
        (
            "7",
            "angle",
            (
                *_of(
                    "RMSE of SIMAC, about the same at all SNRs and scenes",
                    "normalised RMSE of the angle",
                    "0.010",
                    0.010,
                    "",
                    "at most",
                ),
                *_of(
                    "below camera alone, Rayleigh, scene 3, much noise",
                    "RMSE of the angle below cv-s",
                    "over 85 %",
                    85.0,
                ),
                *_of(
                    "below radar alone, Rayleigh, scene 3, much noise",
                    "RMSE of the angle below rs-s",
                    "over 85 %",
                    85.0,
                ),
            ),
        ),
        (
            "8",
            "velocity",
            (
                *_of(
                    "RMSE of SIMAC, AWGN, scene 2",
                    "normalised RMSE of the velocity",
                    "0.0038",
                    0.0038,
                    "",
                    "at most",
                ),
                *_of("below camera alone, AWGN, scene 2", "RMSE of the velocity below cv-s", "55.8 %", 55.8),
                *_of("below radar alone, AWGN, scene 2", "RMSE of the velocity below rs-s", "25.5 %", 25.5),
            ),
        ),
    ):
        shows = f"RMSE of the {task} over the SNR, both sensors, camera alone and radar alone"
        yield _curves(number, shows, f"{task}_rmse", SENSORS)
        yield Item(
            f"Section V-C on figure {number}",
            f"Both sensors against one, {task}",
            claims,
            CLAIMS,
            "simac/claims.csv",
            "simac/claims.png",
            OURS,
        )


def _curves(number: str, shows: str, metric: str, others: Mapping[str, str], *claims: Claim) -> Item:
    """A figure of curves; what the text says of means of them stands in an item of its own.

    others: what SIMAC is compared with, as files and as people call it.
    """
    drawn = Claim("curves; their numbers are those of the text", of="the same curves, of other scenes")
    best = tuple(
        Claim(
            f"SIMAC is better than {said} at every SNR over both channels",
            "least gain of simac, mean of scenes, 5 to 25 dB",
            tuple(
                _better(metric, "simac", other, fading, snr_db) for fading in FADINGS for snr_db in SNRS_DB
            ),
            unit="dB" if metric == "psnr_db" else "",
        )
        for other, said in others.items()
    )
    return Item(
        f"Figure {number}",
        shows,
        (drawn, *best, *claims),
        _figure(number),
        f"simac/figure{number}.csv",
        f"simac/figure{number}.png",
    )


def _better(metric: str, first: str, second: str, fading: str, snr_db: float) -> Sum:
    """How much better the first network is than the second."""
    ends = (_place(name, metric, fading, snr_db) for name in (first, second))
    return difference(*(reversed([*ends]) if metric.endswith("rmse") else ends))


def _place(variant: str, metric: str, fading: str, snr_db: float) -> Selector:
    told = {"scene": "mean of scenes", "trained": "both"}
    return row(variant=variant, metric=metric, fading=fading, x=snr_db, **told)


def _low_snr(metric: str) -> tuple[Claim, ...]:
    """That knowing the channel helps most at low SNR, said of the angle."""
    if metric != "angle_rmse":
        return ()
    low, high = (_better(metric, "simac", "without lse", "awgn", snr_db) for snr_db in (5.0, 25.0))
    less = tuple((-factor, selector) for factor, selector in high)
    return (Claim("LSE helps most at low SNR", "AWGN, gain at 5 dB above that at 25 dB", ((*low, *less),)),)


def _rayleigh(metric: str) -> tuple[Claim, ...]:
    """What the text says of GPT-2 against LSTM over Rayleigh at high SNRs; shares as what is left of them."""
    own, other = (_place(name, metric, "rayleigh", 25.0) for name in ("simac", "lstm"))
    where = "Rayleigh, 25 dB, mean of scenes"
    if metric == "psnr_db":
        found = (difference(own, other),)
        return (
            Claim("Rayleigh: PSNR above LSTM's by up to", f"{where}, simac", found, "1.2 dB", 1.2, unit="dB"),
        )
    if metric == "ssim":
        found, of = (((1.0, own), (-1.2, other)),), f"{where}, SSIM of simac less 1.2 times LSTM's"
        return (Claim("Rayleigh: SSIM above LSTM's by over", of, found, "20 %"),)
    if metric == "distance_rmse":
        return ()
    found, of = (((0.7, other), (-1.0, own)),), f"{where}, 0.7 times LSTM's RMSE less simac's"
    return (Claim("Rayleigh, high SNRs: RMSE below LSTM's by", of, found, "30 to 40 %"),)


def _language() -> Iterator[Claim]:
    at = "AWGN, 25 dB"
    for task, printed in (("angle", 40.2), ("distance", 12.5), ("velocity", 18.1)):
        yield _alone(
            f"{TASKS[task]} below LSTM's, {at}, up to",
            f"{TASKS[task]} below lstm, {at}",
            f"{printed} %",
            printed,
        )
    for task, printed in (("angle", 90.0), ("distance", 102.0), ("velocity", 80.0)):
        yield _alone(
            f"{TASKS[task]} against GRU's, {at}, up to (more than 100 % can only be GRU's excess)",
            f"{TASKS[task]} worse with gru, {at}",
            f"{printed:g} %",
            printed,
        )
    for other, psnr_db, percent in (("lstm", 1.2, 3.2), ("gru", 3.1, 11.5)):
        name = other.upper()
        yield _alone(f"PSNR over {name}'s, {at}", f"PSNR over {other}, {at}", f"{psnr_db} dB", psnr_db, "dB")
        yield _alone(f"SSIM over {name}'s, {at}", f"SSIM over {other}, {at}", f"{percent} %", percent)
    for variant in ("simac", "tuned"):
        yield Claim(
            f"SSIM, {at}, above",
            f"{variant}: SSIM at 25 dB",
            _claimed("SSIM at 25 dB", variant),
            "0.85",
            0.85,
        )


def _ablation() -> Iterator[Claim]:
    for task, where, printed, goal, without in (
        ("distance", "Rayleigh, scene 2", "0.009 over 0.005", 80.0, "without lse"),
        ("distance", "Rayleigh, scene 2", "0.007 over 0.005", 40.0, "without ssd"),
        ("angle", "AWGN, scene 1", "0.042 over 0.038", 10.5, "without lse"),
        ("velocity", "Rayleigh, scene 1", "0.0036 over 0.0024", 50.0, "without lse"),
        ("velocity", "Rayleigh, scene 1", "0.006 over 0.0024", 150.0, "without ssd"),
    ):
        named = without.replace("lse", "LSE").replace("ssd", "SSD")
        yield _alone(
            f"{TASKS[task]} {named}, {where}",
            f"{TASKS[task]} worse {without}",
            f"{printed}, {goal:g} % worse",
            goal,
        )
    yield Claim(
        "reductions of 44.4 % and 57.1 % of the distance's error",
        nothing="of the printed 0.009 and 0.007 over 0.005 the second is 28.6 %; the rows above "
        "have the errors themselves",
    )
    yield Claim(
        "angle without SSD, AWGN, scene 1: above 0.006",
        nothing="below SIMAC's own 0.038 as printed: nothing can be read from it",
    )


def _table_two() -> Iterator[Claim]:
    for part, parameters, operations in (
        ("MSF", 17.5, 6.1),
        ("LSE", 124.4, 8.3),
        ("SSD", 34.3, 5.3),
        ("all", 176.3, 19.8),
    ):
        for metric, printed, unit, factor in (
            ("parameters", parameters, "M", 1e-6),
            ("flops", operations, "GFLOP", 1e-9),
        ):
            yield Claim(
                f"{part}, {metric.replace('flops', 'operations')}",
                "`--size paper`, same within 5 %",
                (value(variant="paper", network=part, metric=metric),),
                f"{printed} {unit}",
                printed,
                "about",
                unit,
                factor,
                0.05,
            )
    for part, printed in (("MSF", 0.68), ("LSE", 0.44), ("SSD", 0.35), ("all", 1.5)):
        yield Claim(
            f"{part}, inference delay",
            printed=f"{printed} ms",
            cannot="measured by the paper on an RTX 4090; the file has one core of a processor",
        )


PAPER = Paper(
    "SIMAC: A Semantic-Driven Integrated Multimodal Sensing And Communication Framework",
    "Y. Peng, L. Xiang, K. Yang, F. Jiang, K. Wang, D. O. Wu",
    "simac.md",
    apart="The paper's samples are made from VIRAT, whose distance, angle and speed are those of a box in "
    "the picture, with an echo that is simulated. Here they are of a ray-traced street and of a "
    "highway's video, in metres, degrees and metres a second; errors are normalised by the span of "
    "each scene, as the paper's are. Networks in its form are of size small.",
    items=(
        drawing("Figures 1 and 2", "System model; motion parameters of a target", "drawings"),
        drawing("Figure 3", "The networks", "a drawing; built as `python/semisac_ml/systems/simac/`"),
        drawing("Table I", "What related work has, as ticks", "a survey"),
        Item(
            "Section V-A",
            "Data",
            (
                Claim(
                    "frames and cars cut out of VIRAT",
                    printed="about 10,000 and 800,000",
                    cannot="VIRAT is not here; `--scene VIRAT_S_...` takes its clips",
                ),
            ),
        ),
        Item(
            "Figure 4",
            "What SIMAC makes of a frame and an echo: picture and motion of the target",
            (
                Claim(
                    "one image and several echoes give several targets",
                    of="two targets of one frame of each scene, truth beside them",
                ),
            ),
            _figure("4", 1.0),
            "simac/figure4.csv",
            "simac/figure4.png",
        ),
        Item(
            "Figure 5",
            "Pictures of targets as they were and as they are rebuilt",
            (
                Claim(
                    "rebuilt pictures look better than the raw ones and fill gaps; shown, not counted",
                    of="pictures sent and received",
                ),
            ),
            _figure("5", 1.0),
            "simac/figure5.csv",
            "simac/figure5.png",
        ),
        *_sensing(),
        *(
            _curves(
                str(number),
                f"{what} over the SNR with GPT-2, LSTM and GRU as semantic encoder",
                metric,
                RECURRENT,
                *_rayleigh(metric),
            )
            for number, (metric, what) in enumerate(METRICS.items(), start=9)
        ),
        Item(
            "Section V-D on figures 9 to 13",
            "GPT-2 against recurrent encoders",
            tuple(_language()),
            CLAIMS,
            "simac/claims.csv",
            "simac/claims.png",
            OURS,
        ),
        *(
            _curves(
                str(number),
                f"{what} over the SNR: SIMAC, not told the channel, trained for one task each",
                metric,
                WITHOUT,
                *_low_snr(metric),
            )
            for number, (metric, what) in enumerate(METRICS.items(), start=14)
        ),
        Item(
            "Section V-E on figures 14 to 18",
            "What the encoder's knowledge of the channel (LSE) and training for all tasks (SSD) are worth",
            tuple(_ablation()),
            CLAIMS,
            "simac/claims.csv",
            "simac/claims.png",
            OURS,
        ),
        Item(
            "Section III-A and abstract, cost of the communication",
            "Bits, symbols and time of an encoding by Eqs. (9), (10) and (50), at the paper's 1 kHz and 1 W",
            (
                Claim(
                    "semantic encodings cost little to send; no number",
                    of="computed from 0 to 25 dB, of the paper's network and of the tuned one",
                ),
            ),
            Command("semisac evaluate simac --figure budget", 0.1),
            "simac/budget.csv",
            "simac/budget.png",
        ),
        Item(
            "Table II",
            "Parameters, operations and inference delay",
            tuple(_table_two()),
            Command("semisac evaluate simac --figure table2 --threads 1", 2.0),
            "simac/table2.csv",
            "simac/table2.png",
        ),
    ),
)
