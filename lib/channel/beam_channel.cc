/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "channel/beam_channel.h"
#include "math/phasor.h"
#include "math/vector_clones.h"
#include <algorithm>
#include <cmath>

namespace gr {
namespace semisac {

namespace {

//! (i, q) += c (tone_i, tone_q).
SEMISAC_VECTOR_CLONES
void add_wave(float* i,
              float* q,
              const float* tone_i,
              const float* tone_q,
              gr_complex c,
              std::size_t count)
{
    const float real = c.real(), imag = c.imag();
    for (std::size_t n = 0; n < count; ++n) {
        i[n] += real * tone_i[n] - imag * tone_q[n];
        q[n] += real * tone_q[n] + imag * tone_i[n];
    }
}

//! y[n] += (i[n] + j q[n]) x[n], where x and y have strides.
SEMISAC_VECTOR_CLONES
void add_product(gr_complex* y,
                 std::size_t y_stride,
                 const float* i,
                 const float* q,
                 const gr_complex* x,
                 std::size_t x_stride,
                 std::size_t count)
{
    const auto* in = reinterpret_cast<const float*>(x);
    auto* out = reinterpret_cast<float*>(y);
    for (std::size_t n = 0; n < count; ++n) {
        const float real = in[2 * n * x_stride], imag = in[2 * n * x_stride + 1];
        out[2 * n * y_stride] += i[n] * real - q[n] * imag;
        out[2 * n * y_stride + 1] += i[n] * imag + q[n] * real;
    }
}

//! exp(j 2 pi turns n), n = 0 ... count - 1.
void fill_wave(double turns, std::vector<uint32_t>& phases, gr_complex* wave, int count)
{
    const uint64_t step = phase_from_turns(turns);
    phases.resize(count);
    for (int n = 0; n < count; ++n)
        phases[n] = static_cast<uint32_t>((step * n) >> 32);
    phasors(phases.data(), wave, count);
}

//! sum_n a[n stride] b[n], in double precision.
std::complex<double>
dot(const gr_complex* a, std::size_t stride, const gr_complex* b, int count)
{
    double real = 0.0, imag = 0.0;
    for (int n = 0; n < count; ++n, a += stride) {
        const double ar = a->real(), ai = a->imag(), br = b[n].real(), bi = b[n].imag();
        real += ar * br - ai * bi;
        imag += ar * bi + ai * br;
    }
    return { real, imag };
}

link_end station(const mimo_ofdm_cell& cell)
{
    return { cell.station_antennas, cell.station_chains };
}

link_end user(const mimo_ofdm_cell& cell)
{
    return { cell.user_antennas, cell.user_chains };
}

} // namespace

beam_channel::beam_channel(link_direction_t direction, const mimo_ofdm_cell& cell)
    : d_direction(direction),
      d_receiver(direction == link_direction_t::UP ? station(cell) : user(cell)),
      d_sender(direction == link_direction_t::UP ? user(cell) : station(cell)),
      d_subcarriers(cell.subcarriers),
      d_spacing_hz(cell.subcarrier_spacing_hz),
      d_symbol_interval_s(cell.symbol_interval_s),
      d_response_i(cell.subcarriers),
      d_response_q(cell.subcarriers),
      d_wave(cell.subcarriers)
{
}

// The uplink is a_r a_t^H, the downlink its transpose conj(a_t) a_r^T: the station's
// waves are a_r in both, the user's conj(a_t).
void beam_channel::set_paths(const std::vector<mimo_path>& paths)
{
    d_paths = paths;
    const std::size_t count = paths.size();
    d_receiver_waves.resize(count * d_receiver.antennas);
    d_sender_waves.resize(count * d_sender.antennas);
    d_tones_i.resize(count * d_subcarriers);
    d_tones_q.resize(count * d_subcarriers);
    d_heard.resize(count * d_receiver.chains);
    d_sent.resize(count * d_sender.chains);
    d_turned.resize(count);
    for (std::size_t p = 0; p < count; ++p) {
        const double at_station = paths[p].arrival / 2, at_user = -paths[p].departure / 2;
        const bool up = d_direction == link_direction_t::UP;
        fill_wave(up ? at_station : at_user,
                  d_phases,
                  d_receiver_waves.data() + p * d_receiver.antennas,
                  d_receiver.antennas);
        fill_wave(up ? at_user : at_station,
                  d_phases,
                  d_sender_waves.data() + p * d_sender.antennas,
                  d_sender.antennas);
        fill_wave(
            -d_spacing_hz * paths[p].delay_s, d_phases, d_wave.data(), d_subcarriers);
        for (int n = 0; n < d_subcarriers; ++n) {
            d_tones_i[p * d_subcarriers + n] = d_wave[n].real();
            d_tones_q[p * d_subcarriers + n] = d_wave[n].imag();
        }
    }
}

void beam_channel::set_combiner(const gr_complex* weights)
{
    for (std::size_t p = 0; p < d_paths.size(); ++p) {
        const gr_complex* wave = d_receiver_waves.data() + p * d_receiver.antennas;
        for (int chain = 0; chain < d_receiver.chains; ++chain)
            d_heard[p * d_receiver.chains + chain] =
                dot(weights + static_cast<std::size_t>(chain) * d_receiver.antennas,
                    1,
                    wave,
                    d_receiver.antennas);
    }
}

void beam_channel::set_precoder(const gr_complex* weights)
{
    for (std::size_t p = 0; p < d_paths.size(); ++p) {
        const gr_complex* wave = d_sender_waves.data() + p * d_sender.antennas;
        for (int chain = 0; chain < d_sender.chains; ++chain)
            d_sent[p * d_sender.chains + chain] =
                dot(weights + chain, d_sender.chains, wave, d_sender.antennas);
    }
}

void beam_channel::add(uint64_t symbol, const gr_complex* x, gr_complex* y)
{
    const double time_s = d_symbol_interval_s * static_cast<double>(symbol);
    for (std::size_t p = 0; p < d_paths.size(); ++p)
        d_turned[p] = d_paths[p].gain *
                      std::polar(1.0, 2.0 * M_PI * d_paths[p].doppler_hz * time_s);
    const std::size_t count = d_subcarriers;
    for (int r = 0; r < d_receiver.chains; ++r) {
        for (int s = 0; s < d_sender.chains; ++s) {
            std::fill(d_response_i.begin(), d_response_i.end(), 0.0f);
            std::fill(d_response_q.begin(), d_response_q.end(), 0.0f);
            for (std::size_t p = 0; p < d_paths.size(); ++p)
                add_wave(d_response_i.data(),
                         d_response_q.data(),
                         d_tones_i.data() + p * count,
                         d_tones_q.data() + p * count,
                         gr_complex(d_turned[p] * d_heard[p * d_receiver.chains + r] *
                                    d_sent[p * d_sender.chains + s]),
                         count);
            add_product(y + r,
                        d_receiver.chains,
                        d_response_i.data(),
                        d_response_q.data(),
                        x + s,
                        d_sender.chains,
                        count);
        }
    }
}

} // namespace semisac
} // namespace gr
