# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Blocks that run the networks of a bundle: encoders, and decoders of images, classes and echoes."""
