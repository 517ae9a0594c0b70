/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_SAMPLE_CLOCK_H
#define INCLUDED_SEMISAC_SAMPLE_CLOCK_H

#include "block/tag_values.h"
#include "math/wide_product.h"
#include <algorithm>
#include <cmath>
#include <cstdint>

namespace gr {
namespace semisac {

//! A time of a radio as its drivers write it: whole seconds, and 0 <= fraction < 1.
struct radio_time {
    uint64_t full = 0;
    double fraction = 0.0;
};

/*!
 * \brief Which sample is taken at which time.
 *
 * A rate of double precision is the quotient p / 2^s of whole numbers, so that sample n
 * is n 2^s / p seconds behind the start: whole seconds and what remains are found by
 * integer division, and the fraction is right to the last bit but one after any number
 * of hours. A running sum of the frames' lengths in seconds would drift instead.
 */
class sample_clock
{
public:
    explicit sample_clock(double sample_rate_hz) : d_rate(sample_rate_hz)
    {
        int exponent;
        d_numerator =
            static_cast<int64_t>(std::ldexp(std::frexp(sample_rate_hz, &exponent), 53));
        d_shift = 53 - exponent;
        for (; d_shift > 0 && d_numerator % 2 == 0; --d_shift)
            d_numerator /= 2;
    }

    double sample_rate_hz() const { return d_rate; }

    //! Time of a sample, `start` that of sample 0.
    radio_time time_of(const radio_time& start, int64_t sample) const
    {
        // Seconds and what remains of sample 2^s / p, with as many factors of 2 in each
        // step as fit beside a rest below p <= 2^53.
        int64_t whole = sample / d_numerator, rest = sample % d_numerator;
        if (rest < 0) {
            rest += d_numerator;
            --whole;
        }
        for (int left = d_shift; left > 0;) {
            const int step = std::min(left, 10);
            rest *= int64_t(1) << step;
            whole = whole * (int64_t(1) << step) + rest / d_numerator;
            rest %= d_numerator;
            left -= step;
        }
        double fraction =
            start.fraction + static_cast<double>(rest) / static_cast<double>(d_numerator);
        if (fraction >= 1.0) {
            fraction -= 1.0;
            ++whole;
        }
        return { start.full + static_cast<uint64_t>(whole), fraction };
    }

    //! The sample next to a time, `start` that of sample 0; below 0 before it.
    int64_t sample_at(const radio_time& start, const radio_time& time) const
    {
        // Seconds times p / 2^s, rounded down: in two's complement that is a shift.
        const bool before = time.full < start.full;
        wide_product scaled =
            multiply_wide(before ? start.full - time.full : time.full - start.full,
                          static_cast<uint64_t>(d_numerator));
        if (before) {
            scaled.low = 0 - scaled.low;
            scaled.high = ~scaled.high + (scaled.low == 0 ? 1 : 0);
        }
        uint64_t whole = scaled.low, rest = 0;
        if (d_shift > 0) {
            whole = scaled.high << (64 - d_shift) | scaled.low >> d_shift;
            rest = scaled.low & ((uint64_t(1) << d_shift) - 1);
        }
        const double part = std::ldexp(static_cast<double>(rest), -d_shift);
        return static_cast<int64_t>(whole) +
               std::llround(part + (time.fraction - start.fraction) * d_rate);
    }

private:
    const double d_rate;
    int64_t d_numerator;
    int d_shift;
};

//! A time as the value of the tags tx_time and rx_time.
inline pmt::pmt_t time_tuple(const radio_time& time)
{
    return pmt::make_tuple(pmt::from_uint64(time.full), pmt::from_double(time.fraction));
}

//! Whether a value is a time, which is written into `time` then: a tuple of whole seconds
//! (an integer of either kind, 0 or more) and a fraction (a real number or integer, from
//! 0 to 1).
inline bool read_time_tuple(const pmt::pmt_t& value, radio_time& time)
{
    if (!pmt::is_tuple(value) || pmt::length(value) < 2)
        return false;
    const std::optional<int64_t> full = integer_of(pmt::tuple_ref(value, 0));
    const std::optional<double> fraction = real_of(pmt::tuple_ref(value, 1));
    if (!full || *full < 0 || !fraction || !(*fraction >= 0.0 && *fraction <= 1.0))
        return false;
    time = { static_cast<uint64_t>(*full), *fraction };
    return true;
}

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_SAMPLE_CLOCK_H */
