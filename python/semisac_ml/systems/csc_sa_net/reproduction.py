# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Figures, tables and claims of the paper, and the rows of results that answer them.

The paper prints its curves without numbers; what its text says of them are orders, tested by the figure
``claims`` as differences on the same drives. Numbers here are those of its Table II.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from semisac_ml.reproduction.declared import Claim, Command, Item, Paper, difference, drawing, row, value

SCENES, HELD_OUT = "runs/street-pairs", "runs/street-held-out"
DRIVES = "--drive-frames 10 --interval 1 --pairs-every 1"
STREETS = (
    (SCENES, f"semisac data scenes {SCENES} --frames 1600 {DRIVES} --seed 3"),
    (HELD_OUT, f"semisac data scenes {HELD_OUT} --layout held-out --frames 400 {DRIVES} --seed 4"),
)
RUNS = "runs/csc_sa_net"
MEASURED = f"semisac evaluate csc_sa_net --runs {RUNS} --held-out {HELD_OUT}"
SEEDS = range(3)
TRAIN = (
    f"semisac train csc_sa_net --data {SCENES} --precision bfloat16 --semantic-epochs 24 --beam-epochs 40 "
    "--joint-epochs 80"
)
"""The same epochs, patience and data for all; validation decides."""
LENT = f"--encoders {RUNS}/tuned-{{seed}}"
TUNED_BEAMS, PAPER_BEAMS = (f"--beams {RUNS}/{one}-{{seed}}" for one in ("tuned", "paper"))
RECIPE = {
    "tuned": "--variant tuned",
    "paper": f"--variant csc-sa-net {LENT}",
    "orthogonal": f"--variant csc-sa-net --access orthogonal {LENT} {PAPER_BEAMS}",
    "added-halves": f'--variant "csc-sa-net added halves" --access orthogonal {LENT} {PAPER_BEAMS}',
    "tuned-orthogonal": f"--variant tuned --access orthogonal {LENT} {TUNED_BEAMS}",
    "colour": f'--variant "tuned colour" {LENT} {TUNED_BEAMS}',
    "thermal": f'--variant "tuned thermal" {LENT} {TUNED_BEAMS}',
    "no-references": f'--variant "tuned without references" {LENT} {TUNED_BEAMS}',
    "not-told": f'--variant "tuned not told" {LENT} {TUNED_BEAMS}',
    "real-symbols": f'--variant "tuned real symbols" {LENT} {TUNED_BEAMS}',
    "all-tokens": f'--variant "tuned all tokens" {LENT}',
    "no-map": f'--variant "tuned without map" {LENT}',
    "no-curriculum": f'--variant "tuned without curriculum" {LENT}',
    "separated": f"--variant separated {LENT} {TUNED_BEAMS}",
    "delay-limited": f'--variant "separated delay-limited" {LENT} {TUNED_BEAMS}',
    "authors": f'--variant "separated authors" {LENT} {PAPER_BEAMS}',
    "acquisition": f'--variant "separated acquisition" {LENT}',
    "authors-acquisition": f'--variant "separated authors acquisition" {LENT} '
    f"--beams {RUNS}/acquisition-{{seed}}",
    "from-scratch": "--variant csc-sa-net --from-scratch",
    "notebook": "--variant csc-sa-net --preset notebook",
    "notebook-orthogonal": "--variant csc-sa-net --preset notebook --access orthogonal "
    f"--encoders {RUNS}/notebook-{{seed}} --beams {RUNS}/notebook-{{seed}}",
}
"""Options of a training by its name; what lends stands before what borrows."""
TRAININGS = tuple(
    f"{TRAIN} --seed {seed} {options.format(seed=seed)} --run {RUNS}/{name}-{seed}"
    for seed in SEEDS
    for name, options in RECIPE.items()
)
OWN = {"csc-sa-net": "the paper's networks", "tuned": "tuned"}
DRAWN = "mean IoU of the same schemes, on a ray-traced street"
BEAMS = {
    "PCA, channel known": "perfect initial CSI, PCA-based precoding",
    "learned precoder, channel known": "perfect initial CSI, learned precoding",
    "PCA, learned acquisition": "learned CSI acquisition, PCA-based precoding",
    "learned precoder, learned acquisition": "learned CSI acquisition, learned precoding",
}
RECEIVERS = {"separated authors": "receiver of the authors' program", "separated": "LMMSE receiver"}
SEPARATED = {
    f"{name}, {beams}": f"{said}, {receiver}"
    for name, receiver in RECEIVERS.items()
    for beams, said in BEAMS.items()
}


def _figure(name: str, minutes: float = 1.0) -> Command:
    return Command(
        f"{MEASURED} --figure {name}",
        minutes,
        30.0,
        (),
        STREETS,
        RUNS,
        TRAININGS,
        together=MEASURED,
        parallel=True,
    )


CLAIMS = _figure("claims")


def _claimed(says: str, variant: str, claim: str, against: str, of: str) -> Claim:
    told = {"metric": "claimed", "preset": "printed", "scenes": "test*", "claim": claim, "against": against}
    return Claim(says, of, (value(variant=variant, **told),), unit="(mean IoU)")


def _superposed() -> Iterator[Claim]:
    for name, apart, said in (
        ("csc-sa-net", "csc-sa-net, orthogonal", "the paper's networks"),
        ("csc-sa-net", "csc-sa-net added halves, orthogonal", "the paper's networks, authors' halves added"),
        ("tuned", "tuned, orthogonal", "tuned"),
    ):
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
            yield _claimed(says, name, claim, apart, f"{said}, least gain")


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


def _acquires() -> Iterator[Claim]:
    """In the words of the project: the paper has no figure of stage II."""
    rivals = {
        "OMP, first path": "matching pursuit of one path",
        "least squares": "least squares",
        "PCA, learned acquisition": "PCA of channels that networks acquire",
    }
    for (name, said), (rival, named) in itertools.product(OWN.items(), rivals.items()):
        own, other = (
            [
                row(variant=one, metric="of_pca", axis="CSI-RS symbols L", x=pilots)
                for pilots in (8.0, 4.0, 2.0, 1.0)
            ]
            for one in (name, rival)
        )
        found = tuple(difference(a, b) for a, b in zip(own, other, strict=True))
        yield Claim(
            f"not in the paper: above {named} at L = 8, 4, 2 and 1",
            f"{said}, least gain",
            found,
            unit="of PCA",
        )


def _by_time() -> Iterator[Claim]:
    for says, first, second, time in (
        ("thermal alone above colour alone at night", "tuned thermal", "tuned colour", "night"),
        ("both above thermal alone at night", "tuned", "tuned thermal", "night"),
        ("colour alone above thermal alone by day", "tuned colour", "tuned thermal", "day"),
        ("both above colour alone by day", "tuned", "tuned colour", "day"),
    ):
        told = {"metric": "claimed", "preset": "printed", "scenes": "test*", "claim": says}
        found = (value(variant=first, against=second, time=time, **told),)
        yield Claim(
            f"not in the paper: {says}", "mean IoU at -15 dB, Q = 4, difference", found, unit="(mean IoU)"
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
        told = {"access": access} if access else {}
        found = (value(variant=variant, part=part, metric=metric, **told),)
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
    for other, parameters, operations in (
        ("DL-based CSI acquisition", 849.0, 0.425),
        ("DL-based precoding", 35.8, 0.661),
        ("MFNet", 3.23, 12.0),
    ):
        for way in ("counted as the paper does", "counted in full"):
            said = f"{way}, sizes of the authors' program, same within 2 %"
            yield from _counts(f"{other}, {{}}", said, way, other, "", parameters, operations)
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
                _claimed(
                    "single-stage training from scratch is unstable and often fails",
                    "csc-sa-net",
                    "three stages above one at -25 dB, Q = 4",
                    "csc-sa-net, from scratch",
                    "gain of three stages over one",
                ),
            ),
            CLAIMS,
            "csc_sa_net/claims.csv",
            "csc_sa_net/claims.png",
        ),
        Item(
            "Not in the paper: beams of stage II",
            "Networks of stage II against what is acquired otherwise",
            tuple(_acquires()),
            _figure("spectral_efficiency", 30.0),
            "csc_sa_net/spectral_efficiency.csv",
            "csc_sa_net/spectral_efficiency.png",
        ),
        Item(
            "Not in the paper: day and night",
            "Colour, thermal and both by time of the day",
            tuple(_by_time()),
            CLAIMS,
            "csc_sa_net/claims.csv",
            "csc_sa_net/claims.png",
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
