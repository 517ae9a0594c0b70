/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_LEAKAGE_PEAK_H
#define INCLUDED_SEMISAC_LEAKAGE_PEAK_H

#include "math/fractional_delay.h"
#include "radio/latency_search.h"
#include <volk/volk.h>
#include <algorithm>
#include <cmath>

namespace gr {
namespace semisac {

/*!
 * \brief Is the direct leakage of a frame's chirps where it is expected?
 *
 * The correlation with the chirps is formed at WIDTH lags on either side. The peak of a
 * signal that fills four fifths of the band has fallen to half its power at 0.55
 * samples: it has moved where another lag has twice the power of the expected place.
 */
class leakage_peak
{
public:
    static constexpr int WIDTH = 16;
    //! Samples needed before the expected ones, and behind the chirps.
    static constexpr int BEFORE = WIDTH + PEAK_REACH, BEHIND = WIDTH + PEAK_REACH;

    /*!
     * \brief Look at a frame.
     *
     * \param chirps that were sent, `count` samples
     * \param received the sample next before the place where they should begin
     * \param fraction from there to that place
     */
    void
    look(const gr_complex* chirps, int count, const gr_complex* received, double fraction)
    {
        gr_complex energy;
        volk_32fc_x2_conjugate_dot_prod_32fc(&energy, chirps, chirps, count);
        const float scale = 1.0f / std::max(energy.real(), 1e-30f);
        for (int i = 0; i < LAGS; ++i) {
            volk_32fc_x2_conjugate_dot_prod_32fc(
                &d_values[i], received + i - BEFORE, chirps, count);
            d_values[i] *= scale;
        }
        gr_complex expected;
        interpolate(d_values + BEFORE - HALF_KERNEL + 1,
                    interpolation_kernel(fraction),
                    &expected,
                    1);
        d_expected = std::norm(expected);
        const gr_complex* from = d_values + BEFORE - WIDTH;
        const gr_complex* peak = std::max_element(
            from, from + 2 * WIDTH + 1, [](const gr_complex& a, const gr_complex& b) {
                return std::norm(a) < std::norm(b);
            });
        d_peak = std::norm(*peak);
        d_place = static_cast<int>(peak - d_values);
    }

    //! Power of the peak at the expected place, over that of the chirps.
    double expected_gain() const { return d_expected; }
    //! The largest one around.
    double peak_gain() const { return d_peak; }
    bool has_moved() const { return d_peak > 2.0 * d_expected; }
    //! Place of the largest one behind `received`.
    double peak_place() const
    {
        return d_place - BEFORE + peak_between_samples(d_values + d_place - PEAK_REACH);
    }

private:
    static constexpr int LAGS = 2 * BEFORE + 1;

    gr_complex d_values[LAGS];
    double d_expected = 0.0, d_peak = 0.0;
    int d_place = BEFORE;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_LEAKAGE_PEAK_H */
