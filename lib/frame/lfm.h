/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_LFM_H
#define INCLUDED_SEMISAC_LFM_H

#include <gnuradio/gr_complex.h>
#include <gnuradio/semisac/frame_parameters.h>
#include <cmath>
#include <complex>
#include <vector>

namespace gr {
namespace semisac {

/*!
 * \brief Pulse of modulus 1 whose frequency rises from -bandwidth_hz / 2 to
 * bandwidth_hz / 2.
 *
 * x[n] = exp(j pi (B / fs) (n - (L - 1) / 2)^2 / L), n = 0 ... L - 1: symmetric in time,
 * so that a carrier offset f moves the peak of its matched filter by -f / mu seconds and
 * that of its conjugate, the down-chirp, by f / mu, with the slope mu = B fs / L in Hz/s.
 */
inline std::vector<gr_complex>
up_chirp(int samples, double bandwidth_hz, double sample_rate_hz)
{
    std::vector<gr_complex> chirp(samples);
    for (int n = 0; n < samples; ++n) {
        const double time = n - 0.5 * (samples - 1);
        chirp[n] = gr_complex(std::polar(
            1.0, M_PI * (bandwidth_hz / sample_rate_hz) / samples * time * time));
    }
    return chirp;
}

//! Up-chirp of a frame; the down-chirp is its conjugate.
inline std::vector<gr_complex> frame_chirp(const frame_parameters& parameters)
{
    return up_chirp(parameters.chirp_samples,
                    parameters.chirp_bandwidth_hz,
                    parameters.sample_rate_hz);
}

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_LFM_H */
