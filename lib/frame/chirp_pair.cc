/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "frame/chirp_pair.h"
#include "frame/lfm.h"
#include "math/power_of_two.h"
#include "math/turn.h"
#include <volk/volk.h>
#include <algorithm>
#include <cmath>

namespace gr {
namespace semisac {

namespace {

constexpr int NEWTON_STEPS = 4;
constexpr double CONVERGED = 1e-5; // samples; far below any bound
constexpr double MOST_STEP = 0.5;  // samples; beyond, the parabola does not hold

// The up-chirp ends at the frequency with which the down-chirp begins. Matched filters
// with sharp edges would take each for a longer one and see it late, or early: 5 Hz of
// offset in the frame of the default parameters. A taper of 1/32 at either edge ends
// that, for 0.3 dB of the times' variance.
std::vector<float> edge_taper(int length)
{
    std::vector<float> taper(length, 1.0f);
    const int edge = length / 32;
    for (int n = 0; n < edge; ++n)
        taper[n] = taper[length - 1 - n] =
            static_cast<float>(0.5 - 0.5 * std::cos(M_PI * (n + 0.5) / edge));
    return taper;
}

// Place of the vertex of the parabola through three neighbouring values, -0.5 to 0.5.
double vertex(double before, double middle, double behind)
{
    const double curvature = before - 2.0 * middle + behind;
    if (!(curvature < 0.0))
        return 0.0;
    return std::clamp(0.5 * (before - behind) / curvature, -0.5, 0.5);
}

} // namespace

chirp_pair::chirp_pair(const frame_parameters& parameters, double most_cfo_hz)
    : d_sample_rate_hz(parameters.sample_rate_hz),
      d_hz_a_sample(parameters.chirp_bandwidth_hz / parameters.chirp_samples),
      d_length(parameters.chirp_samples),
      d_fft_size(power_of_two(d_length + d_length / 4)),
      d_margin((d_fft_size - d_length) / 2),
      d_width(std::min(parameters.prefix_samples + 2, d_margin / 2)),
      d_most_shift(
          std::min(static_cast<int>(std::ceil(2.0 * most_cfo_hz / d_hz_a_sample)),
                   d_margin - d_width - 2)),
      d_band(d_fft_size / 2 - 1),
      d_forward(d_fft_size),
      d_backward(d_fft_size),
      d_up(d_fft_size),
      d_down(d_fft_size),
      d_up_product(d_fft_size),
      d_down_product(d_fft_size),
      d_up_output(d_fft_size),
      d_down_output(d_fft_size),
      d_up_power(d_fft_size),
      d_down_power(d_fft_size),
      d_ones(2 * d_band + 1, gr_complex(1.0f, 0.0f)),
      d_turned(2 * d_band + 1),
      d_values(2 * d_band + 1),
      d_first(2 * d_band + 1),
      d_second(2 * d_band + 1),
      d_frequency(2 * d_band + 1)
{
    const std::vector<gr_complex> chirp = frame_chirp(parameters);
    const std::vector<float> taper = edge_taper(d_length);
    double sum = 0.0;
    d_weight = 0.0;
    for (float weight : taper) {
        sum += weight;
        d_weight += weight * weight;
    }
    d_largest_rho = sum * sum / (d_weight * d_length);
    for (auto* spectrum : { &d_up, &d_down }) {
        std::fill_n(d_forward.get_inbuf(), d_fft_size, gr_complex(0.0f));
        for (int n = 0; n < d_length; ++n)
            d_forward.get_inbuf()[n] =
                taper[n] * (spectrum == &d_up ? chirp[n] : std::conj(chirp[n]));
        d_forward.execute();
        for (int k = 0; k < d_fft_size; ++k)
            (*spectrum)[k] =
                std::conj(d_forward.get_outbuf()[k]) / static_cast<float>(d_fft_size);
    }
    for (int k = -d_band; k <= d_band; ++k)
        d_frequency[k + d_band] = static_cast<float>(2.0 * M_PI * k / d_fft_size);
}

// Matched filter of d_fft_size samples, cfo_hz taken off: its spectrum and its output.
void chirp_pair::match(const gr_complex* samples,
                       const volk::vector<gr_complex>& reference,
                       double cfo_hz,
                       volk::vector<gr_complex>& product,
                       volk::vector<gr_complex>& output)
{
    turn(d_forward.get_inbuf(),
         samples,
         -2.0 * M_PI * cfo_hz / d_sample_rate_hz,
         d_fft_size);
    d_forward.execute();
    volk_32fc_x2_multiply_32fc(
        product.data(), d_forward.get_outbuf(), reference.data(), d_fft_size);
    std::copy(product.begin(), product.end(), d_backward.get_inbuf());
    d_backward.execute();
    std::copy_n(d_backward.get_outbuf(), d_fft_size, output.begin());
}

// Samples by which the profile of the down-chirp lies behind that of the up-chirp.
double chirp_pair::profile_shift()
{
    const gr_complex* up = d_up_output.data() + d_margin - d_width;
    const auto likeness = [&](int shift) {
        gr_complex sum;
        volk_32fc_x2_conjugate_dot_prod_32fc(
            &sum, d_down_output.data() + d_margin - d_width + shift, up, 2 * d_width + 1);
        return std::norm(sum);
    };
    int best = 0;
    float most = -1.0f;
    for (int shift = -d_most_shift; shift <= d_most_shift; ++shift) {
        const float now = likeness(shift);
        if (now > most) {
            most = now;
            best = shift;
        }
    }
    return best + vertex(likeness(best - 1), most, likeness(best + 1));
}

// The peak next to lag `start`: time in samples from lag 0, and |c|^2.
chirp_pair::peak chirp_pair::find_peak(const volk::vector<gr_complex>& product,
                                       const volk::vector<float>& power,
                                       int start)
{
    const int count = 2 * d_band + 1;
    if (power[start - 1] > power[start])
        --start;
    else if (power[start + 1] > power[start])
        ++start;
    double time = start + vertex(power[start - 1], power[start], power[start + 1]);

    // From the order of an FFT to increasing frequency, times j w and (j w)^2 but for j.
    std::copy(product.end() - d_band, product.end(), d_values.begin());
    std::copy(product.begin(), product.begin() + d_band + 1, d_values.begin() + d_band);
    volk_32fc_32f_multiply_32fc(
        d_first.data(), d_values.data(), d_frequency.data(), count);
    volk_32fc_32f_multiply_32fc(
        d_second.data(), d_first.data(), d_frequency.data(), count);

    // exp(j w t) begins with 1 at the lowest bin: a common phase does not change |c|^2.
    double height = power[start];
    for (int step = 0; step < NEWTON_STEPS; ++step) {
        turn(d_turned.data(), d_ones.data(), 2.0 * M_PI * time / d_fft_size, count);
        gr_complex sums[3];
        volk_32fc_x2_dot_prod_32fc(&sums[0], d_values.data(), d_turned.data(), count);
        volk_32fc_x2_dot_prod_32fc(&sums[1], d_first.data(), d_turned.data(), count);
        volk_32fc_x2_dot_prod_32fc(&sums[2], d_second.data(), d_turned.data(), count);
        const std::complex<double> c(sums[0]);
        const std::complex<double> slope =
            std::complex<double>(0, 1) * std::complex<double>(sums[1]);
        const std::complex<double> bend = -std::complex<double>(sums[2]);
        height = std::norm(c);
        const double first = 2.0 * std::real(std::conj(c) * slope);
        const double second = 2.0 * (std::norm(slope) + std::real(std::conj(c) * bend));
        if (!(second < 0.0))
            break;
        const double move = std::clamp(-first / second, -MOST_STEP, MOST_STEP);
        time += move;
        if (std::abs(move) < CONVERGED)
            break;
    }
    return { std::clamp(time, start - 1.0, start + 1.0), static_cast<float>(height) };
}

float chirp_pair::rho(const gr_complex* samples, float power) const
{
    gr_complex energy;
    volk_32fc_x2_conjugate_dot_prod_32fc(&energy, samples, samples, d_length);
    return power / static_cast<float>(d_weight * std::max(energy.real(), 1e-30f));
}

chirp_pair::estimate chirp_pair::find(const gr_complex* expected)
{
    const gr_complex* up = expected - d_margin;
    const gr_complex* down = up + d_length;
    match(up, d_up, 0.0, d_up_product, d_up_output);
    match(down, d_down, 0.0, d_down_product, d_down_output);
    double cfo_hz = 0.5 * profile_shift() * d_hz_a_sample;

    match(up, d_up, cfo_hz, d_up_product, d_up_output);
    match(down, d_down, cfo_hz, d_down_product, d_down_output);
    volk_32fc_magnitude_squared_32f(d_up_power.data(), d_up_output.data(), d_fft_size);
    volk_32fc_magnitude_squared_32f(
        d_down_power.data(), d_down_output.data(), d_fft_size);
    // Half the shift has moved the up-chirp's peak from where it was expected.
    const int reach = d_width + d_most_shift / 2 + 1;
    int strongest = d_margin - reach;
    for (int lag = strongest; lag <= d_margin + reach; ++lag)
        if (d_up_power[lag] + d_down_power[lag] >
            d_up_power[strongest] + d_down_power[strongest])
            strongest = lag;

    const peak up_peak = find_peak(d_up_product, d_up_power, strongest);
    const peak down_peak = find_peak(d_down_product, d_down_power, strongest);
    cfo_hz += 0.5 * (down_peak.time - up_peak.time) * d_hz_a_sample;
    return { 0.5 * (up_peak.time + down_peak.time) - d_margin,
             cfo_hz,
             rho(up + strongest, up_peak.power),
             rho(down + strongest, down_peak.power),
             0.5f * (up_peak.power + down_peak.power),
             std::min(up_peak.power, down_peak.power) /
                 std::max({ up_peak.power, down_peak.power, 1e-30f }) };
}

} // namespace semisac
} // namespace gr
