/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "channel/channel_checks.h"
#include "channel/tapped_line.h"
#include "math/philox.h"
#include "math/vector_clones.h"
#include <algorithm>
#include <complex>

namespace gr {
namespace semisac {

namespace {

constexpr std::size_t MOST_SINUSOIDS = MOST_TAPS * (MOST_FADING_PATHS + 1);

//! y[k] = y[k] + (i[k] + j q[k]) x[k].
SEMISAC_VECTOR_CLONES
void add_product(
    gr_complex* y, const gr_complex* x, const float* i, const float* q, std::size_t count)
{
    for (std::size_t k = 0; k < count; ++k)
        y[k] += multiply(gr_complex(i[k], q[k]), x[k]);
}

//! i[k] + j q[k] = i[k] + j q[k] + start (cosines[k] + j sines[k]).
SEMISAC_VECTOR_CLONES
void add_sinusoid(float* i,
                  float* q,
                  const float* cosines,
                  const float* sines,
                  gr_complex start,
                  std::size_t count)
{
    const float re = start.real(), im = start.imag();
    for (std::size_t k = 0; k < count; ++k) {
        i[k] += re * cosines[k] - im * sines[k];
        q[k] += re * sines[k] + im * cosines[k];
    }
}

} // namespace

tapped_line::tapped_line(const channel_frame& frame) : d_frame(frame)
{
    d_gains.reserve(MOST_TAPS);
    d_sinusoids.reserve(MOST_SINUSOIDS);
    d_changes.reserve(PIECE);
}

void tapped_line::configure(const channel_plan& plan, uint64_t sample)
{
    d_plan = &plan;
    d_drawn = false;
    d_gains.resize(plan.taps.size());
    const bool goes_on = d_sinusoids.size() == plan.steps.size();
    d_sinusoids.resize(plan.steps.size());
    for (std::size_t i = 0; i < plan.steps.size(); ++i) {
        if (goes_on)
            d_sinusoids[i].set_step(plan.steps[i], sample);
        else
            d_sinusoids[i] = { plan.phases[i], plan.steps[i], sample };
    }
}

void tapped_line::forget_gains()
{
    d_changes.clear();
    if (!d_plan->fades)
        d_drawn = false; // a constant gain is said once a call
}

void tapped_line::run(const sample_line& input,
                      uint64_t first,
                      gr_complex* y,
                      std::size_t count)
{
    std::fill_n(y, count, gr_complex());
    if (d_plan->under_doppler())
        run_doppler(input, first, y, count);
    else
        run_constant(input, first, y, count);
}

const gr_complex* tapped_line::read(const channel_tap& tap,
                                    const sample_line& input,
                                    uint64_t first,
                                    std::size_t count)
{
    const gr_complex* x = input.at(static_cast<int64_t>(first) + tap.offset);
    if (!tap.fractional)
        return x;
    interpolate(x - (HALF_KERNEL - 1), tap.weights, d_read.data(), count);
    return d_read.data();
}

void tapped_line::draw_block(uint64_t block, uint64_t sample)
{
    if (d_drawn && block == d_block)
        return;
    d_drawn = true;
    d_block = block;
    // In vectors, where it began, an item's gain has a stream of its own.
    random_stream draws(d_frame.seed,
                        d_frame.is_stream() ? stream_t::SAMPLE_FADING : stream_t::FADING,
                        block);
    for (std::size_t t = 0; t < d_gains.size(); ++t) {
        const channel_tap& tap = d_plan->taps[t];
        d_gains[t] = tap.los;
        if (d_plan->fades)
            d_gains[t] += tap.scattered * gr_complex(draws.complex_normal());
    }
    if (d_plan->flat())
        d_changes.push_back({ sample, d_gains.front() });
}

void tapped_line::run_constant(const sample_line& input,
                               uint64_t first,
                               gr_complex* y,
                               std::size_t count)
{
    const uint64_t length =
        static_cast<uint64_t>(d_plan->settings.block_length) * d_frame.channel_uses;
    for (std::size_t done = 0; done < count;) {
        const uint64_t sample = first + done;
        std::size_t part = count - done;
        if (d_plan->fades) {
            part = std::min<uint64_t>(part, length - sample % length);
            draw_block(sample / length, sample);
        } else {
            draw_block(0, sample);
        }
        for (std::size_t t = 0; t < d_gains.size(); ++t)
            add_scaled(
                y + done, read(d_plan->taps[t], input, sample, part), d_gains[t], part);
        done += part;
    }
}

void tapped_line::sum_sinusoids(std::size_t tap, uint64_t first, std::size_t count)
{
    const channel_tap& shape = d_plan->taps[tap];
    const std::size_t paths = d_plan->settings.fading_paths;
    const std::size_t place = first % PIECE;
    const float amplitude = shape.scattered / std::sqrt(static_cast<float>(paths));
    d_gain_i.fill(0.0f);
    d_gain_q.fill(0.0f);
    for (std::size_t path = 0; path <= paths; ++path) {
        const float weight = path < paths ? amplitude : shape.los;
        if (weight == 0.0f)
            continue;
        const std::size_t number = tap * (paths + 1) + path;
        const gr_complex start = weight * phasor(d_sinusoids[number].at(first - place));
        add_sinusoid(d_gain_i.data(),
                     d_gain_q.data(),
                     d_plan->cosines.data() + number * PIECE + place,
                     d_plan->sines.data() + number * PIECE + place,
                     start,
                     count);
    }
}

void tapped_line::run_doppler(const sample_line& input,
                              uint64_t first,
                              gr_complex* y,
                              std::size_t count)
{
    for (std::size_t t = 0; t < d_plan->taps.size(); ++t) {
        sum_sinusoids(t, first, count);
        const gr_complex* x = read(d_plan->taps[t], input, first, count);
        add_product(y, x, d_gain_i.data(), d_gain_q.data(), count);
    }
    if (d_frame.is_stream() || !d_plan->flat())
        return;
    const uint64_t uses = d_frame.channel_uses;
    for (uint64_t k = (uses - first % uses) % uses; k < count; k += uses)
        d_changes.push_back({ first + k, gr_complex(d_gain_i[k], d_gain_q[k]) });
}

} // namespace semisac
} // namespace gr
