/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "channel/sample_channel.h"
#include <algorithm>
#include <cmath>
#include <complex>

namespace gr {
namespace semisac {

namespace {

// A stream must keep the longest delay; of an item only the current samples are read.
std::size_t history(const channel_frame& frame)
{
    return frame.is_stream() ? LARGEST_DELAY + 4 * PIECE : PIECE;
}

} // namespace

sample_channel::sample_channel(const channel_frame& frame)
    : d_frame(frame),
      d_taps(frame),
      d_sent(history(frame)),
      d_faded(PIECE + 4 * KERNEL_SAMPLES),
      d_noise(frame.seed, stream_t::SAMPLE_NOISE),
      d_phase_noise(frame.seed, stream_t::PHASE_NOISE),
      d_gap_draws(frame.seed, stream_t::GAPS)
{
    d_gains.reserve(PIECE);
    d_gaps.reserve(PIECE);
}

void sample_channel::restart()
{
    d_sent.clear();
    d_faded.clear();
    d_taps = tapped_line(d_frame);
    d_place = read_position();
    d_carrier = tone();
    d_phase = 0.0;
    d_received = 0;
    d_produced = 0;
    d_gap_drawn = false;
    if (d_plan)
        configure(d_plan);
}

void sample_channel::configure(std::shared_ptr<const channel_plan> plan)
{
    d_plan = std::move(plan);
    d_taps.configure(*d_plan, d_faded.end());
    d_place.set_rate(d_plan->clock_rate, d_produced);
    d_carrier.set_frequency(d_plan->carrier_frequency, d_produced);
    d_gap_drawn = false;
}

// Number of samples behind the taps that must exist for so many outputs.
int64_t sample_channel::tap_samples(int64_t outputs) const
{
    const int64_t end = static_cast<int64_t>(d_produced) + outputs;
    if (!d_place.moves() && d_place.offset == 0.0)
        return end;
    const double drift = d_place.offset_at(end - 1);
    // One more, for a segment reads from the place of its first sample.
    return end + static_cast<int64_t>(std::floor(drift)) + HALF_KERNEL + 1;
}

int64_t sample_channel::needed(int64_t outputs) const
{
    return std::max<int64_t>(0, tap_samples(outputs) + d_plan->lookahead - d_sent.end());
}

int64_t sample_channel::producible(int64_t inputs, bool ended, int64_t most) const
{
    // The end has come when the last sample has, by the longest way.
    const int64_t total = d_received + inputs + (ended ? d_plan->longest : 0);
    const double place = static_cast<double>(d_produced) + d_place.offset_at(d_produced);
    const auto bound = static_cast<int64_t>(
        std::ceil((static_cast<double>(total) - place) / (1.0 + d_place.rate)));
    int64_t outputs = std::max<int64_t>(0, std::min(most, bound + 1));
    const auto last_place = [this](int64_t count) {
        const uint64_t last = d_produced + count - 1;
        return static_cast<double>(last) + d_place.offset_at(last);
    };
    if (ended)
        while (outputs > 0 && last_place(outputs) > static_cast<double>(total - 1))
            --outputs;
    else
        while (outputs > 0 && needed(outputs) > inputs)
            --outputs;
    return outputs;
}

// Sample that the receiver takes nearest to a place among those behind the taps.
int64_t sample_channel::output_at(double place) const
{
    const auto next = static_cast<int64_t>(d_produced);
    const double here = static_cast<double>(next) + d_place.offset_at(d_produced);
    return next + std::llround((place - here) / (1.0 + d_place.rate));
}

int64_t sample_channel::arrival(int64_t sample) const
{
    return output_at(static_cast<double>(sample) + d_plan->settings.delay_samples);
}

void sample_channel::take(const gr_complex* x, int64_t count)
{
    while (count > 0) {
        const auto part = static_cast<std::size_t>(std::min<int64_t>(count, PIECE));
        gr_complex* sent = d_sent.extend(part);
        if (x) {
            std::copy_n(x, part, sent);
            x += part;
        } else {
            std::fill_n(sent, part, gr_complex());
        }
        d_plan->transmitter.apply(sent, part);
        d_plan->amplifier.apply(sent, part);
        count -= static_cast<int64_t>(part);
    }
}

int64_t
sample_channel::run(const gr_complex* x, int64_t inputs, gr_complex* y, int64_t outputs)
{
    d_gains.clear();
    d_gaps.clear();
    d_taps.forget_gains();
    int64_t taken = 0;
    while (outputs > 0) {
        const auto part = static_cast<std::size_t>(
            std::min<int64_t>(outputs, PIECE - d_produced % PIECE));
        const int64_t wanted = needed(part);
        const int64_t given = std::min(wanted, inputs - taken);
        take(x + taken, given);
        take(nullptr, wanted - given); // behind the end
        taken += given;
        d_received += given;
        propagate(y, part);
        turn(y, part);
        add_noise(y, part);
        d_plan->receiver.apply(y, part);
        cut_gaps(y, part);
        d_produced += part;
        y += part;
        outputs -= static_cast<int64_t>(part);
    }
    for (const change<gr_complex>& gain : d_taps.gains())
        d_gains.push_back({ static_cast<uint64_t>(std::max<int64_t>(
                                0, output_at(static_cast<double>(gain.sample)))),
                            gain.value });
    return taken;
}

void sample_channel::propagate(gr_complex* y, std::size_t count)
{
    for (int64_t end = tap_samples(count); d_faded.end() < end;) {
        const uint64_t first = d_faded.end();
        const auto part = static_cast<std::size_t>(
            std::min<uint64_t>(end - first, PIECE - first % PIECE));
        d_taps.run(d_sent, first, d_faded.extend(part), part);
    }
    if (!d_place.moves() && d_place.offset == 0.0)
        std::copy_n(d_faded.at(static_cast<int64_t>(d_produced)), count, y);
    else
        d_clock.read(d_place, d_faded, d_produced, y, count);
}

void sample_channel::turn(gr_complex* y, std::size_t count)
{
    if (d_carrier.turns())
        d_carrier.rotate(y, d_produced, count);
    if (d_plan->phase_deviation == 0.0 && d_phase == 0.0)
        return;
    d_phase_noise.values(d_draws.data(), d_produced, count);
    const double scale = M_SQRT2 * d_plan->phase_deviation; // Re CN(0, 1): variance 1/2
    for (std::size_t k = 0; k < count; ++k) {
        d_phase += scale * static_cast<double>(d_draws[k].real());
        d_phase -= std::floor(d_phase);
        d_phases[k] = static_cast<uint32_t>(phase_from_turns(d_phase) >> 32);
    }
    phasors(d_phases.data(), d_draws.data(), count);
    multiply_into(y, d_draws.data(), count);
}

void sample_channel::add_noise(gr_complex* y, std::size_t count)
{
    if (d_plan->noise_amplitude == 0.0)
        return;
    if (d_frame.is_stream())
        d_noise.add(y, d_produced, count, static_cast<float>(d_plan->noise_amplitude));
    else
        add_frame_noise(y, count);
}

// In vectors, where it began, the noise of an item has a stream of its own, in double
// precision: results that were recorded with it stay what they are.
void sample_channel::add_frame_noise(gr_complex* y, std::size_t count)
{
    const uint64_t uses = d_frame.channel_uses;
    uint64_t item = d_produced / uses;
    uint64_t symbol = d_produced % uses;
    random_stream noise(d_frame.seed, stream_t::NOISE, item);
    noise.skip(2 * symbol);
    for (std::size_t k = 0; k < count; ++k) {
        y[k] += gr_complex(d_plan->noise_amplitude * noise.complex_normal());
        if (++symbol == uses) {
            symbol = 0;
            noise = random_stream(d_frame.seed, stream_t::NOISE, ++item);
        }
    }
}

void sample_channel::cut_gaps(gr_complex* y, std::size_t count)
{
    const double probability = d_plan->settings.gap_probability;
    if (probability == 0.0)
        return;
    const auto length =
        static_cast<uint64_t>(d_plan->settings.gap_length) * d_frame.channel_uses;
    for (std::size_t done = 0; done < count;) {
        const uint64_t sample = d_produced + done;
        const uint64_t number = sample / length;
        if (!d_gap_drawn || number != d_gap_run) {
            d_gap_drawn = true;
            d_gap_run = number;
            d_lost = d_gap_draws.uniform(number) <= probability;
            if (d_lost)
                d_gaps.push_back({ sample, d_plan->settings.gap_length });
        }
        const auto part = static_cast<std::size_t>(
            std::min<uint64_t>(count - done, length - sample % length));
        if (d_lost)
            std::fill_n(y + done, part, gr_complex());
        done += part;
    }
}

} // namespace semisac
} // namespace gr
