# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What bundles of mosaic say of themselves."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from semisac_ml.runtime import ImageLink


class Interface(ImageLink):
    """tiles: of a picture, along each side."""

    tiles: Annotated[int, Field(ge=1)]
