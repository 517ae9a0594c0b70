# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Figures, tables and claims of the paper, and the rows of results that answer them.

The paper's recordings of camera, LiDAR and radar are not here. What it says is tested on others: power and
position of real recordings, and all sensors of a ray-traced street.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from semisac_ml.reproduction.declared import (
    Claim,
    Command,
    Item,
    Paper,
    Selector,
    Sum,
    always_trains,
    difference,
    drawing,
    kept_in,
    row,
    value,
)

STREET = (
    "runs/street",
    "semisac data scenes runs/street --frames 1680 --drive-frames 12 --seed 1 --size 160x120",
)
REAL, RAYS = "real power and position, scenarios 1 and 8", "all sensors, ray-traced street"
NOT_HERE = "scenarios 31 to 34 of DeepSense 6G are not here"
DBA = {"unit": "DBA"}
POINTS = {"unit": "points", "factor": 100.0}
GATED = ("gps", "gps,beams4", "beams8", "gps,beams8", "gps,beams8,history")
INPUTS = "--inputs gps,beams8,history --inputs gps,beams8 --inputs beams8,history --inputs gps"

Choice = Callable[[str], Selector]
"""Row of a training by its name."""


def _staged(figure: str, splits: int, hours: float) -> Command:
    return Command(
        f"semisac evaluate vi_beam --figure {figure} --scenarios 1,8 --splits {splits} {INPUTS}",
        1.0,
        hours,
        ("deepsense6g",),
        untrained=always_trains,
        parallel=True,
    )


def _of_street(figure: str, hours: float) -> Command:
    return Command(
        f"semisac evaluate vi_beam --data sensors --folder runs/street --figure {figure}",
        3.0,
        hours,
        (),
        (STREET,),
        untrained=kept_in(f"runs/vi_beam/{figure}"),
    )


def _real(variant: str, metric: str = "dba") -> Selector:
    told = {"split": "by sequence", "scenario": "mean", "inputs": "gps,beams8,history"}
    return row(variant=variant, metric=metric, **told)


def _street(variant: str, what: str = "nothing missing", metric: str = "dba") -> Selector:
    return row(variant=variant, inputs=what, metric=metric, light="all")


def _better_than_chance(inputs: str) -> Sum:
    """What is lost if a fifth is swept at random, four fifths of all, less what is if the least sure are."""
    told = {"variant": "precision of the posterior", "inputs": inputs, "metric": "power_loss_db"}
    return ((0.8, row(**told, x=0.0)), (-1.0, row(**told, x=0.2)))


def _table_one() -> Iterator[Claim]:
    for name, printed in (
        ("TII", "0.7298, 0.7852, 0.8462, 0.8430; 0.7844"),
        ("Avatar", "0.6536, 0.7074, 0.8576, 0.7120; 0.7162"),
        ("BeamTransFuser", "1.0000, 0.9038, 0.8988, 0.8945; 0.9129"),
        ("QTNs", "0.7605, 0.8707, 0.8864, 0.9124; none"),
        ("the paper, data-efficient", "0.8541, 0.8765, 0.8972, 0.8609; 0.8762"),
        ("the paper, data-sufficient", "0.8977, 0.8620, 0.9218, 0.9313; 0.8976"),
    ):
        yield Claim(f"{name}: DBA of S31, S32, S33, S34; overall", printed=printed, cannot=NOT_HERE)
    yield Claim("data-sufficient is above all benchmarks at night, S33 and S34", cannot=NOT_HERE)


def _efficient(efficient: Selector, sufficient: Selector, of: str) -> Claim:
    return Claim(
        "a fifth of the samples aligned costs (overall, 0.8976 less 0.8762)",
        f"{of}: data-sufficient above data-efficient",
        (difference(sufficient, efficient),),
        "0.0214",
        0.0214,
        "at most",
        "DBA",
    )


def _table_two() -> Iterator[Claim]:
    for says, what, printed in (
        ("RF, the radar's data cube", "radar missing", 0.3224),
        ("GPS", "position missing", 0.1470),
        ("camera", "camera missing", 0.1312),
        ("LiDAR", "LiDAR missing", 0.1153),
        ("LiDAR and camera", "LiDAR and camera missing", 0.4363),
    ):
        for training in ("efficient", "sufficient"):
            yield Claim(
                f"DBA lost without {says}, overall, data-efficient",
                f"{training}, same within a quarter",
                (difference(_street(training), _street(training, what)),),
                f"{printed:.4f}",
                printed,
                "about",
                "DBA",
                tolerance=0.25,
            )
    others = ("camera missing", "LiDAR missing", "position missing")
    yield Claim(
        "RF is missed more than camera, LiDAR or GPS",
        "efficient: least by which its loss is above another's",
        tuple(
            difference(_street("efficient", other), _street("efficient", "radar missing")) for other in others
        ),
        **DBA,
    )
    yield Claim(
        "camera and LiDAR stand in for each other: both missing cost more than either",
        "efficient: least by which the loss of both is above that of one",
        tuple(
            difference(_street("efficient", other), _street("efficient", "LiDAR and camera missing"))
            for other in others[:2]
        ),
        **DBA,
    )
    yield Claim("losses in each of S31 to S34", printed="20 numbers", cannot=NOT_HERE)


def _figure_two(select: Choice, full: str) -> Iterator[Claim]:
    yield Claim(
        "accuracy of the task model, all parts",
        f"top-1, {full}",
        (((1.0, select(full)),),),
        "86 %",
        86.0,
        unit="%",
        factor=100.0,
    )
    for says, other, printed, goal in (
        ("accuracy lost without alignment (86 to 20 %)", "no alignment", "66 points", 66.0),
        ("accuracy lost without private latents (86 to 60 %)", "no private latent", "26 points", 26.0),
    ):
        found = (difference(select(full), select(other)),)
        yield Claim(says, f"top-1, {full} above {other}", found, printed, goal, **POINTS)


def _figure_three(select: Choice, small: str, large: str) -> Iterator[Claim]:
    for size in (small, large):
        found = (difference(select(f"100% aligned, {size}"), select(f"5% aligned, {size}")),)
        yield Claim("more aligned samples help", f"{size}: 100 % above 5 %", found, **DBA)
    gains = [
        difference(select(f"100% aligned, {size}"), select(f"20% aligned, {size}")) for size in (small, large)
    ]
    less = tuple((-factor, one) for factor, one in gains[1])
    yield Claim(
        "beyond 20 % the gain is less with larger latents",
        f"gain from 20 to 100 %, {small} above {large}",
        ((*gains[0], *less),),
        **DBA,
    )
    yield Claim(
        "latents that are too small are worse",
        f"all aligned, {large} above {small}",
        (difference(select(f"100% aligned, {large}"), select(f"100% aligned, {small}")),),
        **DBA,
    )


def _figure_four(select: Choice) -> Claim:
    middle = select("12 shared, 12 private")
    return Claim(
        "of a small total, as many shared as private are best",
        "total 24: 12 above 4 and 20 shared, at least",
        tuple(difference(middle, select(f"{shared} shared, {24 - shared} private")) for shared in (4, 20)),
        **DBA,
    )


def _gains_less(small: int, large: int) -> Sum:
    """What an even ratio gains over another, of a total of 24 above that of a total of 96."""

    def of(shared: int, total: int, file: str) -> Selector:
        told = {"split": "by sequence", "scenario": "mean", "inputs": "gps,beams8,history"}
        variant = f"{shared} shared, {total - shared} private"
        return row(file=file, variant=variant, metric="dba", **told)

    ratio, large_ratio = "vi_beam/ratio.csv", "vi_beam/large_ratio.csv"
    return (
        *difference(of(12, 24, ratio), of(small, 24, ratio)),
        *difference(of(large, 96, large_ratio), of(48, 96, large_ratio)),
    )


def _labelled(share: str, how: str) -> Selector:
    return _real(f"{share} of the drives labelled, {how}")


def _few_labels() -> Iterator[Claim]:
    for share in ("1%", "5%", "20%"):
        yield Claim(
            "pretraining without labels needs few of them afterwards (no number; the order)",
            f"{share.replace('%', ' %')} of the drives labelled: pretrained, all of it trained, above not "
            "pretrained",
            (difference(_labelled(share, "pretrained, then all of it"), _labelled(share, "not pretrained")),),
            **DBA,
        )
    yield Claim(
        "representations learnt without labels serve a task model that is trained alone",
        "5 % of the drives labelled: pretrained and frozen above not pretrained",
        (difference(_labelled("5%", "pretrained, frozen"), _labelled("5%", "not pretrained")),),
        **DBA,
    )


def _aligned_drives() -> Iterator[Claim]:
    found = [_real(f"{share}% of the drives aligned") for share in (5, 20, 100)]
    yield Claim(
        "a fifth of the samples aligned costs (overall, 0.8976 less 0.8762)",
        "pretrained without labels: all drives aligned above a fifth",
        (difference(found[2], found[1]),),
        "0.0214",
        0.0214,
        "at most",
        "DBA",
    )
    yield Claim("more aligned samples help", "all drives above 5 %", (difference(found[2], found[0]),), **DBA)


ABLATION = _staged("ablation", 5, 3.0)
PAPERS_WIDTHS = Command(
    "semisac evaluate vi_beam --data sensors --folder runs/street --retrain --splits 1 --variant paper "
    "--results results/vi_beam/paper",
    5.0,
    12.0,
    (),
    (STREET,),
    untrained=always_trains,
)

PAPER = Paper(
    "Multimodal Learning for MIMO Beam Prediction Based on Variational Inference",
    "Z. Zheng, W. Yi, H. Shin, A. Nallanathan",
    "vi_beam.md",
    apart="The paper has camera, LiDAR, radar and GPS of DeepSense 6G scenarios 31 to 34, a tenth of the "
    "samples for testing. No real camera, LiDAR or radar was used here, and drives are held out. "
    "Power of 8 of 64 beams, which the paper's networks do not have, is among the inputs. DBA is the "
    "challenge's.",
    items=(
        drawing(
            "Figure 1",
            "Workflow: one modality each, then alignment, then the task",
            "a drawing; built as `--variant staged`",
        ),
        Item("Table I", "DBA of benchmarks and of the paper's method", tuple(_table_one())),
        Item(
            "Table I and abstract, on real power and position",
            "A fifth of the aligned samples against all of them",
            (_efficient(_real("data-efficient"), _real("data-sufficient"), REAL),),
            ABLATION,
            "vi_beam/ablation.csv",
            "vi_beam/ablation.png",
        ),
        Item(
            "Abstract, against end-to-end benchmarks",
            "The variational network alone beside perceptrons, on real power and position of "
            "scenarios 1, 2, 5 and 8",
            (
                Claim(
                    "it outperforms end-to-end benchmarks, with all data in two scenarios (the order)",
                    "network trained jointly above four perceptrons, drive by drive",
                    (
                        value(
                            variant="vi_beam alone",
                            metric="dba_against_control",
                            inputs="gps,beams8,history",
                            split="by sequence",
                            scenario="mean",
                        ),
                    ),
                    **DBA,
                ),
            ),
            Command(
                "semisac evaluate vi_beam --figure ladder --run runs/ladder",
                4.0,
                0.5,
                ("deepsense6g",),
                untrained=kept_in("runs/ladder"),
            ),
            "vi_beam/ladder.csv",
            "vi_beam/ladder.png",
        ),
        Item(
            "Abstract, reliability under uncertainty",
            "Whether the posterior knows when it does not know: the network alone, the least sure "
            "fifth of the samples swept",
            (
                Claim(
                    "fusion by precision is robust under sensing uncertainties (no number; the "
                    "order: better than chance)",
                    "dB lost, a fifth drawn at random above a fifth chosen by precision, at least "
                    "of five inputs",
                    tuple(_better_than_chance(inputs) for inputs in GATED),
                    unit="dB",
                ),
            ),
            Command(
                "semisac evaluate vi_beam --figure gate "
                + " ".join(f"--inputs {inputs}" for inputs in GATED),
                0.4,
                data=("deepsense6g",),
            ),
            "vi_beam/gate.csv",
            "vi_beam/gate.png",
        ),
        Item(
            "Table II",
            "DBA lost where modalities are missing",
            (
                *_table_two(),
                _efficient(_street("efficient"), _street("sufficient"), RAYS),
            ),
            _of_street("missing", 4.0),
            "vi_beam/street_missing.csv",
            "vi_beam/street_missing.png",
            f"Of {RAYS}, one split of 27 drives: the file has no intervals.",
        ),
        Item(
            "Section V-A, labels of few drives, on real power and position",
            "Algorithms 1 and 2 without labels, then the task from the labels of a share of the drives",
            tuple(_few_labels()),
            _staged("labels", 3, 8.0),
            "vi_beam/labels.csv",
            "vi_beam/labels.png",
        ),
        Item(
            "Section V-A, few aligned drives, on real power and position",
            "Algorithms 1 and 2 without labels, a share of the drives aligned",
            tuple(_aligned_drives()),
            _staged("alignment", 3, 4.0),
            "vi_beam/alignment.csv",
            "vi_beam/alignment.png",
        ),
        Item(
            "Table I and section IV-B, the paper's widths, from all sensors",
            "ResNet-18 and the widths of the paper",
            (
                Claim(
                    "DBA overall, data-efficient",
                    f"`--variant paper`: {RAYS}",
                    (
                        value(
                            variant="vi_beam",
                            metric="dba",
                            inputs="beams8,camera,lidar,radar",
                            split="by sequence",
                            scenario="mean",
                        ),
                    ),
                    "0.8762",
                    0.8762,
                    **DBA,
                ),
            ),
            PAPERS_WIDTHS,
            "vi_beam/paper/street.csv",
            "vi_beam/paper/street.png",
            "One split; the file tells the epochs and the CPU hours of its training (`cpu_hours`).",
        ),
        Item(
            "Figure 2, on real power and position",
            "What alignment and private latents are worth",
            tuple(_figure_two(lambda name: _real(name, "top1"), "data-efficient")),
            ABLATION,
            "vi_beam/ablation.csv",
            "vi_beam/ablation.png",
        ),
        Item(
            "Figure 2, from all sensors",
            "The same on the street",
            tuple(_figure_two(lambda name: _street(name, metric="top1"), "efficient")),
            _of_street("ablation", 8.0),
            "vi_beam/street_ablation.csv",
            "vi_beam/street_ablation.png",
        ),
        Item(
            "Figure 3, on real power and position",
            "DBA over the share of aligned samples, by the size of latents",
            tuple(_figure_three(_real, "8 shared, 2 private", "32 shared, 8 private")),
            _staged("aligned", 3, 4.0),
            "vi_beam/aligned.csv",
            "vi_beam/aligned.png",
        ),
        Item(
            "Figure 3, larger latents, on real power and position",
            "DBA over the size of latents, all samples aligned",
            (
                Claim(
                    "latents that are too large are slightly worse",
                    "32 shared above 128 shared",
                    (difference(_real("32 shared, 8 private"), _real("128 shared, 32 private")),),
                    **DBA,
                ),
            ),
            _staged("sizes", 3, 3.0),
            "vi_beam/sizes.csv",
            "vi_beam/sizes.png",
        ),
        Item(
            "Figure 3, from all sensors",
            "The same on the street",
            tuple(_figure_three(_street, "latent 8", "latent 32")),
            _of_street("aligned", 8.0),
            "vi_beam/street_aligned.csv",
            "vi_beam/street_aligned.png",
        ),
        Item(
            "Figure 4, on real power and position",
            "DBA over the ratio of shared to private latents",
            (_figure_four(_real),),
            _staged("ratio", 3, 2.0),
            "vi_beam/ratio.csv",
            "vi_beam/ratio.png",
        ),
        Item(
            "Figure 4, a large total, on real power and position",
            "The same of latents of 96 in all",
            (
                Claim(
                    "of a large total the ratio matters less than of a small one",
                    "what an even ratio gains over an uneven one, total 24 above total 96, at least",
                    tuple(_gains_less(*one) for one in ((4, 16), (20, 80))),
                    **DBA,
                ),
            ),
            _staged("large-ratio", 3, 3.0),
            "vi_beam/large_ratio.csv",
            "vi_beam/large_ratio.png",
        ),
        Item(
            "Figure 4, from all sensors",
            "The same on the street",
            (_figure_four(_street),),
            _of_street("ratio", 4.0),
            "vi_beam/street_ratio.csv",
            "vi_beam/street_ratio.png",
        ),
    ),
)
