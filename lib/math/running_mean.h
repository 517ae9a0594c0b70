/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_RUNNING_MEAN_H
#define INCLUDED_SEMISAC_RUNNING_MEAN_H

#include <algorithm>
#include <cmath>

namespace gr {
namespace semisac {

/*!
 * \brief Mean of powers that becomes an exponential one, which a damaged one cannot
 * spoil.
 *
 * Value n has the weight 1 / n, from number `most` on 1 / most. What is not finite or not
 * above 0 is left out, and a value counts as LEAP times the mean at most: one that is
 * 1e30 times too large is forgotten after some 45 others, and a lasting rise is followed
 * by a factor of 4 and more a value (most = 32).
 */
class running_mean
{
public:
    static constexpr double LEAP = 100.0;

    explicit running_mean(int most) : d_most(most) {}

    void restart()
    {
        d_mean = 0.0;
        d_count = 0;
    }

    void add(double value)
    {
        if (!std::isfinite(value) || value <= 0.0)
            return;
        if (d_count > 0)
            value = std::min(value, LEAP * d_mean);
        d_count = std::min(d_count + 1, d_most);
        d_mean += (value - d_mean) / d_count;
    }

    //! Values so far, `most` at the most.
    int count() const { return d_count; }
    //! 0 where there is none yet.
    double value() const { return d_mean; }

private:
    const int d_most;
    double d_mean = 0.0;
    int d_count = 0;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_RUNNING_MEAN_H */
