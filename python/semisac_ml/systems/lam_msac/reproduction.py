# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Figures, tables and claims of the paper, and the rows of results that answer them.

The paper's recordings of camera, LiDAR and radar are not here; what it says is tested on a ray-traced street.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from semisac_ml.reproduction.declared import (
    Claim,
    Command,
    Item,
    Paper,
    Selector,
    always_trains,
    difference,
    drawing,
    kept_in,
    row,
)
from semisac_ml.reproduction.declared import value as one_row

STREET = (
    "runs/street",
    "semisac data scenes runs/street --frames 1680 --drive-frames 12 --seed 1 --size 160x120",
)
ANOTHER = (
    "runs/another_street",
    "semisac data scenes runs/another_street --frames 360 --drive-frames 12 --seed 2 --size 160x120",
)
REAL_INPUTS = ("gps,beams8,history", "beams8,history", "beams8", "gps,beams4", "gps,sweep2", "gps")
SETTINGS = {
    "SISAC-I": "camera",
    "SISAC-P": "beams8",
    "SISAC-C": "lidar",
    "SISAC-M": "radar",
    "DISAC-PI": "beams8,camera",
    "DISAC-PC": "beams8,lidar",
    "DISAC-PM": "beams8,radar",
    "TISAC-PIC": "beams8,camera,lidar",
    "TISAC-PIM": "beams8,camera,radar",
    "TISAC-PCM": "beams8,lidar,radar",
    "FISAC": "beams8,camera,lidar,radar",
}
SIXTEEN = "beams16,camera,lidar,radar"
MIXED, SINGLE, PAPERS = "lam_msac/street.csv", "lam_msac/single/street.csv", "lam_msac/paper/street.csv"
POINTS = {"unit": "points", "factor": 100.0}
PERCENT = {"unit": "%", "factor": 100.0}
TIMES = {"day": "scenario 31, day", "night": "scenario 33, night"}


def _splits(variant: str, folder: str, hours: float, splits: int = 3) -> Command:
    chosen = f" --variant {variant}" if variant else ""
    return Command(
        f"semisac evaluate lam_msac --data sensors --folder runs/street --retrain --splits {splits}{chosen} "
        f"--results results/{folder}",
        5.0,
        hours,
        (),
        (STREET,),
        untrained=always_trains,
    )


def _accuracy(inputs: str, scenario: str = "mean", file: str = MIXED) -> Selector:
    return row(
        file=file,
        variant="lam_msac",
        inputs=SETTINGS.get(inputs, inputs),
        metric="top1",
        split="by sequence",
        scenario=scenario,
    )


def _right(inputs: str, of: str, file: str) -> Claim:
    found = (((1.0, _accuracy(inputs, file=file)),),)
    return Claim("beams predicted right from all modalities", of, found, "over 90 %", 90.0, **PERCENT)


def _figure_c() -> Iterator[Claim]:
    yield _right("FISAC", "top-1, 8 of 64 beams measured", MIXED)
    yield _right(SIXTEEN, "top-1, 16 of 64 beams measured", MIXED)
    for time, says in TIMES.items():
        best = _accuracy("FISAC", time)
        others = [name for name in SETTINGS if name != "FISAC"]
        yield Claim(
            f"{says}: all modalities together are best",
            f"{time}: FISAC above each other setting, at least",
            tuple(difference(best, _accuracy(other, time)) for other in others),
            **POINTS,
        )
        yield Claim(
            f"{says}: power adds to every other modality",
            f"{time}: DISAC above SISAC-I, -C, -M, at least",
            tuple(
                difference(_accuracy(f"DISAC-P{one}", time), _accuracy(f"SISAC-{one}", time)) for one in "ICM"
            ),
            **POINTS,
        )
        yield Claim(
            f"{says}: a second modality improves on power alone",
            f"{time}: DISAC-PI, -PC, -PM above SISAC-P, at least",
            tuple(difference(_accuracy(f"DISAC-P{one}", time), _accuracy("SISAC-P", time)) for one in "ICM"),
            **POINTS,
        )
        yield Claim(
            f"{says}: mmWave is what makes three modalities best",
            f"{time}: TISAC-PIM and -PCM above -PIC, at least",
            tuple(
                difference(_accuracy(f"TISAC-{one}", time), _accuracy("TISAC-PIC", time))
                for one in ("PIM", "PCM")
            ),
            **POINTS,
        )
    yield Claim(
        "day: image and power alone are above point cloud and mmWave alone",
        "day: SISAC-I and -P above -C and -M, at least",
        tuple(
            difference(_accuracy(f"SISAC-{one}", "day"), _accuracy(f"SISAC-{other}", "day"))
            for one in "IP"
            for other in "CM"
        ),
        **POINTS,
    )
    yield Claim(
        "night: the image alone is much worse",
        "SISAC-I, day above night",
        (difference(_accuracy("SISAC-I", "day"), _accuracy("SISAC-I", "night")),),
        **POINTS,
    )


def _experts() -> Iterator[Claim]:
    for time, says in TIMES.items():
        yield Claim(
            f"{says}: with MoE above without",
            f"{time}: FISAC, experts above one wide expert",
            (difference(_accuracy("FISAC", time), _accuracy("FISAC", time, SINGLE)),),
            **POINTS,
        )


def _cost(setting: str, metric: str, variant: str = "one network") -> Selector:
    return row(variant=variant, setting=setting, light="all", metric=metric)


def _real(variant: str, inputs: str) -> Selector:
    return row(variant=variant, inputs=inputs, metric="dba", split="by sequence", scenario="mean")


def _seen(light: str) -> Selector:
    return row(variant="lam_msac/street", inputs="camera", metric="dba", light=light)


def _figure_d() -> Iterator[Claim]:
    mega = {"unit": "MFLOP", "factor": 1e-6}
    yield Claim(
        "more modalities cost more operations",
        "FISAC above each TISAC, at least; encoders included",
        tuple(
            difference(_cost("FISAC", "flops"), _cost(f"TISAC-{one}", "flops"))
            for one in ("PIC", "PIM", "PCM")
        ),
        **mega,
    )
    yield Claim(
        "power and mmWave are the cheapest of two modalities",
        "operations of DISAC-PI and -PC above -PM, at least",
        tuple(difference(_cost(f"DISAC-{one}", "flops"), _cost("DISAC-PM", "flops")) for one in ("PI", "PC")),
        **mega,
    )
    yield Claim(
        "power and mmWave are the most accurate for their cost",
        "top-1 of DISAC-PM above -PI and -PC, at least",
        tuple(difference(_cost("DISAC-PM", "top1"), _cost(f"DISAC-{one}", "top1")) for one in ("PI", "PC")),
        **POINTS,
    )
    kept = tuple((1.0, _cost(setting, "weights_mb")) for setting in SETTINGS)
    yield Claim(
        "one network costs less than one for each combination",
        "weights of a network for each of the eleven above those of the one",
        ((*kept, (-1.0, _cost("FISAC", "weights_mb"))),),
        unit="MB",
    )
    yield Claim(
        "few experts run for each sample, which costs less than one that is as large",
        "FISAC, one wide expert above two of four experts",
        (difference(_cost("FISAC", "flops", "one network w/o MoE"), _cost("FISAC", "flops")),),
        **mega,
    )
    yield Claim(
        "the balancing loss keeps all experts in use",
        "least load of the four",
        tuple(
            one_row(variant="one network", metric="expert_load", axis="expert", x=float(one))
            for one in range(1, 5)
        ),
        **PERCENT,
    )
    yield Claim(
        "one network for all is more accurate than networks of their own",
        "top-1 of SISAC-I, -P, -C, one network above a network each, at least",
        tuple(
            difference(_cost(f"SISAC-{one}", "top1"), _cost(f"SISAC-{one}", "top1", "a network each"))
            for one in "IPC"
        ),
        **POINTS,
    )
    yield Claim(
        "GPU memory and latency of each setting",
        cannot="measured by the paper on a Jetson Orin NX; none is here",
    )


def exports_first(results: Path) -> str:
    """Of a command that exports networks, which takes longer than to measure them."""
    return "it exports networks of the paper's widths, expected --full"


def _exported() -> Iterator[Claim]:
    def cost(setting: str, variant: str) -> Selector:
        return row(variant=variant, setting=setting, metric="flops")

    for many, settings, printed in (("two", ("PI", "PC", "PM"), 4.0), ("three", ("PIC", "PIM", "PCM"), 7.0)):
        kind = "DISAC" if many == "two" else "TISAC"
        yield Claim(
            f"operations of {many} modalities",
            f"the paper's widths, mean of the three {kind}, same within a half",
            (tuple((1.0 / 3.0, cost(f"{kind}-{one}", "the paper's widths")) for one in settings),),
            f"{printed:.0f} GFLOP",
            printed,
            "about",
            "GFLOP",
            1e-9,
            tolerance=0.5,
        )
    yield Claim(
        "few experts run for each sample, which costs less than all",
        "FISAC, all four experts above two of four, as exported",
        (difference(cost("FISAC", "all four experts"), cost("FISAC", "top-2 of four experts")),),
        unit="MFLOP",
        factor=1e-6,
    )


PAPER = Paper(
    "Large AI Model for Multimodal Integrated Sensing and Communication",
    "Y. Peng, L. Xiang, K. Yang, J. Chen",
    "lam_msac.md",
    apart="The paper has camera, LiDAR, radar and power of DeepSense 6G scenarios 31 (day) and 33 (night), "
    "which are not here: all figures are of a ray-traced street, drives held out. What the paper's "
    "power is of, whose largest entry is the beam that is asked for, it does not say; here 8 of 64 "
    "beams are measured.",
    items=(
        drawing(
            "Figures 1 and 2",
            "Architectures of large models; the framework",
            "drawings; built as `python/semisac_ml/systems/lam_msac/`",
        ),
        drawing("Table 1", "Challenges and what large models do about them", "words"),
        drawing(
            "Table 2",
            "Layers of the networks",
            "a list; built as `--variant paper`, with kinds of layers as listed",
        ),
        Item(
            "Figure 3(a) and (b)",
            "Pictures of scenarios 31 and 33",
            (Claim("what the recordings look like", cannot="the recordings are not here"),),
        ),
        Item(
            "Figure 3(c), abstract and evaluation",
            "Accuracy of beam prediction by combination of modalities (I camera, P power, C LiDAR, M radar)",
            tuple(_figure_c()),
            _splits("", "lam_msac", 4.0),
            MIXED,
            "lam_msac/street.png",
            "Mean of three splits; intervals are Student's over them.",
        ),
        Item(
            "Figure 3(c), with and without MoE",
            "Four experts against one that is as wide",
            tuple(_experts()),
            _splits("single", "lam_msac/single", 4.0),
            SINGLE,
            "lam_msac/single/street.png",
            "Against the rows of the item before.",
        ),
        Item(
            "Figure 3(c), the paper's widths",
            "ResNet-50 and the widths of Table 2",
            (_right("FISAC", "top-1, 8 of 64 beams measured", PAPERS),),
            _splits("paper", "lam_msac/paper", 12.0, splits=1),
            PAPERS,
            "lam_msac/paper/street.png",
            "One split; the file tells the epochs and the CPU hours of its training (`cpu_hours`).",
        ),
        Item(
            "Hyper-parameters, top-1 against top-k",
            "How many of four experts a sample uses, on real power and position of scenarios 1, 2, 5 and 8",
            (
                Claim(
                    "more than one expert for each sample is better (no number; the choice of k)",
                    "DBA of two experts above one, at least",
                    tuple(
                        difference(
                            _real("top-2 of four experts", inputs), _real("top-1 of four experts", inputs)
                        )
                        for inputs in REAL_INPUTS
                    ),
                    unit="DBA",
                ),
            ),
            Command(
                "semisac evaluate lam_msac --figure experts --scenarios 1,2,5,8 --splits 4 "
                + " ".join(f"--inputs {inputs}" for inputs in REAL_INPUTS),
                1.0,
                8.0,
                ("deepsense6g",),
                untrained=always_trains,
                parallel=True,
            ),
            "lam_msac/experts.csv",
            "lam_msac/experts.png",
        ),
        Item(
            "Hyper-parameters, top-1 against top-k, from all sensors",
            "The same on the street, and what is compared azimuth by azimuth, which the paper does not have",
            (
                Claim(
                    "more than one expert for each sample is better (no number; the choice of k)",
                    "FISAC: DBA of two experts above one",
                    (
                        difference(
                            _real("top-2 of four experts", SETTINGS["FISAC"]),
                            _real("top-1 of four experts", SETTINGS["FISAC"]),
                        ),
                    ),
                    unit="DBA",
                ),
                Claim(
                    "tokens and experts do the work (the paper has nothing else)",
                    "FISAC: DBA without maps of azimuths above that with them",
                    (
                        difference(
                            _real("top-2, no maps of azimuths", SETTINGS["FISAC"]),
                            _real("top-2 of four experts", SETTINGS["FISAC"]),
                        ),
                    ),
                    unit="DBA",
                ),
            ),
            Command(
                "semisac evaluate lam_msac --data sensors --folder runs/street --figure experts",
                3.0,
                8.0,
                (),
                (STREET,),
                untrained=kept_in("runs/lam_msac/experts"),
            ),
            "lam_msac/street_experts.csv",
            "lam_msac/street_experts.png",
        ),
        Item(
            "Figure 3(d), what a prediction costs as exported",
            "Operations that ONNX Runtime ran, weights and latency, untrained: they do not depend on weights",
            tuple(_exported()),
            Command(
                "semisac evaluate lam_msac --data sensors --folder runs/street --figure costs",
                3.0,
                0.1,
                folders=(STREET,),
                untrained=exports_first,
            ),
            "lam_msac/costs.csv",
            "lam_msac/costs.png",
        ),
        Item(
            "Figure 3(d) and conclusion",
            "Operations, memory and latency by combination of modalities",
            tuple(_figure_d()),
            Command(
                "semisac evaluate lam_msac --data sensors --folder runs/street --figure case-study",
                3.0,
                3.0,
                (),
                (STREET,),
                untrained=kept_in("runs/lam_msac/case-study"),
            ),
            "lam_msac/case_study.csv",
            "lam_msac/case_study.png",
        ),
        Item(
            "Contributions, one network against networks of their own",
            "The same question on real power and position of scenarios 1, 2, 5 and 8",
            (
                Claim(
                    "one network for all is more accurate than networks of their own",
                    "DBA of one mixture above one for each set of inputs, at least",
                    tuple(
                        difference(_real("one network", inputs), _real("a network each", inputs))
                        for inputs in REAL_INPUTS
                    ),
                    unit="DBA",
                ),
            ),
            Command(
                "semisac evaluate lam_msac --figure alone --scenarios 1,2,5,8 --splits 4 "
                + " ".join(f"--inputs {inputs}" for inputs in REAL_INPUTS),
                1.0,
                4.0,
                ("deepsense6g",),
                untrained=always_trains,
                parallel=True,
            ),
            "lam_msac/alone.csv",
            "lam_msac/alone.png",
        ),
        Item(
            "Contributions, against conventional networks",
            "The mixture alone beside perceptrons, on real power and position of scenarios 1, 2, 5 and 8",
            (
                Claim(
                    "prediction is more accurate than conventional models' (no number; the order)",
                    "mixture alone above four perceptrons, drive by drive",
                    (
                        one_row(
                            variant="lam_msac alone",
                            metric="dba_against_control",
                            inputs="gps,beams8,history",
                            split="by sequence",
                            scenario="mean",
                        ),
                    ),
                    unit="DBA",
                ),
            ),
            Command(
                "semisac evaluate lam_msac --figure ladder --run runs/ladder",
                4.0,
                0.5,
                ("deepsense6g",),
                untrained=kept_in("runs/ladder"),
            ),
            "lam_msac/ladder.csv",
            "lam_msac/ladder.png",
        ),
        Item(
            "Figure 3(c), the camera at night",
            "The bundle that ships, on another street of 30 drives",
            (
                Claim(
                    "night: the image alone is much worse",
                    "DBA from the camera alone, day above night",
                    (difference(_seen("day"), _seen("night")),),
                    unit="DBA",
                ),
            ),
            Command(
                "semisac evaluate lam_msac --data sensors --folder runs/another_street --figure camera",
                0.5,
                folders=(ANOTHER,),
            ),
            "lam_msac/camera.csv",
            "lam_msac/camera.png",
        ),
        drawing(
            "Contributions, free-form inputs",
            "Any combination of three or more modalities is taken",
            "built so: absent modalities are no tokens; the rows of Figure 3(c) are one network's",
        ),
    ),
)
