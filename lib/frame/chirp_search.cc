/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "frame/chirp_search.h"
#include "math/power_of_two.h"
#include <volk/volk.h>
#include <algorithm>
#include <cstring>

namespace gr {
namespace semisac {

namespace {

// Where the energy is lower by this than that of the block it is silence: rho would be
// the ratio of two rounding errors.
constexpr double SILENCE = 1e-10;

} // namespace

chirp_search::chirp_search(const volk::vector<gr_complex>& chirp, int most_lags)
    : d_length(static_cast<int>(chirp.size())),
      // Overlap and save wastes L - 1 of each FFT: with 4 L to 8 L it is cheapest.
      d_fft_size(power_of_two(4 * d_length)),
      d_lags(std::min(most_lags, d_fft_size - d_length + 1)),
      d_forward(d_fft_size),
      d_backward(d_fft_size),
      d_reference(d_fft_size),
      d_power(d_lags),
      d_rho(d_lags),
      d_sample_power(d_fft_size)
{
    std::fill_n(d_forward.get_inbuf(), d_fft_size, gr_complex(0.0f));
    std::copy(chirp.begin(), chirp.end(), d_forward.get_inbuf());
    d_forward.execute();
    for (int k = 0; k < d_fft_size; ++k)
        d_reference[k] =
            std::conj(d_forward.get_outbuf()[k]) / static_cast<float>(d_fft_size);
}

void chirp_search::run(const gr_complex* samples, int available)
{
    available = std::clamp(available, 0, this->samples());
    gr_complex* block = d_forward.get_inbuf();
    std::memcpy(block, samples, available * sizeof(gr_complex));
    std::fill(block + available, block + d_fft_size, gr_complex(0.0f));
    volk_32fc_magnitude_squared_32f(d_sample_power.data(), block, d_fft_size);

    d_forward.execute();
    volk_32fc_x2_multiply_32fc(
        d_backward.get_inbuf(), d_forward.get_outbuf(), d_reference.data(), d_fft_size);
    d_backward.execute();
    volk_32fc_magnitude_squared_32f(d_power.data(), d_backward.get_outbuf(), d_lags);

    float total = 0.0f;
    volk_32f_accumulator_s32f(&total, d_sample_power.data(), d_fft_size);
    const double least = std::max(SILENCE * total, 1e-30);
    double energy = 0.0;
    for (int i = 0; i < d_length - 1; ++i)
        energy += d_sample_power[i];
    for (int n = 0; n < d_lags; ++n) {
        energy += d_sample_power[n + d_length - 1];
        d_rho[n] =
            energy > least ? d_power[n] / static_cast<float>(d_length * energy) : 0.0f;
        energy -= d_sample_power[n];
    }
}

} // namespace semisac
} // namespace gr
