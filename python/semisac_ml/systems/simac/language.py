# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Language-model semantic encoder (LSE), Eqs. (34) to (39) of SIMAC, and what it is compared with.

Semantics and the channel, in words, are one sequence for GPT-2. What says the channel and what encodes can be
exchanged, to find out what a gain comes from: the sentence for three numbers or for nothing, GPT-2 for LSTM,
GRU or a perceptron.

Eq. (38) pools "along the sequence", but it is the feature size that it halves: neighbours among the features
are pooled here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from .channel_text import LENGTH, TOKENS

BACKBONES = ("gpt2", "lstm", "gru", "perceptron")
CONDITIONS = ("sentence", "numbers", "nothing")
GPT2_VOCABULARY = 50257
GPT2_POSITIONS = 1024
CHANNEL_NUMBERS = 3
"""SNR in units of 10 dB, bits of a symbol, 1 for Rayleigh fading."""


@dataclass(frozen=True)
class LanguageSettings:
    """Sizes.

    backbone: one of BACKBONES. condition: one of CONDITIONS. size: d. layers, heads: of GPT-2; the others
    have as many parameters as their form allows. whole_vocabulary: whether all of GPT-2's words have an
    embedding, as pretrained weights have, or only those of the sentences. dropout: everywhere in GPT-2.
    """

    backbone: str = "gpt2"
    condition: str = "sentence"
    size: int = 768
    layers: int = 12
    heads: int = 12
    whole_vocabulary: bool = True
    dropout: float = 0.1

    def __post_init__(self) -> None:
        for name, known in (("backbone", BACKBONES), ("condition", CONDITIONS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected one of {', '.join(known)}")


def gpt2(settings: LanguageSettings, weights: str | os.PathLike[str] | None = None) -> nn.Module:
    """GPT-2 without the head that guesses words.

    Parameters
    ----------
    weights : path or str, optional
        Folder of weights in the form of `transformers`, or a name that it knows, such as "gpt2", which it
        downloads; without it the weights are drawn.

    Raises
    ------
    ValueError
        If the weights are not there or of other sizes.
    """
    from transformers import GPT2Config, GPT2Model

    whole = settings.whole_vocabulary
    config = GPT2Config(
        vocab_size=GPT2_VOCABULARY if whole else len(TOKENS),
        n_positions=GPT2_POSITIONS if whole else 64,
        n_embd=settings.size,
        n_layer=settings.layers,
        n_head=settings.heads,
        resid_pdrop=settings.dropout,
        embd_pdrop=settings.dropout,
        attn_pdrop=settings.dropout,
        bos_token_id=None,
        eos_token_id=None,
        use_cache=False,
        attn_implementation="eager",  # what is exported and counted as it is written
    )
    if weights is None:
        return GPT2Model(config)
    name = str(Path(weights).expanduser()) if os.path.exists(Path(weights).expanduser()) else str(weights)
    try:
        model, told = GPT2Model.from_pretrained(name, config=config, output_loading_info=True)
        if told["missing_keys"]:
            raise ValueError(f"{sorted(told['missing_keys'])[0]} is missing")
        return model
    except (OSError, RuntimeError, ValueError) as error:
        why = " ".join(str(error).split())[:200]
        raise ValueError(
            f"GPT-2's weights {str(weights)!r} cannot be used ({why}): expected a folder with config.json "
            f"and model.safetensors of {settings.layers} layers of {settings.size}, or the name gpt2"
        ) from error


class _Gpt2(nn.Module):
    def __init__(self, settings: LanguageSettings, weights: str | None) -> None:
        super().__init__()
        self.model = gpt2(settings, weights)
        numbers = list(TOKENS.values()) if settings.whole_vocabulary else list(range(len(TOKENS)))
        self.register_buffer("numbers", torch.tensor(numbers), persistent=False)

    def embed(self, places: Tensor) -> Tensor:
        """Eq. (34)."""
        return self.model.wte(self.numbers[places])

    def forward(self, sequence: Tensor) -> Tensor:
        """Eqs. (36) and (37): sentences are of one length, so that the mask is all ones."""
        mask = torch.ones(sequence.shape[:2], dtype=torch.long, device=sequence.device)
        return self.model(inputs_embeds=sequence, attention_mask=mask).last_hidden_state


class _Recurrent(nn.Module):
    """LSTM or GRU of one layer over the sequence."""

    def __init__(self, settings: LanguageSettings) -> None:
        super().__init__()
        kind = {"lstm": nn.LSTM, "gru": nn.GRU}[settings.backbone]
        self.words = nn.Embedding(len(TOKENS), settings.size)
        self.layers = kind(settings.size, settings.size, settings.layers, batch_first=True)
        self.norm = nn.LayerNorm(settings.size)

    def embed(self, places: Tensor) -> Tensor:
        return self.words(places)

    def forward(self, sequence: Tensor) -> Tensor:
        return self.norm(self.layers(sequence)[0])


class _Perceptron(nn.Module):
    """Two dense layers on each vector and the mean of all, of about as many parameters as GPT-2's layers."""

    def __init__(self, settings: LanguageSettings) -> None:
        super().__init__()
        size = settings.size
        width = 4 * size * settings.layers  # 3 size width = 12 size^2 layers
        self.words = nn.Embedding(len(TOKENS), size)
        self.first, self.second = nn.Linear(2 * size, width), nn.Linear(width, size)
        self.norm = nn.LayerNorm(size)

    def embed(self, places: Tensor) -> Tensor:
        return self.words(places)

    def forward(self, sequence: Tensor) -> Tensor:
        mean = sequence.mean(dim=1, keepdim=True).expand_as(sequence)
        hidden = functional.gelu(self.first(torch.cat([sequence, mean], dim=2)))
        return self.norm(sequence + self.second(hidden))


class LanguageEncoder(nn.Module):
    """Semantics [batch, L_s, d] and the channel to an encoding [batch, L_s + LENGTH, d/2] in (-1, 1).

    The channel is given both ways: places of tokens, int64 [batch, LENGTH], and numbers, float32 [batch,
    CHANNEL_NUMBERS]; the settings say which of them is heard.
    """

    def __init__(self, settings: LanguageSettings, weights: str | None = None) -> None:
        super().__init__()
        self.settings = settings
        if settings.backbone == "gpt2":
            self.backbone: nn.Module = _Gpt2(settings, weights)
        elif settings.backbone == "perceptron":
            self.backbone = _Perceptron(settings)
        else:
            self.backbone = _Recurrent(settings)
        if settings.condition == "numbers":
            self.numbers = nn.Linear(CHANNEL_NUMBERS, LENGTH * settings.size)

    def _channel(self, places: Tensor, numbers: Tensor) -> Tensor:
        if self.settings.condition == "numbers":
            return self.numbers(numbers).unflatten(1, (LENGTH, -1))
        if self.settings.condition == "nothing":
            places = torch.full_like(places, len(TOKENS) - 1)
        return self.backbone.embed(places)

    def forward(self, semantics: Tensor, places: Tensor, numbers: Tensor) -> Tensor:
        sequence = torch.cat([semantics, self._channel(places, numbers)], dim=1)
        hidden = self.backbone(sequence)
        return torch.tanh(hidden.unflatten(-1, (-1, 2)).amax(dim=-1))
