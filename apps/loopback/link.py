# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a kind of link brings along, and how it is found: each is a module of ``links/``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import ClassVar

from common.options import Chosen
from common.results import Row
from gnuradio import gr
from markupsafe import Markup

from semisac_ml.command_line import Options
from semisac_ml.runtime import Bundle
from semisac_ml.runtime.interfaces import Interface
from semisac_ml.signal.metrics import Metric

from . import links
from .air import AirSummary
from .options import LinkOptions


class link_flowgraph(gr.top_block):
    """What a link's flowgraph says of itself; the base of them all."""

    def done(self) -> int:
        """Images, or what else is sent, that have come through whole."""
        raise NotImplementedError

    def figures(self, finished: bool, patience_s: float | None) -> dict[str, Metric]:
        """Figures of merit by name.

        finished: the flow has ended by itself. patience_s: what may be spent on slow ones, None: no limit.
        """
        raise NotImplementedError

    def kept(self) -> object:
        """What the link's report shows of the run."""
        return None

    def air(self) -> AirSummary | None:
        """Of frames of samples and radar, None without them."""
        return None

    def error(self) -> Exception | None:
        """What ended the flow before its time, if anything did."""
        errors = (getattr(block, "error", None) for block in vars(self).values())
        return next((error for error in errors if isinstance(error, Exception)), None)


class Link:
    """One kind of link. A module of ``links/`` with a class derived from this one is all it takes.

    INTERFACE: of the bundles that it runs.
    SERVES: what its bundles are for, and one of them: "pictures, jssc/hifi". ITEMS: what is counted.
    DATA: what ``--data`` may be, in Markdown.
    OPTIONS: models of the options that it reads beside LinkOptions, each with a panel in the help. Links may
    share models.
    ROWS: figures by name, in the order of the table. TILES: names of those that head the report.
    MODULES: what figures and report import, loaded while the flowgraph runs so that Ctrl-C need not wait.

    Raises ValueError or DataError, when it is made or loads its data, for what cannot be run.
    """

    INTERFACE: ClassVar[type[Interface]]
    SERVES: ClassVar[str] = ""
    ITEMS: ClassVar[str] = "images"
    DATA: ClassVar[str] = ""
    OPTIONS: ClassVar[tuple[type[Options], ...]] = ()
    ROWS: ClassVar[Mapping[str, Row]] = {}
    TILES: ClassVar[tuple[str, ...]] = ()
    MODULES: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def serves(cls, bundle: Bundle) -> bool:
        """Whether this link runs a bundle."""
        return isinstance(bundle.manifest.interface, cls.INTERFACE)

    def __init__(self, bundle: Bundle, told: LinkOptions, *options: Options):
        self.bundle, self.told = bundle, told
        self._options = {type(model): model for model in options}
        self.source = told.data  # where the data came from, in words
        self.warnings: list[str] = []

    def chosen(self, model: type[Chosen]) -> Chosen:
        """Options of one of the models as they were given, or with their defaults."""
        return self._options.get(model) or model()

    def load(self) -> int:
        """Read the data; how many images it holds, 0 when nobody knows."""
        raise NotImplementedError

    def flowgraph(self, count: int) -> link_flowgraph:
        """Flowgraph that sends so many images; 0: as long as there are any."""
        raise NotImplementedError

    def conditions(self) -> list[str]:
        """What the figures hold for, such as "AWGN at 3 dB"."""
        return []

    def form(self) -> str:
        """How the data is sent, in words."""
        return ""

    def settings(self) -> dict[str, object]:
        """Settings by name, for people and JSON."""
        return {}

    def stated(self) -> dict[str, object]:
        """What else the JSON file tells, by section."""
        return {}

    def noted(self) -> dict[str, str]:
        """What else the report's last table tells, by name."""
        return {}

    def sections(self, kept: object, figures: Mapping[str, Metric]) -> Markup:
        """Sections of the report, between the tiles and the table of figures.

        kept: what the flowgraph kept.
        """
        return Markup("")


def kinds() -> list[type[Link]]:
    """Links that the modules of ``links/`` define."""
    names = sorted(found.name for found in pkgutil.iter_modules(links.__path__))
    modules = [importlib.import_module(f"{links.__name__}.{name}") for name in names]
    return [
        kind
        for module in modules
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Link) and kind.__module__ == module.__name__
    ]


def link_for(bundle: Bundle) -> type[Link]:
    """The link that runs a bundle, of several that whose interface says most. Raises ValueError for none."""
    serving = [kind for kind in kinds() if kind.serves(bundle)]
    if serving:
        return max(serving, key=lambda kind: len(kind.INTERFACE.__mro__))
    raise ValueError(
        f"bundle {bundle.name} {bundle.manifest.interface.does}, expected one for "
        f"{' or '.join(kind.SERVES for kind in kinds())}: choose another --bundle"
    )
