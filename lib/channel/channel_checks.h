/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_CHANNEL_CHECKS_H
#define INCLUDED_SEMISAC_CHANNEL_CHECKS_H

#include "block/parameter_checks.h"
#include "channel/channel_plan.h"

namespace gr {
namespace semisac {

constexpr int MOST_TAPS = 32;
constexpr int LEAST_FADING_PATHS = 8;
constexpr int MOST_FADING_PATHS = 32;

/*!
 * \brief Check every setting of a fading_channel.
 *
 * \throws std::invalid_argument naming the first that is out of range or out of place
 */
void check_channel_settings(const channel_settings& settings, const channel_frame& frame);

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_CHANNEL_CHECKS_H */
