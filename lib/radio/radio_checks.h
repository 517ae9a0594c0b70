/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_RADIO_CHECKS_H
#define INCLUDED_SEMISAC_RADIO_CHECKS_H

#include "block/parameter_checks.h"
#include "radio/sample_clock.h"
#include <string>

namespace gr {
namespace semisac {

inline double require_sample_rate(const std::string& block, double sample_rate_hz)
{
    return require_in_range(block + ": sample_rate_hz",
                            sample_rate_hz,
                            1e3,
                            1e10,
                            "give the samples a second");
}

inline double require_time_scale(const std::string& block, double time_scale)
{
    if (time_scale == 0.0) // the clock is that of the samples
        return time_scale;
    return require_in_range(block + ": time_scale",
                            time_scale,
                            1e-3,
                            1e3,
                            "give the seconds of the radio in a second, or 0 for a radio "
                            "that waits for its samples");
}

inline radio_time checked_time(const std::string& where, uint64_t full, double fraction)
{
    if (!(fraction >= 0.0 && fraction < 1.0))
        throw std::invalid_argument(
            where + " has the fraction " + number_text(fraction) +
            ", expected 0 to 1; give whole seconds and what is left of one.");
    return { full, fraction };
}

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_RADIO_CHECKS_H */
