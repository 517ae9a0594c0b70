/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "math/fractional_delay.h"
#include "math/sample_energy.h"
#include "radio/latency_search.h"
#include <volk/volk.h>
#include <algorithm>
#include <cmath>
#include <complex>
#include <cstring>

namespace gr {
namespace semisac {

namespace {

// What repeats has many peaks, alike but for noise: the first of them is taken.
constexpr double BETTER = 1.02;

} // namespace

double peak_between_samples(const gr_complex* values)
{
    const auto power_at = [values](double t) {
        std::complex<double> sum;
        for (int j = -PEAK_REACH; j <= PEAK_REACH; ++j)
            sum += interpolation_weight(t - j) *
                   std::complex<double>(values[PEAK_REACH + j]);
        return std::norm(sum);
    };
    double low = -1.0, high = 1.0; // by thirds: the peak is the only one between them
    while (high - low > 1e-4) {
        const double third = (high - low) / 3.0;
        if (power_at(low + third) < power_at(high - third))
            low += third;
        else
            high -= third;
    }
    return 0.5 * (low + high);
}

latency_search::latency_search()
    : d_forward(SIZE),
      d_backward(SIZE),
      d_signal(MOST_SIGNAL / BLOCK, volk::vector<gr_complex>(SIZE)),
      d_sums(MOST_SIGNAL / BLOCK, volk::vector<gr_complex>(SIZE)),
      d_product(SIZE),
      d_values(BLOCK + 2 * PEAK_REACH),
      d_power(BLOCK)
{
}

void latency_search::begin(const gr_complex* signal,
                           int samples,
                           int64_t lags,
                           int64_t first_heard)
{
    d_pieces = (samples + BLOCK - 1) / BLOCK;
    double energy = 0.0;
    for (int piece = 0; piece < d_pieces; ++piece) {
        const int first = piece * BLOCK;
        const int count = std::min(samples - first, +BLOCK);
        std::memcpy(d_forward.get_inbuf(), signal + first, count * sizeof(gr_complex));
        std::fill(
            d_forward.get_inbuf() + count, d_forward.get_inbuf() + SIZE, gr_complex());
        energy += energy_of(signal + first, count);
        d_forward.execute();
        volk_32f_s32f_multiply_32f(reinterpret_cast<float*>(d_signal[piece].data()),
                                   reinterpret_cast<float*>(d_forward.get_outbuf()),
                                   1.0f / SIZE,
                                   2 * SIZE);
        std::fill(d_sums[piece].begin(), d_sums[piece].end(), gr_complex());
    }
    std::fill(d_values.begin(), d_values.end(), gr_complex());
    d_energy = std::max(energy, 1e-30);
    d_lags = lags;
    d_first_heard = first_heard;
    d_block = 0;
    d_best = d_sum = 0.0;
    d_lag = 0.0;
    d_summed = 0;
    d_found = false;
    d_running = true;
}

void latency_search::add(const gr_complex* samples)
{
    copy_sound(samples, d_forward.get_inbuf());
    d_forward.execute();
    for (int piece = 0; piece < d_pieces && piece <= d_block; ++piece) {
        volk::vector<gr_complex>& sum = d_sums[(d_block - piece) % d_pieces];
        volk_32fc_x2_multiply_conjugate_32fc(
            d_product.data(), d_forward.get_outbuf(), d_signal[piece].data(), SIZE);
        volk_32f_x2_add_32f(reinterpret_cast<float*>(sum.data()),
                            reinterpret_cast<float*>(sum.data()),
                            reinterpret_cast<float*>(d_product.data()),
                            2 * SIZE);
    }
    ++d_block;
    if (d_block >= d_pieces)
        look_at_lags();
}

// A sample that is damaged would hide what all others say: it is taken for none. So is
// one with a quarter of the energy of all.
void latency_search::copy_sound(const gr_complex* from, gr_complex* to)
{
    float energy = 0.0f, most = 0.0f;
    for (int n = 0; n < SIZE; ++n) {
        const float power = std::norm(from[n]);
        const bool sound = power < LARGEST_ENERGY;
        to[n] = sound ? from[n] : gr_complex();
        energy += sound ? power : 0.0f;
        most = std::max(most, sound ? power : 0.0f);
    }
    const float limit = 0.25f * energy;
    if (most > limit)
        std::replace_if(
            to,
            to + SIZE,
            [limit](gr_complex value) { return std::norm(value) > limit; },
            gr_complex());
}

// The lags that the last block of the stream completed; a peak needs its neighbours on
// both sides, so that it is looked for a reach later.
void latency_search::look_at_lags()
{
    const int64_t first = (d_block - d_pieces) * BLOCK; // lag
    volk::vector<gr_complex>& sum = d_sums[(d_block - d_pieces) % d_pieces];
    std::memcpy(d_backward.get_inbuf(), sum.data(), SIZE * sizeof(gr_complex));
    std::fill(sum.begin(), sum.end(), gr_complex());
    d_backward.execute();
    std::copy(d_values.end() - 2 * PEAK_REACH, d_values.end(), d_values.begin());
    std::memcpy(d_values.data() + 2 * PEAK_REACH,
                d_backward.get_outbuf(),
                BLOCK * sizeof(gr_complex));

    const int64_t lag = first - PEAK_REACH; // of the first that is looked at
    const auto from = static_cast<int>(std::max<int64_t>(-lag, 0));
    const auto count = static_cast<int>(std::min<int64_t>(BLOCK, d_lags - lag)) - from;
    if (count > 0) {
        const gr_complex* values = d_values.data() + PEAK_REACH + from;
        volk_32fc_magnitude_squared_32f(d_power.data(), values, count);
        const auto silent =
            static_cast<int>(std::clamp<int64_t>(d_first_heard - lag - from, 0, count));
        float total = 0.0f;
        volk_32f_accumulator_s32f(&total, d_power.data() + silent, count - silent);
        if (!std::isfinite(total))
            std::fill_n(d_power.begin(), count, total = 0.0f); // nothing to be seen here
        d_sum += total;
        d_summed += count - silent;
        uint32_t place;
        volk_32f_index_max_32u(&place, d_power.data(), count);
        if (d_power[place] > BETTER * d_best) {
            d_best = d_power[place];
            d_lag = static_cast<double>(lag + from + place) +
                    peak_between_samples(values + place - PEAK_REACH);
        }
    }
    if (lag + BLOCK >= d_lags)
        end();
}

double latency_search::ratio() const
{
    return d_sum > 0.0 ? d_best * static_cast<double>(d_summed) / d_sum : 0.0;
}

void latency_search::end()
{
    d_running = false;
    d_found = ratio() > LEAST_RATIO;
}

} // namespace semisac
} // namespace gr
