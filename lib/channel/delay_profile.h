/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_DELAY_PROFILE_H
#define INCLUDED_SEMISAC_DELAY_PROFILE_H

#include <string>
#include <vector>

namespace gr {
namespace semisac {

//! One tap of a tapped delay line.
struct profile_tap {
    double delay; // s, or in units of the delay spread
    double power; // mean, linear
    double los;   // share of the power in a path that does not fade, 0 to 1
};

/*!
 * \brief Tapped delay line "A" ... "E" of 3GPP TR 38.901, section 7.7.2.
 *
 * Delays in units of the delay spread, powers with sum 1. In D and E the path without
 * obstacle and the Rayleigh tap that arrive together are one Rician tap.
 *
 * \throws std::invalid_argument for any other name
 */
std::vector<profile_tap> tdl_profile(const std::string& name);

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_DELAY_PROFILE_H */
