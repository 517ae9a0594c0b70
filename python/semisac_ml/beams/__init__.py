# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the systems of beam prediction share: samples, inputs that may be absent, protocol, baselines."""
