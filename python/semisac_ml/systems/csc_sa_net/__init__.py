# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Colour and thermal pictures of two users, added on the air by massive MIMO, fused into one segmentation.

Source: M. Wu and Z. Gao, "E2E Learning Massive MIMO for Multimodal Semantic Non-Orthogonal Transmission and
Fusion"; equation numbers in this folder are that paper's.
"""
