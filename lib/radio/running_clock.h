/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_RUNNING_CLOCK_H
#define INCLUDED_SEMISAC_RUNNING_CLOCK_H

#include "radio/sample_clock.h"
#include <chrono>
#include <cmath>

namespace gr {
namespace semisac {

//! A clock that was set to a radio's time, and goes on with the steady clock.
class running_clock
{
public:
    void set(const radio_time& now)
    {
        d_time = now;
        d_set_at = steady::now();
    }

    //! Seconds of the radio in a second; 1 but for simulated radios.
    void set_scale(double scale)
    {
        set(now());
        d_scale = scale;
    }

    //! Seconds of the radio since it was set.
    double elapsed_s() const
    {
        return d_scale * std::chrono::duration<double>(steady::now() - d_set_at).count();
    }

    radio_time now() const
    {
        const double fraction = d_time.fraction + elapsed_s();
        const double whole = std::floor(fraction);
        return { d_time.full + static_cast<uint64_t>(whole), fraction - whole };
    }

private:
    using steady = std::chrono::steady_clock;

    radio_time d_time;
    steady::time_point d_set_at = steady::now();
    double d_scale = 1.0;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_RUNNING_CLOCK_H */
