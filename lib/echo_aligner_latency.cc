/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

// The latency of echo_aligner: set, searched for, looked after.

#include "block/parameter_checks.h"
#include "echo_aligner_impl.h"
#include "math/sample_energy.h"
#include <volk/volk.h>
#include <algorithm>
#include <cmath>
#include <cstring>

namespace gr {
namespace semisac {

namespace {

constexpr double MOST_LATENCY = 0x1p40;
constexpr int SEARCHED_FRAMES = 4;
// Each is half as long as what a call takes in: the search catches up, and what is sent
// does not wait for it.
constexpr int BLOCKS_A_CALL = 8;

constexpr std::size_t FRAMES_LEFT = 8; // when a search has failed

// A latency that has changed is looked for so many samples around the old one at first.
constexpr int64_t NEAR = 65536;

// Of the leakage's power; 0.43 of it is lost half way between two samples.
constexpr double ENOUGH = 0.35;
constexpr double VANISHED = 0.1;
constexpr double REMAINS = 0.5;
// A frame's gain counts as so many times the mean at most: a damaged one would make all
// others behind it seem to have vanished.
constexpr double MOST_RISE = 4.0;

// Of the chirps' gain: a frame that shares all but 15 % of its energy with another has
// 0.72 of it there.
constexpr double OF_ANOTHER = 0.7;

constexpr double SMALLEST_FRACTION = 1e-4; // as well as the peak is found

} // namespace

void echo_aligner_impl::set_latency_samples(double latency_samples)
{
    if (d_settings.mode == alignment_t::LEAKAGE)
        throw std::invalid_argument(
            "echo_aligner: the latency was set in mode \"leakage\", expected to be found "
            "from the leakage; choose mode \"fixed\".");
    require_in_range("echo_aligner: latency_samples",
                     latency_samples,
                     -MOST_LATENCY,
                     MOST_LATENCY,
                     "give the samples from sent to received");
    std::lock_guard<std::mutex> lock(d_mutex);
    d_asked_latency = latency_samples;
    d_latency_in_use = latency_samples;
}

void echo_aligner_impl::set_latency(double latency)
{
    const double whole = std::floor(latency + SMALLEST_FRACTION);
    d_shift = static_cast<int64_t>(whole);
    d_fraction = latency - whole < SMALLEST_FRACTION ? 0.0 : latency - whole;
    d_kernel = interpolation_kernel(d_fraction);
    d_used_latency = d_latency_in_use = latency;
}

// A latency that was set is used between frames.
void echo_aligner_impl::follow_settings()
{
    if (d_settings.mode != alignment_t::FIXED)
        return;
    double asked;
    {
        std::lock_guard<std::mutex> lock(d_mutex);
        asked = d_asked_latency;
    }
    if (asked != d_new_latency.value_or(d_used_latency))
        d_new_latency = asked;
}

bool echo_aligner_impl::can_search() const
{
    if (d_settings.mode != alignment_t::LEAKAGE || d_search.is_running() ||
        d_frames.size() == 0 || d_ended)
        return false;
    if (d_aligned)
        return d_moved >= 2 || d_doubtful;
    const int64_t frame = d_parameters.frame_samples();
    return start_of(d_frames.at(d_frames.size() - 1)) > d_searched_start &&
           (d_frames.size() >= SEARCHED_FRAMES ||
            received_end() >= d_first_heard + SEARCHED_FRAMES * frame);
}

// Frames to search for: the oldest at the start; those that are about to come when the
// latency has changed, and the newest ones where these were not found: what has not been
// sent cannot have been missed.
std::size_t echo_aligner_impl::first_to_search() const
{
    if (!d_aligned)
        return 0;
    if (!d_search_widely)
        for (std::size_t i = 0; i < d_frames.size(); ++i)
            if (start_of(d_frames.at(i)) + d_shift >= received_end())
                return i;
    return d_frames.size() - std::min<std::size_t>(d_frames.size(), SEARCHED_FRAMES);
}

void echo_aligner_impl::begin_search()
{
    const std::size_t first = first_to_search();
    const int64_t start = start_of(d_frames.at(first));
    std::size_t behind = first + 1;
    while (behind < d_frames.size() && behind - first < SEARCHED_FRAMES &&
           start_of(d_frames.at(behind)) + d_frames.at(behind).kept - start <=
               latency_search::MOST_SIGNAL)
        ++behind;
    d_search_start = start;
    d_searched_start = start_of(d_frames.at(behind - 1));
    std::fill(d_signal.begin(), d_signal.end(), gr_complex());
    int64_t samples = 0;
    for (std::size_t i = first; i < behind; ++i) {
        const stored_frame& frame = d_frames.at(i);
        const int64_t place = start_of(frame) - d_search_start;
        const int64_t count = std::min(frame.kept, latency_search::MOST_SIGNAL - place);
        std::memcpy(&d_signal[place], frame.samples.data(), count * sizeof(gr_complex));
        samples = place + count;
    }
    // zeros stand before the first sample
    d_search_from = std::max(oldest_received() + MARGIN, -samples);
    int64_t end = std::max(received_end(), start) + d_settings.search_samples;
    if (d_aligned && !d_search_widely) {
        d_search_from = std::max(d_search_from, start + d_shift - NEAR);
        end = start + d_shift + NEAR;
    }
    d_search.begin(
        d_signal.data(), static_cast<int>(samples), end - d_search_from, -d_search_from);
    if (!d_aligned)
        d_problem = problem_t::SEARCHING;
}

void echo_aligner_impl::search()
{
    if (can_search())
        begin_search();
    for (int block = 0; block < BLOCKS_A_CALL && d_search.is_running(); ++block) {
        const int64_t first = d_search_from + d_search.next_sample();
        if (first + 2 * latency_search::BLOCK > received_end()) {
            if (d_ended) {
                d_search.end();
                finish_search();
            }
            break;
        }
        d_search.add(d_received.front().at(first));
        if (!d_search.is_running())
            finish_search();
    }
}

void echo_aligner_impl::finish_search()
{
    d_last_ratio = d_search.ratio();
    const double latency =
        static_cast<double>(d_search_from - d_search_start) + d_search.lag();
    const bool too_weak =
        d_aligned && !d_search_widely && d_search.gain() < ENOUGH * d_gain;
    if (!d_search.found() || too_weak) {
        if (!d_aligned) {
            d_problem = problem_t::NO_PEAK;
            while (d_frames.size() > FRAMES_LEFT)
                d_frames.drop_oldest();
        }
        d_search_widely = true;
        forget_gains();
        return;
    }
    if (!d_aligned || d_search_widely)
        d_gain = d_search.gain();
    d_moved = 0;
    forget_gains();
    d_search_widely = d_doubtful = false;
    if (!d_aligned) {
        set_latency(latency);
        d_position = std::max<int64_t>(oldest_received() + MARGIN - d_shift, 0);
        while (d_frames.size() > 0 && start_of(d_frames.at(0)) < d_position)
            d_frames.drop_oldest();
        d_problem = problem_t::NONE;
        d_aligned = true;
    } else if (std::abs(latency - (static_cast<double>(d_shift) + d_fraction)) > 0.5) {
        d_new_latency = latency;
    }
}

void echo_aligner_impl::forget_gains()
{
    d_chirp_gain.restart();
    d_frame_gain.restart();
}

// False where the frame has another latency than was thought; `flagged` where it is in
// doubt, as it is where the samples of its chirps are none.
bool echo_aligner_impl::look_at_leakage(const stored_frame& frame, bool& flagged)
{
    const int64_t place = start_of(frame) + d_shift;
    const auto count =
        static_cast<int>(std::min<int64_t>(2 * d_parameters.chirp_samples, frame.kept));
    if (place - leakage_peak::BEFORE < oldest_received() ||
        place + count + leakage_peak::BEHIND > d_received.front().end())
        return true;
    const int around = leakage_peak::BEFORE + count + leakage_peak::BEHIND;
    if (!are_sound(d_received.front().at(place - leakage_peak::BEFORE), around) ||
        !are_sound(frame.samples.data(), count)) {
        flagged = true;
        return true;
    }
    d_leakage.look(frame.samples.data(), count, d_received.front().at(place), d_fraction);
    const double mean = d_gain < 0.0 ? d_leakage.expected_gain() : d_gain.load();
    const bool moved =
        d_settings.mode == alignment_t::LEAKAGE &&
        (d_leakage.has_moved() || d_leakage.expected_gain() < VANISHED * mean);
    if (!moved) {
        const double gain = std::min(d_leakage.expected_gain(), MOST_RISE * mean);
        d_gain = mean + (gain - mean) / AVERAGED_FRAMES;
        d_moved = 0;
        if (!d_doubtful)
            d_search.stop();
        if (d_settings.mode == alignment_t::LEAKAGE)
            compare_with_chirps(frame, place, count);
        flagged = d_doubtful;
        return true;
    }
    flagged = true;
    if (++d_moved < 2 || !d_leakage.has_moved() ||
        d_leakage.peak_gain() < REMAINS * mean || d_search.is_running())
        return true;
    d_new_latency = static_cast<double>(d_shift) + d_leakage.peak_place();
    d_moved = 0;
    return false;
}

// Frames differ in what they carry, their chirps are alike: at the latency of another
// frame's chirps the whole frame has less gain than they have.
void echo_aligner_impl::compare_with_chirps(const stored_frame& frame,
                                            int64_t place,
                                            int chirps)
{
    if (d_doubtful || place + frame.kept >= received_end())
        return;
    const gr_complex* received =
        d_received.front().at(place + (d_fraction > 0.5 ? 1 : 0));
    const auto gain = [received, &frame](int64_t count) {
        gr_complex sum, energy;
        const gr_complex* sent = frame.samples.data();
        const auto samples = static_cast<unsigned int>(count);
        volk_32fc_x2_conjugate_dot_prod_32fc(&sum, received, sent, samples);
        volk_32fc_x2_conjugate_dot_prod_32fc(&energy, sent, sent, samples);
        return std::norm(sum) / std::max(std::norm(energy), 1e-30f);
    };
    if (!are_sound(received, static_cast<int>(frame.kept)))
        return;
    d_chirp_gain.add(gain(chirps));
    d_frame_gain.add(gain(frame.kept));
    if (d_chirp_gain.count() >= SEARCHED_FRAMES &&
        d_frame_gain.value() < OF_ANOTHER * d_chirp_gain.value())
        d_doubtful = d_search_widely = true;
}

} // namespace semisac
} // namespace gr
