# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Figures, tables and claims of the paper, and the rows of results that answer them.

The paper prints its curves without numbers; what its text says of them are orders, tested by the figure
``claims`` as differences on the same drives. Numbers here are those of its Table II.
"""

from __future__ import annotations

from collections.abc import Iterator

from semisac_ml.reproduction.declared import Claim, Command, Item, Paper, drawing, value

STREET = (
    "runs/scenes",
    "semisac data scenes runs/scenes --layout canyon,junction --frames 960 --drive-frames 16 --interval 0.2 "
    "--size 320x240 --pairs-every 5 --seed 1",
)
MEASURED = "semisac evaluate csc_sa_net --runs runs/csc_sa_net"
SEEDS = range(3)
TRAIN = "semisac train csc_sa_net --data runs/scenes --precision bfloat16"
LENDER = "--encoders runs/csc_sa_net/tuned-{seed} --semantic-epochs 15"
TRAININGS = tuple(
    f"{TRAIN} --seed {seed} {how.format(seed=seed)} --run runs/csc_sa_net/{name}-{seed}"
    for seed in SEEDS
    for name, how in {
        "tuned": "--variant tuned --semantic-epochs 24 --beam-epochs 20 --joint-epochs 80",
        "paper": f"--variant csc-sa-net {LENDER} --beam-epochs 40 --joint-epochs 80",
        "orthogonal": "--variant csc-sa-net --access orthogonal --beams runs/csc_sa_net/paper-{seed} "
        f"{LENDER} --joint-epochs 80",
        "tuned-orthogonal": "--variant tuned --access orthogonal --beams runs/csc_sa_net/tuned-{seed} "
        f"{LENDER} --joint-epochs 80",
        "separated": f"--variant separated --beams runs/csc_sa_net/tuned-{{seed}} {LENDER} --joint-epochs 15",
        "acquisition": f'--variant "separated acquisition" --beam-epochs 20 {LENDER} --joint-epochs 15',
    }.items()
)
OWN = {"csc-sa-net": "the paper's networks", "tuned": "tuned"}
DRAWN = "mean IoU of the same schemes, on a ray-traced street"
SEPARATED = {
    "separated, PCA, channel known": "perfect initial CSI, PCA-based precoding",
    "separated, PCA, learned acquisition": "learned CSI acquisition, PCA-based precoding",
    "separated, learned beams": "learned CSI acquisition and precoding",
}


def _figure(name: str, minutes: float = 1.0) -> Command:
    return Command(
        f"{MEASURED} --figure {name}",
        minutes,
        15.0,
        (),
        (STREET,),
        "runs/csc_sa_net",
        TRAININGS,
        together=MEASURED,
    )


CLAIMS = _figure("claims")


def _claimed(says: str, variant: str, claim: str, against: str, of: str) -> Claim:
    told = {"metric": "claimed", "preset": "printed", "scenes": "test*", "claim": claim, "against": against}
    return Claim(says, of, (value(variant=variant, **told),), unit="(mean IoU)")


def _superposed() -> Iterator[Claim]:
    for name, said in OWN.items():
        for says, claim in (
            (
                "Figure 8(a): above orthogonal at Q = 1, L < 4",
                "non-orthogonal above orthogonal at Q = 1, L < 4",
            ),
            (
                "Figure 9(a): above orthogonal at Q = 1, B < 64",
                "non-orthogonal above orthogonal at Q = 1, B < 64",
            ),
            ("Figure 10: above orthogonal at low SNR", "non-orthogonal above orthogonal at -25 dB and below"),
            (
                "Figure 8(b): at Q = 4 the gap to orthogonal is smaller",
                "its gain over orthogonal is larger at Q = 1 than at Q = 4",
            ),
        ):
            yield _claimed(says, name, claim, f"{name}, orthogonal", f"{said}, least gain")


def _against_separated() -> Iterator[Claim]:
    claim = "above the separated scheme at every point of Figures 8 to 11"
    for name, said in OWN.items():
        for access in (name, f"{name}, orthogonal"):
            how = "orthogonal" if access.endswith("orthogonal") else "non-orthogonal"
            for other, named in SEPARATED.items():
                says = f"{how}, always above the separated design: {named}"
                yield _claimed(says, access, claim, other, f"{said}, least gain over all points")


def _falls() -> Iterator[Claim]:
    for other, named in SEPARATED.items():
        if "known" not in other:
            yield _claimed(
                f"L < 4: severe loss of the separated design: {named}",
                other,
                "falls from L = 8 to L = 2 by more than CSC-SA-Net",
                "csc-sa-net",
                "by how much more it falls than CSC-SA-Net",
            )


def _rises() -> Iterator[Claim]:
    for name, said in OWN.items():
        told = {
            "metric": "claimed",
            "preset": "printed",
            "scenes": "test*",
            "claim": "rises with every symbol more",
        }
        found = (value(variant=name, **told),)
        yield Claim("Figure 11: better with more symbols", f"{said}, least step", found, unit="(mean IoU)")


def _curves(name: str, shows: str) -> Item:
    return Item(
        f"Figure {name}",
        shows,
        (Claim("curves without numbers", of=DRAWN),),
        _figure(name),
        f"csc_sa_net/figure{name}.csv",
        f"csc_sa_net/figure{name}_printed.png",
    )


def _counts(
    says: str, of: str, variant: str, part: str, access: str, parameters: float, operations: float
) -> Iterator[Claim]:
    """Parameters and operations of a part. parameters: in millions. operations: in GFLOP."""
    for metric, printed, unit, factor in (
        ("parameters", parameters, "M", 1e-6),
        ("operations", operations, "GFLOP", 1e-9),
    ):
        found = (value(variant=variant, part=part, access=access, metric=metric),)
        yield Claim(
            says.format(metric), of, found, f"{printed:g} {unit}", printed, "about", unit, factor, 0.02
        )


def _table_two() -> Iterator[Claim]:
    for part, access, parameters, operations in (
        ("physical part", "superposed", 45.8, 0.155),
        ("fusion", "superposed", 3.37, 12.0),
        ("all", "superposed", 50.1, 12.0),
        ("all", "orthogonal", 50.1, 12.0),
    ):
        yield from _counts(
            f"{part}, {access}, {{}}",
            "counted as the paper does, same within 2 %",
            "counted as the paper does",
            part,
            access,
            parameters,
            operations,
        )
    yield from _counts(
        "all, superposed, {}, counted in full",
        "size paper, same within 2 %: with the transformers' layers, two operations a multiplication",
        "csc-sa-net, paper",
        "all",
        "superposed",
        50.1,
        12.0,
    )
    for other, printed in (
        ("DL-based CSI acquisition", "849 M, 425 M"),
        ("DL-based precoding", "35.8 M, 661 M"),
        ("MFNet", "3.23 M, 12 G"),
    ):
        why = "networks of other papers, whose sizes this one does not give; the separated users "
        "here are others"
        yield Claim(f"{other}, parameters and operations", printed=printed, cannot=why)
    yield Claim(
        "peak GPU memory of all schemes",
        printed="4.2 to 61.5 M",
        cannot="of a graphics card, in no stated unit; all here runs on a processor",
    )


PAPER = Paper(
    "E2E Learning Massive MIMO for Multimodal Semantic Non-Orthogonal Transmission and Fusion",
    "M. Wu, Z. Gao",
    "csc_sa_net.md",
    apart="The paper segments MFNet's pictures; here they are of a ray-traced street in MFNet's layout, "
    "three of its nine classes, with networks of size small and the equations as printed (`--preset "
    "printed`). The paper prints curves without numbers.",
    items=(
        drawing(
            "Figure 1", "Uplink of several users with massive MIMO", "a drawing; built as `mimo_ofdm_channel`"
        ),
        drawing(
            "Figures 2 to 7",
            "CSC-SA-Net, its networks and the SFA module",
            "drawings; built as `python/semisac_ml/systems/csc_sa_net/`",
        ),
        drawing("Table I", "What related work has", "a survey"),
        Item(
            "Section IV-B",
            "Data",
            (
                Claim(
                    "pairs of MFNet's pictures of 480 x 640 pixels, eight classes and background",
                    printed="1569",
                    cannot="they are not here; `--data` takes them",
                ),
            ),
        ),
        _curves("8", "Mean IoU over the CSI-RS symbols L, Q = 1 and 4"),
        _curves("9", "Mean IoU over the feedback bits B, Q = 1 and 4"),
        _curves("10", "Mean IoU over the SNR, Q = 4"),
        _curves("11", "Mean IoU over the transmit symbols Q"),
        Item(
            "Section IV-D on figures 8 to 11",
            "Superposed users against orthogonal ones, and both against separated designs",
            (*_superposed(), *_against_separated(), *_falls(), *_rises()),
            CLAIMS,
            "csc_sa_net/claims.csv",
            "csc_sa_net/claims.png",
        ),
        Item(
            "Figure 12",
            "Examples of predicted classes",
            (
                Claim(
                    "masks of separated designs are coarser; shown, not counted", of="pictures side by side"
                ),
            ),
            _figure("12"),
            "csc_sa_net/figure12.csv",
            "csc_sa_net/figure12.png",
        ),
        Item(
            "Table II",
            "Parameters, operations and peak memory",
            tuple(_table_two()),
            Command("semisac evaluate csc_sa_net --figure table2", 0.3),
            "csc_sa_net/table2.csv",
        ),
        Item(
            "Section III-H",
            "Training in three stages",
            (
                Claim(
                    "single-stage training from scratch is unstable and often fails",
                    cannot="no command trains in a single stage",
                ),
            ),
        ),
        Item(
            "Section II-E and IV-D, no reference signals among the data",
            "Implicit allocation of reference signals",
            (
                Claim(
                    "a quarter of the symbols is saved, which separated users spend on DMRS",
                    nothing="a definition: the paper's network sends none, `tuned` does; separated users "
                    "here pay one symbol in four, as the paper's do",
                ),
            ),
        ),
    ),
)
