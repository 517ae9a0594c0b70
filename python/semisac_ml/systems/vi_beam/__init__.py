# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Beam prediction from any sensors that happen to work: variational experts, shared and private latents.

Source: Z. Zheng, W. Yi, H. Shin and A. Nallanathan, "Multimodal Learning for MIMO Beam Prediction Based on
Variational Inference", 2026.
"""
