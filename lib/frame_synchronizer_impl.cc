/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "block/end_of_input.h"
#include "block/parameter_checks.h"
#include "frame/frame_item.h"
#include "frame/lfm.h"
#include "frame_synchronizer_impl.h"
#include "math/sinc_interpolator.h"
#include "math/turn.h"
#include <gnuradio/io_signature.h>
#include <algorithm>
#include <cmath>
#include <cstring>

namespace gr {
namespace semisac {

namespace {

constexpr double DEFAULT_CFO_SHARE = 0.02; // of the sample rate
constexpr double LARGEST_CFO_SHARE = 0.1;  // of the chirp's bandwidth
constexpr int MOST_FRAMES = 16;            // confirmed, that wait

// Of two frames that overlap, the later one holds unless its chirps are so much weaker.
constexpr float WEAKER = 0.25f;

// Both chirps go over the same paths: their powers differ by noise alone. At -5 dB over
// three paths one falls to a fifth of the other about once in 10^4. An up-chirp of a
// radar pulse, with symbols behind, is kept from passing for a frame's head by those that
// happen to resemble a down-chirp.
constexpr float LEAST_BALANCE = 0.2f;

// An SNR of 40 dB: beyond it rho says more about rounding than about noise.
constexpr double LARGEST_RHO = 0.9999;

double default_cfo_hz(const frame_parameters& parameters)
{
    return std::min(DEFAULT_CFO_SHARE * parameters.sample_rate_hz,
                    LARGEST_CFO_SHARE * parameters.chirp_bandwidth_hz);
}

volk::vector<gr_complex> aligned(const std::vector<gr_complex>& values)
{
    return volk::vector<gr_complex>(values.begin(), values.end());
}

// Lags of a block: no more than a few frames have, when they are short.
int most_lags(const frame_parameters& parameters)
{
    return std::max(2 * parameters.occupied_samples(), 4 * parameters.chirp_samples);
}

} // namespace

frame_synchronizer::sptr frame_synchronizer::make(const frame_parameters& parameters,
                                                  double false_alarm_probability,
                                                  double most_cfo_hz)
{
    require_in_range("frame_synchronizer: false_alarm_probability",
                     false_alarm_probability,
                     1e-15,
                     0.01,
                     "give the probability of a false alarm at each lag");
    require_in_range("frame_synchronizer: most_cfo_hz",
                     most_cfo_hz,
                     0.0,
                     LARGEST_CFO_SHARE * parameters.chirp_bandwidth_hz,
                     "give the largest carrier offset, at most 0.1 of the chirp's "
                     "bandwidth, or 0 for 0.02 of the sample rate");
    return gnuradio::make_block_sptr<frame_synchronizer_impl>(
        parameters,
        false_alarm_probability,
        most_cfo_hz > 0.0 ? most_cfo_hz : default_cfo_hz(parameters));
}

frame_synchronizer_impl::frame_synchronizer_impl(const frame_parameters& parameters,
                                                 double false_alarm_probability,
                                                 double most_cfo_hz)
    : gr::block("frame_synchronizer",
                gr::io_signature::make(1, 1, sizeof(gr_complex)),
                gr::io_signature::make(
                    1, 1, frame_item_samples(parameters) * sizeof(gr_complex))),
      d_parameters(parameters),
      d_threshold(
          1.0 - std::pow(false_alarm_probability, 1.0 / (parameters.chirp_samples - 1))),
      d_item_samples(frame_item_samples(parameters)),
      d_pair(parameters, most_cfo_hz),
      d_search(aligned(frame_chirp(parameters)), most_lags(parameters)),
      // A peak lies a prefix and a sample behind the last sample at the most.
      d_tail(parameters.prefix_samples + 1 + d_pair.samples_behind() +
             sinc_interpolator::TAPS),
      d_samples(2 * (parameters.occupied_samples() + d_search.samples() +
                     2 * d_pair.samples_before() + d_pair.samples_behind() +
                     4 * sinc_interpolator::TAPS) +
                d_tail),
      d_turned(parameters.occupied_samples() + sinc_interpolator::TAPS),
      d_reader(d_logger)
{
    set_tag_propagation_policy(TPP_DONT);
    d_frames.reserve(MOST_FRAMES);
}

bool frame_synchronizer_impl::start()
{
    // A carrier offset moves the first chirp's peak to before the first sample.
    d_position = -d_pair.samples_before();
    d_first = 2 * d_position - sinc_interpolator::TAPS;
    d_end = 0;
    d_ended = false;
    std::fill(d_samples.begin(), d_samples.end(), gr_complex(0.0f));
    d_state = state_t::SEARCH;
    d_block = d_position - d_search.lags();
    d_frames.clear();
    d_lost.clear();
    d_candidates_dropped = d_frames_detected = 0;
    d_frames_truncated = d_frames_with_gap = 0;
    return gr::block::start();
}

// Takes samples of the input as far as there is room; returns how many.
int frame_synchronizer_impl::take(const gr_complex* samples, int count)
{
    const auto room = [this] {
        return static_cast<int64_t>(d_samples.size()) - d_tail - (d_end - d_first);
    };
    if (room() < count)
        drop_old_samples();
    const int taken = static_cast<int>(std::min<int64_t>(count, room()));
    std::memcpy(&d_samples[d_end - d_first], samples, taken * sizeof(gr_complex));
    note_gaps(d_end, d_end + taken);
    d_end += taken;
    return taken;
}

// Samples and tags of the input are numbered alike.
void frame_synchronizer_impl::note_gaps(int64_t first, int64_t end)
{
    get_tags_in_range(d_tags, 0, first, end, d_key_gap);
    std::stable_sort(d_tags.begin(), d_tags.end(), tag_t::offset_compare);
    for (const tag_t& tag : d_tags)
        d_lost.note(tag, d_reader);
}

void frame_synchronizer_impl::drop_old_samples()
{
    int64_t needed =
        (d_state == state_t::SEARCH ? d_position : d_peak) - d_pair.samples_before() - 1;
    for (const found_frame& frame : d_frames)
        needed = std::min(needed, frame.start - sinc_interpolator::TAPS);
    needed = std::clamp(needed, d_first, d_end);
    std::memmove(d_samples.data(), at(needed), (d_end - needed) * sizeof(gr_complex));
    d_first = needed;
    d_lost.forget_before(needed);
}

// Runs the matched filter where the next lag is none of the last block; false when
// samples are missing for it.
bool frame_synchronizer_impl::search_block()
{
    if (d_position < d_block + d_search.lags())
        return true;
    const int64_t available = d_end - d_position;
    if (available <= 0 || (available < d_search.samples() && !d_ended))
        return false;
    d_search.run(at(d_position),
                 static_cast<int>(std::min<int64_t>(available, d_search.samples())));
    d_block = d_position;
    return true;
}

// Looks for a lag above the threshold, or for the strongest behind it.
void frame_synchronizer_impl::scan_block()
{
    const int64_t block_end = d_block + d_search.lags();
    const auto threshold = static_cast<float>(d_threshold);
    if (d_state == state_t::SEARCH) {
        const float* begin = d_search.rho() + (d_position - d_block);
        const float* end = d_search.rho() + d_search.lags();
        const float* found = begin;
        while (found != end && !(*found > threshold))
            ++found;
        d_position += found - begin;
        if (found == end)
            return;
        d_state = state_t::PEAK;
        d_peak = d_position;
        d_peak_end = d_position + 1 + d_parameters.prefix_samples;
        d_peak_power = -1.0f;
    }
    for (; d_position < std::min(block_end, d_peak_end); ++d_position) {
        const float power = d_search.power()[d_position - d_block];
        if (power > d_peak_power) {
            d_peak_power = power;
            d_peak = d_position;
        }
    }
    if (d_position == d_peak_end)
        d_state = state_t::CONFIRM;
}

// Decides about a candidate; false when samples are missing for it.
bool frame_synchronizer_impl::confirm()
{
    if (d_peak + d_pair.samples_behind() > d_end && !d_ended)
        return false;
    d_state = state_t::SEARCH;
    const chirp_pair::estimate found = d_pair.find(at(d_peak));
    if (!(found.rho_up > d_threshold && found.rho_down > d_threshold &&
          found.balance > LEAST_BALANCE)) {
        ++d_candidates_dropped;
        return true;
    }
    const double time = std::max(static_cast<double>(d_peak) + found.delay_samples, 0.0);
    const double whole = std::floor(time);
    const double rho = std::min(
        0.5 * (found.rho_up + found.rho_down) / d_pair.largest_rho(), LARGEST_RHO);
    add_frame({ static_cast<int64_t>(whole),
                time - whole,
                found.cfo_hz,
                10.0 * std::log10(rho / (1.0 - rho)),
                found.power });
    d_position = std::max(d_position, d_peak + d_parameters.chirp_samples);
    return true;
}

// Keeps a confirmed frame; one that it begins within was cut short.
void frame_synchronizer_impl::add_frame(const found_frame& frame)
{
    const int length = d_parameters.occupied_samples() - d_parameters.prefix_samples;
    while (!d_frames.empty() && d_frames.back().start + length > frame.start) {
        if (frame.power < WEAKER * d_frames.back().power) {
            ++d_candidates_dropped;
            return;
        }
        d_frames.pop_back();
        ++d_frames_truncated;
    }
    d_frames.push_back(frame);
    ++d_frames_detected;
}

void frame_synchronizer_impl::look_for_frames()
{
    while (d_frames.size() < MOST_FRAMES) {
        if (d_state == state_t::CONFIRM) {
            if (!confirm())
                return;
        } else {
            if (!search_block())
                return;
            scan_block();
        }
    }
}

bool frame_synchronizer_impl::is_ready(const found_frame& frame) const
{
    if (d_ended)
        return true;
    const int64_t end = frame.start + d_parameters.occupied_samples();
    const int64_t decided = d_state == state_t::SEARCH ? d_position : d_peak;
    return d_end >= end + sinc_interpolator::BEHIND + 1 &&
           decided >= end - d_parameters.prefix_samples;
}

// Whether more of it than its last symbol's prefix may hide is behind the end of the
// input.
bool frame_synchronizer_impl::is_cut_short(const found_frame& frame) const
{
    return d_ended &&
           frame.start + d_parameters.occupied_samples() - d_parameters.prefix_samples >
               d_end;
}

bool frame_synchronizer_impl::has_gap(const found_frame& frame) const
{
    return d_lost.any_in(frame.start, frame.start + d_parameters.occupied_samples());
}

// Samples of a frame at its own time, without its carrier offset.
void frame_synchronizer_impl::align(const found_frame& frame, gr_complex* item)
{
    constexpr int BEFORE = sinc_interpolator::BEFORE;
    const int count = d_parameters.occupied_samples();
    const double step = -2.0 * M_PI * frame.cfo_hz / d_parameters.sample_rate_hz;
    turn(d_turned.data(),
         at(frame.start - BEFORE),
         step,
         count + sinc_interpolator::TAPS,
         -(BEFORE + frame.fraction) * step);
    sinc_interpolator(frame.fraction).run(d_turned.data() + BEFORE, item, count);
    std::fill(item + count, item + d_item_samples, gr_complex(0.0f));
}

void frame_synchronizer_impl::give_frame(const found_frame& frame,
                                         gr_complex* item,
                                         uint64_t offset)
{
    align(frame, item);
    add_item_tag(0,
                 offset,
                 d_key_sample_index,
                 pmt::from_uint64(static_cast<uint64_t>(frame.start)));
    add_item_tag(0, offset, d_key_timing_samples, pmt::from_double(frame.fraction));
    add_item_tag(0, offset, d_key_cfo_hz, pmt::from_double(frame.cfo_hz));
    add_item_tag(0, offset, d_key_snr_db, pmt::from_double(frame.snr_db));
}

void frame_synchronizer_impl::forecast(int, gr_vector_int& ninput_items_required)
{
    const bool has_frame = !d_frames.empty() && is_ready(d_frames.front());
    const bool must_finish = !d_ended && input_has_ended(detail());
    ninput_items_required[0] = has_frame || must_finish ? 0 : 1;
}

int frame_synchronizer_impl::work_on(int noutput_items,
                                     gr_vector_int& ninput_items,
                                     gr_vector_const_void_star& input_items,
                                     gr_vector_void_star& output_items)
{
    const auto* in = static_cast<const gr_complex*>(input_items[0]);
    auto* out = static_cast<gr_complex*>(output_items[0]);
    int taken = 0, produced = 0;
    while (true) {
        const int count = take(in + taken, ninput_items[0] - taken);
        taken += count;
        if (!d_ended && taken == ninput_items[0] && input_has_ended(detail(), taken))
            end_input();
        look_for_frames();
        std::size_t given = 0;
        for (; given < d_frames.size() && produced < noutput_items; ++given) {
            if (!is_ready(d_frames[given]))
                break;
            if (is_cut_short(d_frames[given])) {
                ++d_frames_truncated;
                continue;
            }
            if (has_gap(d_frames[given])) {
                ++d_frames_with_gap;
                continue;
            }
            gr_complex* item = out + static_cast<std::size_t>(produced) * d_item_samples;
            give_frame(d_frames[given], item, nitems_written(0) + produced);
            ++produced;
        }
        d_frames.erase(d_frames.begin(), d_frames.begin() + given);
        if ((count == 0 && given == 0) || produced == noutput_items)
            break;
    }
    consume(0, taken);
    return produced;
}

// No sample comes any more: zeros follow, which the search goes on into.
void frame_synchronizer_impl::end_input()
{
    drop_old_samples();
    std::fill(d_samples.begin() + (d_end - d_first), d_samples.end(), gr_complex(0.0f));
    d_ended = true;
}

} // namespace semisac
} // namespace gr
