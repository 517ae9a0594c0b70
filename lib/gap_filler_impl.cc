/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gap_filler_impl.h"
#include "radio/radio_checks.h"
#include <gnuradio/block_detail.h>
#include <gnuradio/buffer_reader.h>
#include <gnuradio/io_signature.h>
#include <algorithm>
#include <cstdint>
#include <cstring>

namespace gr {
namespace semisac {

namespace {

constexpr int MOST_CHANNELS = 16;
constexpr double LONGEST_GAP_S = 10.0;
// Whoever says when the samples begin knows the clock: it is set no more.
constexpr double LONGEST_GAP_OF_START_S = 600.0;

} // namespace

gap_filler::sptr gap_filler::make(double sample_rate_hz, int channels)
{
    require_sample_rate("gap_filler", sample_rate_hz);
    require_in_range("gap_filler: channels",
                     channels,
                     1,
                     MOST_CHANNELS,
                     "give the number of streams of the radio");
    return gnuradio::make_block_sptr<gap_filler_impl>(sample_rate_hz, channels);
}

gap_filler_impl::gap_filler_impl(double sample_rate_hz, int channels)
    : gr::block("gap_filler",
                gr::io_signature::make(channels, channels, sizeof(gr_complex)),
                gr::io_signature::make(channels, channels, sizeof(gr_complex))),
      d_channels(channels),
      d_clock(sample_rate_hz),
      d_longest_gap(static_cast<int64_t>(LONGEST_GAP_S * sample_rate_hz)),
      d_longest_gap_of_start(
          static_cast<int64_t>(LONGEST_GAP_OF_START_S * sample_rate_hz))
{
    set_tag_propagation_policy(TPP_CUSTOM); // see copy
}

void gap_filler_impl::set_start_time(uint64_t full, double fraction)
{
    const radio_time time = checked_time("gap_filler: start time", full, fraction);
    std::lock_guard<std::mutex> lock(d_mutex);
    d_start_time = time;
    d_start_is_given = true;
}

std::pair<uint64_t, double> gap_filler_impl::start_time() const
{
    std::lock_guard<std::mutex> lock(d_mutex);
    return { d_start_time.full, d_start_time.fraction };
}

bool gap_filler_impl::waits_for_samples() const
{
    const gr::block_detail_sptr own = detail();
    if (!own)
        return false;
    for (int channel = 0; channel < own->ninputs(); ++channel) {
        const gr::buffer_reader_sptr input = own->input(channel);
        gr::thread::scoped_lock guard(*input->mutex());
        if (input->items_available() == 0)
            return true;
    }
    return false;
}

float gap_filler_impl::take_peak() { return d_peak.exchange(0.0f); }

// Largest |I| or |Q| of those that are numbers. Numbers without sign are in the order of
// their bits, of which a compiler finds the largest of many at once; behind infinity come
// those that are none.
static float largest_part(const gr_complex* samples, int64_t count)
{
    constexpr uint32_t INFINITE = 0x7f800000u;
    const auto* parts = reinterpret_cast<const float*>(samples);
    uint32_t largest = 0;
    for (int64_t n = 0; n < 2 * count; ++n) {
        uint32_t bits;
        std::memcpy(&bits, parts + n, sizeof(bits));
        bits &= 0x7fffffffu;
        largest = std::max(largest, bits > INFINITE ? 0 : bits);
    }
    float value;
    std::memcpy(&value, &largest, sizeof(value));
    return value;
}

bool gap_filler_impl::start()
{
    std::lock_guard<std::mutex> lock(d_mutex);
    d_origin = d_start_time;
    d_has_origin = d_origin_is_given = d_start_is_given;
    d_missing = d_early = 0;
    d_heeded = 0;
    d_gaps = d_samples_lost = d_times_backwards = 0;
    d_peak = 0.0f;
    return gr::block::start();
}

void gap_filler_impl::forecast(int, gr_vector_int& ninput_items_required)
{
    std::fill(ninput_items_required.begin(),
              ninput_items_required.end(),
              d_missing > 0 ? 0 : 1);
}

// What the time of the sample says that comes to stand at `place` of the output.
void gap_filler_impl::follow_time(const radio_time& time, uint64_t place)
{
    const auto here = static_cast<int64_t>(place);
    if (!d_has_origin) {
        d_origin = d_clock.time_of(time, -here);
        d_has_origin = true;
        std::lock_guard<std::mutex> lock(d_mutex);
        d_start_time = d_origin;
        return;
    }
    const int64_t ahead = d_clock.sample_at(d_origin, time) - here;
    if (here == 0)
        d_early = std::max<int64_t>(-ahead, 0);
    if (ahead > 0 &&
        ahead <= (d_origin_is_given ? d_longest_gap_of_start : d_longest_gap))
        begin_gap(ahead, place);
    else if (ahead > 0 || (ahead < 0 && here > 0))
        begin_anew(time, ahead, place);
}

// From here on places are no longer those of the times before.
void gap_filler_impl::begin_anew(const radio_time& time, int64_t ahead, uint64_t place)
{
    for (int channel = 0; channel < d_channels; ++channel)
        add_item_tag(channel, place, d_key_clock_set, pmt::from_long(ahead));
    ++d_times_backwards;
    d_origin = d_clock.time_of(time, -static_cast<int64_t>(place));
    d_origin_is_given = false;
}

void gap_filler_impl::begin_gap(int64_t samples, uint64_t place)
{
    for (int channel = 0; channel < d_channels; ++channel)
        add_item_tag(channel, place, d_key_gap, pmt::from_long(samples));
    d_missing = samples;
    ++d_gaps;
    d_samples_lost += static_cast<uint64_t>(samples);
}

// Zeros as far as there is room; returns how many.
int64_t gap_filler_impl::fill(int room, gr_vector_void_star& output_items)
{
    const int64_t count = std::min<int64_t>(room, d_missing);
    for (void* out : output_items)
        std::memset(out, 0, count * sizeof(gr_complex));
    d_missing -= count;
    return count;
}

// Samples and their tags from one place to another.
int64_t gap_filler_impl::copy(int64_t count,
                              int64_t taken,
                              int64_t given,
                              gr_vector_const_void_star& input_items,
                              gr_vector_void_star& output_items)
{
    for (int channel = 0; channel < d_channels; ++channel) {
        std::memcpy(static_cast<gr_complex*>(output_items[channel]) + given,
                    static_cast<const gr_complex*>(input_items[channel]) + taken,
                    count * sizeof(gr_complex));
        const float peak = largest_part(
            static_cast<const gr_complex*>(input_items[channel]) + taken, count);
        float known = d_peak;
        while (peak > known && !d_peak.compare_exchange_weak(known, peak)) {
        }
        const uint64_t from = nitems_read(channel) + taken;
        const uint64_t to = nitems_written(channel) + given;
        get_tags_in_range(d_passing, channel, from, from + count);
        for (tag_t& tag : d_passing) {
            tag.offset = tag.offset - from + to;
            add_item_tag(channel, tag);
        }
    }
    return count;
}

int gap_filler_impl::work_on(int noutput_items,
                             gr_vector_int& ninput_items,
                             gr_vector_const_void_star& input_items,
                             gr_vector_void_star& output_items)
{
    if (d_missing > 0)
        return static_cast<int>(fill(noutput_items, output_items));

    const int64_t available = *std::min_element(ninput_items.begin(), ninput_items.end());
    const uint64_t read = nitems_read(0);
    get_tags_in_range(d_tags, 0, read, read + available, d_key_rx_time);
    std::stable_sort(d_tags.begin(), d_tags.end(), tag_t::offset_compare);
    int64_t taken = 0, given = 0;
    auto tag = d_tags.begin();
    while (taken < available && given < noutput_items && d_missing == 0) {
        while (tag != d_tags.end() && tag->offset < std::max(read + taken, d_heeded))
            ++tag;
        radio_time time;
        if (tag != d_tags.end() && tag->offset == read + taken) {
            d_heeded = tag->offset + 1;
            if (read_time_tuple(tag->value, time))
                follow_time(time, nitems_written(0) + given);
            continue;
        }
        int64_t end = available;
        if (tag != d_tags.end())
            end = std::min<int64_t>(end, static_cast<int64_t>(tag->offset - read));
        if (d_early > 0) {
            const int64_t dropped = std::min(d_early, end - taken);
            d_early -= dropped;
            taken += dropped;
            continue;
        }
        const int64_t count = std::min<int64_t>(end - taken, noutput_items - given);
        copy(count, taken, given, input_items, output_items);
        taken += count;
        given += count;
    }
    consume_each(static_cast<int>(taken));
    return static_cast<int>(given);
}

} // namespace semisac
} // namespace gr
