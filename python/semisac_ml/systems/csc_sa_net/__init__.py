# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two users' semantics added on the air by massive MIMO, and fused into one segmentation.

Source: M. Wu and Z. Gao, "E2E Learning Massive MIMO for Multimodal Semantic Non-Orthogonal Transmission and
Fusion" (CSC-SA-Net).
"""
