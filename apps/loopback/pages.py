# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What pages of a report are made with."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from PIL import Image


def render(template: Path, **content: object) -> Markup:
    """Text of a template of Jinja; what is put into it is escaped, unless it is Markup."""
    environment = Environment(
        loader=FileSystemLoader(template.parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return Markup(environment.get_template(template.name).render(**content))


def data_url(pixels: np.ndarray) -> str:
    """Data URL of a picture, uint8 [height, width, 3]."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
