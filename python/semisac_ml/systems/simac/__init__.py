# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Radar and camera fused, encoded by a language model that knows the channel, decoded into a target's state.

Source: Y. Peng, L. Xiang, K. Yang, F. Jiang, K. Wang and D. O. Wu, "SIMAC: A Semantic-Driven Integrated
Multimodal Sensing And Communication Framework".
"""
