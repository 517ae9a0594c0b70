# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Experts of cross-attention, a gate that chooses some of them, and what keeps them all in use."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class CrossAttentionExpert(nn.Module):
    """A transformer block whose queries attend to the tokens of all modalities that are present.

    size: of a token. heads: of the attention. widening: of the feed-forward part. dropout: of both.
    """

    def __init__(self, size: int, heads: int, widening: int, dropout: float) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(size, heads, dropout=dropout, batch_first=True)
        self.first_norm = nn.LayerNorm(size)
        self.feed_forward = nn.Sequential(
            nn.Linear(size, widening * size),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(widening * size, size),
        )
        self.second_norm = nn.LayerNorm(size)

    def forward(self, queries: Tensor, tokens: Tensor, absent: Tensor) -> Tensor:
        """Queries [batch, queries, size] after attending to tokens [batch, tokens, size].

        absent: bool [batch, tokens], tokens that are not attended to; at least one is.
        """
        attended, _ = self.attention(queries, tokens, tokens, key_padding_mask=absent, need_weights=False)
        hidden = self.first_norm(queries + attended)
        return self.second_norm(hidden + self.feed_forward(hidden))


class MixtureOfExperts(nn.Module):
    """The experts with the highest gate scores, weighted by these.

    In training only the samples that chose an expert run through it. In an exported network each expert is a
    branch (ONNX If) that runs where some sample of the batch chose it: of single samples the chosen ones
    alone. The exporter that traces, of PyTorch before 2.9, knows no branches: there all of them run, the
    weights of the others being zero.

    gate_inputs: size of the vector that the gate sees. experts: their number. chosen: how many a sample uses.
    """

    def __init__(
        self,
        size: int,
        gate_inputs: int,
        *,
        experts: int = 4,
        chosen: int = 2,
        heads: int = 4,
        widening: int = 2,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if not 1 <= chosen <= experts:
            raise ValueError(f"{chosen} of {experts} experts are chosen, expected 1 to {experts}")
        self.chosen = chosen
        self.gate = nn.Linear(gate_inputs, experts)
        self.experts = nn.ModuleList(
            CrossAttentionExpert(size, heads, widening, dropout) for _ in range(experts)
        )

    def gate_weights(self, gate_input: Tensor) -> tuple[Tensor, Tensor]:
        """Weights [batch, experts], zero for experts not chosen, and the gate's probabilities."""
        probability = torch.softmax(self.gate(gate_input), dim=1)
        best = torch.topk(probability, self.chosen, dim=1).values[:, -1:]
        kept = torch.where(probability >= best, probability, torch.zeros_like(probability))
        return kept / kept.sum(dim=1, keepdim=True), probability

    def forward(
        self, queries: Tensor, tokens: Tensor, absent: Tensor, gate_input: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Fused queries [batch, queries, size] and the gate's probabilities [batch, experts]."""
        weights, probability = self.gate_weights(gate_input)
        if torch.compiler.is_compiling():  # while it is exported
            used, given = weights.amax(dim=0) > 0, (queries, tokens, absent)
            fused = torch.zeros_like(queries)
            for place, expert in enumerate(self.experts):
                own = torch.cond(used[place], expert, lambda queries, *_: torch.zeros_like(queries), given)
                fused = fused + weights[:, place, None, None] * own
            return fused, probability
        if torch.jit.is_tracing():  # by an older exporter
            outputs = torch.stack([expert(queries, tokens, absent) for expert in self.experts], dim=1)
            return (weights[:, :, None, None] * outputs).sum(dim=1), probability
        fused = torch.zeros_like(queries)
        for place, expert in enumerate(self.experts):
            rows = weights[:, place].nonzero()[:, 0]
            if len(rows):
                own = expert(queries[rows], tokens[rows], absent[rows])
                fused = fused.index_add(0, rows, weights[rows, place, None, None] * own)
        return fused, probability


def load_balance(probability: Tensor) -> Tensor:
    """Kullback-Leibler divergence of the mean gate probabilities [batch, experts] from uniform, nats."""
    usage = probability.mean(dim=0)
    return (usage * torch.log(usage * usage.numel() + 1e-9)).sum()


class AttentionPooling(nn.Module):
    """Multi-head self-attention over the vectors of the modalities, then a learned weighted mean of them."""

    def __init__(self, size: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(size, heads, dropout=dropout, batch_first=True)
        self.norm = nn.LayerNorm(size)
        self.score = nn.Linear(size, 1)

    def forward(self, vectors: Tensor, absent: Tensor) -> Tensor:
        """One vector [batch, size] of [batch, vectors, size]; absent: bool [batch, vectors]."""
        mixed, _ = self.attention(vectors, vectors, vectors, key_padding_mask=absent, need_weights=False)
        mixed = self.norm(vectors + mixed)
        score = self.score(mixed)[..., 0].masked_fill(absent, -1e4)
        return (torch.softmax(score, dim=1)[..., None] * mixed).sum(dim=1)
