# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The channel in words, as the language model is told it, and the words as tokens of GPT-2.

"the SNR is 5 dB and the signal modulation is QPSK": section IV-A of the SIMAC paper. With whole decibels from
0 to 25 every such sentence has 14 tokens, so that nothing has to be padded. The tokens it can hold are few:
their numbers in GPT-2's vocabulary of 50,257 are stored here, and neither the tokenizer's files nor its
package are needed to speak to a network. Networks are given places in TOKENS.
"""

from __future__ import annotations

import numpy as np

LOWEST_DB, HIGHEST_DB = 0, 25
LENGTH = 14
BEFORE = ("the", " SN", "R", " is")
BETWEEN = (" dB", " and", " the", " signal", " modulation", " is")
MODULATION_PIECES = {
    "BPSK": (" B", "PS", "K"),
    "QPSK": (" Q", "PS", "K"),
    "8PSK": (" 8", "PS", "K"),
    "16QAM": (" 16", "Q", "AM"),
}
# what GPT-2's byte-pair encoding numbers the pieces
TOKENS = {
    "the": 1169,
    " SN": 11346,
    "R": 49,
    " is": 318,
    " dB": 30221,
    " and": 290,
    " the": 262,
    " signal": 6737,
    " modulation": 39007,
    " B": 347,
    " Q": 1195,
    "PS": 3705,
    "K": 42,
    "Q": 48,
    "AM": 2390,
    **{
        f" {number}": token
        for number, token in enumerate(
            (657, 352, 362, 513, 604, 642, 718, 767, 807, 860, 838, 1367, 1105)
            + (1511, 1478, 1315, 1467, 1596, 1248, 678, 1160, 2310, 2534, 2242, 1987, 1679)
        )
    },
    "<|endoftext|>": 50256,
}
PLACES = {piece: place for place, piece in enumerate(TOKENS)}
SILENCE = PLACES["<|endoftext|>"]
"""Place of the token that says nothing."""


def whole_db(snr_db: float) -> int:
    """The nearest SNR in whole decibels that there is a sentence for."""
    return int(np.clip(np.rint(snr_db), LOWEST_DB, HIGHEST_DB))


def pieces(snr_db: float, modulation: str) -> tuple[str, ...]:
    """The sentence in pieces; raises ValueError for a modulation that has no words."""
    if modulation not in MODULATION_PIECES:
        raise ValueError(f"modulation is {modulation!r}, expected one of {', '.join(MODULATION_PIECES)}")
    return (*BEFORE, f" {whole_db(snr_db)}", *BETWEEN, *MODULATION_PIECES[modulation])


def sentence(snr_db: float, modulation: str) -> str:
    """What the language model is told."""
    return "".join(pieces(snr_db, modulation))


def places(snr_db: float, modulation: str) -> np.ndarray:
    """Places of the sentence's tokens in TOKENS, int64 [LENGTH]."""
    return np.array([PLACES[piece] for piece in pieces(snr_db, modulation)], dtype=np.int64)


def nothing() -> np.ndarray:
    """As many tokens that say nothing, int64 [LENGTH]."""
    return np.full(LENGTH, SILENCE, dtype=np.int64)
