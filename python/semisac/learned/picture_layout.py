# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What both ends of a picture link must agree upon."""

from __future__ import annotations

from dataclasses import dataclass

from semisac_ml.runtime import Bundle, BundleError, ImageLink
from semisac_ml.signal import picture_packets


@dataclass(frozen=True)
class PictureLayout:
    """Pictures of one size in packets of one bundle.

    shape: (channels, rows, columns) of the code. ratios: numbers of channels that may be sent, increasing.
    """

    height: int
    width: int
    shape: tuple[int, int, int]
    ratios: tuple[int, ...]
    channel_uses: int
    packets_per_frame: int

    @classmethod
    def of(cls, bundle: Bundle, height: int, width: int, packets_per_frame: int) -> PictureLayout:
        """Raises BundleError for a bundle without a picture code, ValueError for sizes that cannot be."""
        symbols = bundle.interface(ImageLink).symbols
        code = symbols.code
        if code is None:
            raise BundleError(
                f"bundle {bundle.name} is for images of one size, expected one for pictures, with "
                "symbols.code in its manifest, such as jssc/hifi: choose it, or the blocks jssc_encoder and "
                "jssc_decoder"
            )
        for name, length in (("height", height), ("width", width)):
            if int(length) < code.stride or int(length) % code.stride:
                raise ValueError(
                    f"{name} is {length}, expected a multiple of {code.stride} pixels: choose "
                    f"{max(round(length / code.stride), 1) * code.stride}"
                )
        if not 1 <= int(packets_per_frame) <= 4095:
            raise ValueError(f"packets_per_frame is {packets_per_frame}, expected 1 to 4095")
        layout = cls(
            height=int(height),
            width=int(width),
            shape=(code.channels, int(height) // code.stride, int(width) // code.stride),
            ratios=tuple(sorted(code.sent_channels)),
            channel_uses=int(symbols.channel_uses),
            packets_per_frame=int(packets_per_frame),
        )
        if len(layout.ratios) > picture_packets.MOST_RATIOS:
            raise BundleError(
                f"bundle {bundle.name}: symbols.code.sent_channels has {len(layout.ratios)} numbers, "
                f"expected at most {picture_packets.MOST_RATIOS}"
            )
        if layout.most_packets > picture_packets.MOST_PACKETS:
            raise ValueError(
                f"a picture of {height} x {width} has {layout.most_packets} packets, expected at most "
                f"{picture_packets.MOST_PACKETS}: choose a smaller one"
            )
        return layout

    @property
    def image_length(self) -> int:
        """Bytes of a picture."""
        return self.height * self.width * 3

    @property
    def most_packets(self) -> int:
        """Packets of a picture when the most channels are sent, frames filled."""
        return self.filled(self.packets(len(self.ratios) - 1))

    def packets(self, ratio: int) -> int:
        """Packets of a picture's code; ratio: place in `ratios`."""
        return picture_packets.packet_count(self.shape, self.ratios[ratio], self.channel_uses)

    def filled(self, packets: int) -> int:
        """Packets of the frames that so many packets take."""
        return -(-packets // self.packets_per_frame) * self.packets_per_frame

    def ratio_of(self, sent_channels: int) -> int:
        """Place in `ratios`; raises ValueError when it is none of them."""
        if sent_channels not in self.ratios:
            raise ValueError(
                f"sent_channels is {sent_channels}, expected one of {', '.join(map(str, self.ratios))}"
            )
        return self.ratios.index(sent_channels)
