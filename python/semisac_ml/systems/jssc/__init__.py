# SPDX-License-Identifier: GPL-3.0-or-later
"""Joint sensing and semantic communications (JSSC): one encoder, three decoders.

Source: Y. E. Sagduyu, T. Erpek, A. Yener and S. Ulukus, "Joint Sensing and Semantic Communications with
Multi-Task Deep Learning".
"""
