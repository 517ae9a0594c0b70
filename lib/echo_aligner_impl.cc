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
#include "echo_aligner_impl.h"
#include <gnuradio/io_signature.h>
#include <algorithm>
#include <chrono>
#include <climits>
#include <cmath>
#include <cstring>
#include <thread>

namespace gr {
namespace semisac {

namespace {

constexpr int MOST_SEARCH = 1 << 26;
constexpr int MOST_HOLD = 1 << 24;
constexpr double HOLD_S = 0.02;
constexpr double AHEAD_S = 0.5; // that sent frames are taken in ahead
constexpr int64_t MOST_STORED_FRAMES = 16384;
constexpr std::size_t MOST_FLAGS = 4096;
constexpr int64_t PORTION = 8192; // received samples that are taken in at a time
constexpr int64_t LAST_SAMPLE = INT64_MAX / 4; // sums of a few do not overflow
constexpr auto NAP = std::chrono::milliseconds(1);

echo_aligner_impl::settings checked(const frame_parameters& parameters,
                                    int antennas,
                                    alignment_t mode,
                                    int search_samples,
                                    int hold_samples)
{
    require_in_range(
        "echo_aligner: antennas", antennas, 1, 16, "give the number of received streams");
    require_in_range("echo_aligner: search_samples",
                     search_samples,
                     0,
                     MOST_SEARCH,
                     "give by how much the leakage may come later, or 0 for 1 s");
    require_in_range("echo_aligner: hold_samples",
                     hold_samples,
                     INT_MIN,
                     MOST_HOLD,
                     "give by how much samples are held back, or -1 for 20 ms");
    const double rate = parameters.sample_rate_hz;
    const auto samples_of = [rate](double seconds, int most) {
        return static_cast<int64_t>(std::min<double>(seconds * rate, most));
    };
    return { antennas,
             mode,
             search_samples > 0 ? search_samples : samples_of(1.0, MOST_SEARCH),
             hold_samples >= 0 ? hold_samples : samples_of(HOLD_S, MOST_HOLD) };
}

std::size_t stored_frames(const frame_parameters& parameters, int64_t search_samples)
{
    const double samples =
        static_cast<double>(search_samples) + AHEAD_S * parameters.sample_rate_hz;
    const auto frames = static_cast<int64_t>(samples / parameters.frame_samples());
    return static_cast<std::size_t>(
        std::clamp<int64_t>(frames + 8, 16, MOST_STORED_FRAMES));
}

} // namespace

alignment_t alignment_from_name(const std::string& name)
{
    if (name == "fixed")
        return alignment_t::FIXED;
    if (name == "leakage")
        return alignment_t::LEAKAGE;
    throw std::invalid_argument(
        "echo_aligner: mode is \"" + name +
        "\", expected \"fixed\" or \"leakage\"; give one of these names.");
}

echo_aligner::sptr echo_aligner::make(const frame_parameters& parameters,
                                      int antennas,
                                      const std::string& mode,
                                      int search_samples,
                                      int hold_samples)
{
    return gnuradio::make_block_sptr<echo_aligner_impl>(parameters,
                                                        checked(parameters,
                                                                antennas,
                                                                alignment_from_name(mode),
                                                                search_samples,
                                                                hold_samples));
}

echo_aligner_impl::echo_aligner_impl(const frame_parameters& parameters,
                                     const settings& settings)
    : gr::block("echo_aligner",
                gr::io_signature::make(
                    1 + settings.antennas, 1 + settings.antennas, sizeof(gr_complex)),
                gr::io_signature::make(
                    1 + settings.antennas, 1 + settings.antennas, sizeof(gr_complex))),
      d_parameters(parameters),
      d_settings(settings),
      d_occupied(parameters.occupied_samples()),
      d_delay(d_occupied + settings.hold_samples + MARGIN),
      d_history(d_delay + 2 * MARGIN + 4 * PORTION + 4 * latency_search::MOST_SIGNAL),
      d_reader(d_logger),
      d_frames(d_logger, stored_frames(parameters, settings.search_samples), d_occupied),
      d_received(settings.antennas, sample_line(d_history)),
      d_received_tags(settings.antennas),
      d_signal(latency_search::MOST_SIGNAL),
      d_chirp_gain(AVERAGED_FRAMES),
      d_frame_gain(AVERAGED_FRAMES)
{
    set_tag_propagation_policy(TPP_DONT); // see decide, give_tags
}

bool echo_aligner_impl::start()
{
    d_frames.clear();
    d_last_offset = 0;
    d_last_start = 0;
    d_bursts = d_has_frame = false;
    for (sample_line& line : d_received)
        line.clear();
    for (std::deque<tag_t>& tags : d_received_tags)
        tags.clear();
    d_lost.clear();
    d_appended = 0;
    d_ended = false;
    d_new_latency.reset();
    d_search.stop();
    d_searched_start = d_first_heard = -1;
    d_moved = 0;
    d_search_widely = d_doubtful = false;
    forget_gains();
    d_tag_realigned = false;
    d_position = d_frame_left = 0;
    d_gain = -1.0;
    d_last_ratio = 0.0;
    d_frames_aligned = d_frames_flagged = d_frames_missed = d_realignments = 0;
    const bool fixed = d_settings.mode == alignment_t::FIXED;
    {
        std::lock_guard<std::mutex> lock(d_mutex);
        d_flags.clear();
        set_latency(fixed ? d_asked_latency : 0.0);
    }
    d_problem = fixed ? problem_t::NONE : problem_t::NO_FRAME;
    d_aligned = fixed;
    return gr::block::start();
}

std::string echo_aligner_impl::alignment_problem() const
{
    switch (d_problem) {
    case problem_t::NONE:
        return "";
    case problem_t::NO_FRAME:
        return "no frame was sent yet";
    case problem_t::SEARCHING:
        return "searching for the direct leakage of the frames";
    case problem_t::NO_PEAK:
        break;
    }
    const auto decibel = [](double ratio) {
        return std::to_string(std::lround(10.0 * std::log10(std::max(ratio, 1.0))));
    };
    return "no direct leakage within " + std::to_string(d_settings.search_samples) +
           " samples: the strongest peak is " + decibel(d_last_ratio) +
           " dB above the mean of the correlation, expected " +
           decibel(latency_search::LEAST_RATIO) +
           " dB; connect or raise transmitter and receiver, or search farther";
}

double echo_aligner_impl::leakage_db() const
{
    const double gain = d_gain;
    return gain > 0.0 ? 10.0 * std::log10(gain) : NAN;
}

void echo_aligner_impl::flag_frame(uint64_t frame_id, const std::string& reason)
{
    std::lock_guard<std::mutex> lock(d_mutex);
    if (d_flags.size() == MOST_FLAGS)
        d_flags.pop_front();
    d_flags.push_back({ frame_id, pmt::mp(reason) });
}

// Sent samples are taken as they come; received ones make time go on.
void echo_aligner_impl::forecast(int, gr_vector_int& ninput_items_required)
{
    const bool ends = d_ended || input_has_ended(detail(), 0, 1);
    std::fill(ninput_items_required.begin(), ninput_items_required.end(), ends ? 0 : 1);
    ninput_items_required[0] = 0;
}

// A frame without the tag of the scheduler is sent at its place in the stream.
int64_t echo_aligner_impl::start_of(const stored_frame& frame) const
{
    for (const tag_t& tag : frame.tags)
        if (tag.key == d_key_start_sample)
            return start_in(tag);
    return static_cast<int64_t>(frame.offset);
}

int64_t echo_aligner_impl::start_in(const tag_t& tag) const
{
    const std::optional<int64_t> start = integer_of(tag.value);
    return start && *start >= 0 && *start <= LAST_SAMPLE
               ? *start
               : static_cast<int64_t>(tag.offset);
}

int echo_aligner_impl::take_sent(const gr_complex* samples, int available)
{
    get_tags_in_range(d_tags, 0, nitems_read(0), nitems_read(0) + available);
    std::stable_sort(d_tags.begin(), d_tags.end(), tag_t::offset_compare);
    const int taken = d_frames.take(samples, available, nitems_read(0), d_tags);
    for (const tag_t& tag : d_tags) {
        if (tag.offset >= nitems_read(0) + taken)
            break;
        d_bursts = d_bursts || tag.key == d_key_sob;
        if (tag.key != d_key_start_sample)
            continue;
        d_last_offset = tag.offset;
        d_last_start =
            d_reader.integer(tag, 0, LAST_SAMPLE, static_cast<int64_t>(tag.offset));
    }
    if (!d_has_frame && d_frames.size() > 0) {
        d_has_frame = true;
        d_first_heard = received_end();
    }
    consume(0, taken);
    return taken;
}

// Sample up to which it is known what is sent. Bursts come before their time. In a stream
// without tags of the scheduler both offset and start of the last frame are 0.
int64_t echo_aligner_impl::sent_until() const
{
    const block_detail_sptr own = detail();
    const uint64_t read = own->input(0)->nitems_read();
    if (d_bursts || read == 0 || input_has_ended(own))
        return INT64_MAX / 2;
    return d_last_start + static_cast<int64_t>(read - d_last_offset);
}

void echo_aligner_impl::note_tags(int port, int count)
{
    const uint64_t read = nitems_read(port);
    get_tags_in_range(d_tags, port, read, read + count);
    std::stable_sort(d_tags.begin(), d_tags.end(), tag_t::offset_compare);
    for (const tag_t& tag : d_tags) {
        d_received_tags[port - 1].push_back(tag);
        if (port == 1 && tag.key == d_key_gap)
            d_lost.note(tag, d_reader);
    }
}

// Takes a portion of what was received, unless samples would be lost that are needed.
int echo_aligner_impl::take_received(gr_vector_int& available,
                                     gr_vector_const_void_star& input_items)
{
    int64_t count = *std::min_element(available.begin() + 1, available.end());
    count = std::min(count, PORTION);
    if (d_aligned) {
        const int64_t needed = d_position + d_shift - MARGIN;
        count = std::min(count, needed + d_history - PORTION - received_end());
    }
    if (count <= 0)
        return 0;
    const auto taken = static_cast<int>(count);
    for (int antenna = 0; antenna < d_settings.antennas; ++antenna) {
        std::memcpy(d_received[antenna].extend(taken),
                    input_items[1 + antenna],
                    taken * sizeof(gr_complex));
        note_tags(1 + antenna, taken);
        consume(1 + antenna, taken);
    }
    return taken;
}

// Zeros follow what was received, so that its last samples can be interpolated.
void echo_aligner_impl::end_received()
{
    d_ended = true;
    d_appended = 2 * MARGIN;
    for (sample_line& line : d_received)
        std::fill_n(line.extend(d_appended), d_appended, gr_complex());
}

void echo_aligner_impl::forget_old()
{
    const int64_t oldest = oldest_received();
    d_lost.forget_before(oldest);
    for (std::deque<tag_t>& tags : d_received_tags)
        while (!tags.empty() && static_cast<int64_t>(tags.front().offset) < oldest)
            tags.pop_front();
}

int echo_aligner_impl::work_on(int noutput_items,
                               gr_vector_int& ninput_items,
                               gr_vector_const_void_star& input_items,
                               gr_vector_void_star& output_items)
{
    const int sent =
        take_sent(static_cast<const gr_complex*>(input_items[0]), ninput_items[0]);
    const int received = take_received(ninput_items, input_items);
    if (!d_ended && input_has_ended(detail(), 0, 1))
        end_received();
    follow_settings();
    search();
    const int64_t given = d_aligned ? give(noutput_items, output_items) : 0;
    forget_old();
    if (given == 0 && sent == 0 && received == 0) {
        if (d_ended && !d_search.is_running())
            return WORK_DONE;
        if (!d_ended)
            std::this_thread::sleep_for(NAP);
    }
    return static_cast<int>(given);
}

} // namespace semisac
} // namespace gr
