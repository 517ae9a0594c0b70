/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_SINC_INTERPOLATOR_H
#define INCLUDED_SEMISAC_SINC_INTERPOLATOR_H

#include <gnuradio/gr_complex.h>
#include <cmath>

namespace gr {
namespace semisac {

/*!
 * \brief Samples between samples: a sinc of 16 taps under a Kaiser window.
 *
 * Beta 4.55 gives 50 dB; the transition then is 0.2 of the sample rate wide (J. F.
 * Kaiser, "Nonrecursive digital filter design using the I0-sinh window function", 1974),
 * so that 0.8 of the band is left as it was.
 */
class sinc_interpolator
{
public:
    static constexpr int TAPS = 16;
    //! Samples needed before and behind those between which one lies.
    static constexpr int BEFORE = TAPS / 2 - 1, BEHIND = TAPS / 2;

    //! fraction: of a sample by which to look ahead, 0 to 1
    explicit sinc_interpolator(double fraction)
    {
        constexpr double BETA = 4.55;
        double sum = 0.0;
        double taps[TAPS];
        for (int tap = 0; tap < TAPS; ++tap) {
            const double time = tap - BEFORE - fraction;
            const double place = 2.0 * time / TAPS;
            const double window = std::cyl_bessel_i(
                0.0, BETA * std::sqrt(std::fmax(1.0 - place * place, 0.0)));
            const double angle = M_PI * time;
            taps[tap] = window * (std::abs(angle) < 1e-9 ? 1.0 : std::sin(angle) / angle);
            sum += taps[tap];
        }
        for (int tap = 0; tap < TAPS; ++tap)
            d_taps[tap] = static_cast<float>(taps[tap] / sum);
    }

    //! out[n] = samples at n + fraction; samples[-BEFORE] to samples[count - 1 + BEHIND]
    //! are read.
    void run(const gr_complex* samples, gr_complex* out, int count) const
    {
        const auto* in = reinterpret_cast<const float*>(samples - BEFORE);
        auto* result = reinterpret_cast<float*>(out);
        for (int n = 0; n < 2 * count; ++n) {
            float sum = 0.0f;
            for (int tap = 0; tap < TAPS; ++tap)
                sum += d_taps[tap] * in[n + 2 * tap];
            result[n] = sum;
        }
    }

private:
    float d_taps[TAPS];
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_SINC_INTERPOLATOR_H */
