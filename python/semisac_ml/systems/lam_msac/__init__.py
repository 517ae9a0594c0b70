# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Beam prediction by a mixture of cross-attention experts, from any combination of modalities.

Source: Y. Peng, L. Xiang, K. Yang and J. Chen, "Large AI Model for Multimodal Integrated Sensing and
Communication".
"""
