/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "block/end_of_input.h"
#include "radio/frame_store.h"
#include "radio/radio_checks.h"
#include "simulated_transmitter_impl.h"
#include <gnuradio/io_signature.h>
#include <algorithm>
#include <climits>
#include <cstring>

namespace gr {
namespace semisac {

namespace {

constexpr int64_t HELD_UP = 1000; // samples, by an injected underflow of a stream
constexpr int64_t PACKET = 1000;  // samples that the host sends at once, at most
// From the last sample of a burst until the time of another one is looked at:
// radio_tx_core.v needs it three ticks of the converter ahead, which are as many samples
// where nothing is interpolated; new_tx_control.v finds it late from the sample after the
// next on.
constexpr int64_t TIME_CHECK = 3;
constexpr int64_t JUST_BEFORE = 8; // samples before the next frame: that one is in time
constexpr auto NAP = std::chrono::milliseconds(1);
constexpr double LEAST_PIECE_S = 0.001; // a call costs as much as many samples

} // namespace

simulated_transmitter::sptr simulated_transmitter::make(double sample_rate_hz,
                                                        double time_scale)
{
    require_sample_rate("simulated_transmitter", sample_rate_hz);
    require_time_scale("simulated_transmitter", time_scale);
    return gnuradio::make_block_sptr<simulated_transmitter_impl>(sample_rate_hz,
                                                                 time_scale);
}

simulated_transmitter_impl::simulated_transmitter_impl(double sample_rate_hz,
                                                       double time_scale)
    : gr::block("simulated_transmitter",
                gr::io_signature::make(1, 1, sizeof(gr_complex)),
                gr::io_signature::make(1, 1, sizeof(gr_complex))),
      d_rate(sample_rate_hz),
      d_time_scale(time_scale),
      d_clock(sample_rate_hz)
{
    d_running.set_scale(time_scale);
    set_tag_propagation_policy(TPP_CUSTOM); // see copy_samples
    message_port_register_out(d_port);
}

void simulated_transmitter_impl::set_start_time(uint64_t full, double fraction)
{
    const radio_time time =
        checked_time("simulated_transmitter: start time", full, fraction);
    std::lock_guard<std::mutex> lock(d_mutex);
    d_start_time = time;
}

std::pair<uint64_t, double> simulated_transmitter_impl::time_now() const
{
    std::lock_guard<std::mutex> lock(d_mutex);
    int64_t sample = 0;
    if (d_started)
        sample = d_time_scale > 0.0 ? static_cast<int64_t>(d_running.elapsed_s() * d_rate)
                                    : d_sent.load();
    const radio_time now = d_clock.time_of(d_start_time, sample);
    return { now.full, now.fraction };
}

void simulated_transmitter_impl::inject_late(int frames, int behind)
{
    d_before_late = require_in_range("simulated_transmitter: frames before late ones",
                                     behind,
                                     0,
                                     INT_MAX / 2,
                                     "give how many are to be in time first");
    d_late += require_in_range("simulated_transmitter: late frames",
                               frames,
                               1,
                               INT_MAX / 2,
                               "give how many are to be late");
}

void simulated_transmitter_impl::inject_underflow(int frames)
{
    d_dry += require_in_range("simulated_transmitter: frames that run dry",
                              frames,
                              1,
                              INT_MAX / 2,
                              "give how many are to run dry");
}

bool simulated_transmitter_impl::start()
{
    d_fault.clear();
    {
        std::lock_guard<std::mutex> lock(d_mutex);
        d_running.set({});
        d_started = true;
        d_sent = 0;
    }
    d_state = state_t::IDLE;
    d_timed = d_starved = false;
    d_stamp = d_ready = d_dropping = d_in_burst = d_held_until = 0;
    d_cut = d_asked = -1;
    d_bursts_sent = d_packets_late = d_underflows = 0;
    return gr::block::start();
}

void simulated_transmitter_impl::forecast(int, gr_vector_int& ninput_items_required)
{
    ninput_items_required[0] = 0; // it sends zeros where there is nothing
}

void simulated_transmitter_impl::report(const pmt::pmt_t& event, int64_t sample)
{
    radio_time start;
    {
        std::lock_guard<std::mutex> lock(d_mutex);
        start = d_start_time;
    }
    const radio_time time = d_clock.time_of(start, sample);
    pmt::pmt_t content = pmt::make_dict();
    content = pmt::dict_add(content, d_event_code, pmt::list1(event));
    content = pmt::dict_add(content,
                            d_time_spec,
                            pmt::cons(pmt::from_long(static_cast<long>(time.full)),
                                      pmt::from_double(time.fraction)));
    content = pmt::dict_add(content, d_channel, pmt::from_uint64(0));
    message_port_pub(d_port, pmt::cons(d_uhd_async_msg, content));
}

// What is known about the samples of the input from d_taken on; their time is that of the
// tag, or follows from the samples before.
simulated_transmitter_impl::outlook simulated_transmitter_impl::look_ahead()
{
    const auto read = static_cast<int64_t>(nitems_read(0));
    outlook next;
    next.end = d_available;
    for (const tag_t& tag : d_tags) {
        const int64_t place = static_cast<int64_t>(tag.offset) - read;
        if (place < d_taken || place >= next.end)
            continue;
        const bool is_first = place == d_taken;
        radio_time time;
        if (tag.key == d_key_eob) {
            next.end = place + 1;
            next.ends_burst = true;
        } else if (!is_first && (tag.key == d_key_sob || tag.key == d_key_time ||
                                 tag.key == d_key_packet_len)) {
            next.end = place;
            next.ends_burst = false;
        } else if (tag.key == d_key_sob) {
            next.begins_burst = true;
        } else if (tag.key == d_key_packet_len) {
            next.frame = integer_of(tag.value).value_or(-1);
        } else if (tag.key == d_key_time && read_time_tuple(tag.value, time)) {
            std::lock_guard<std::mutex> lock(d_mutex);
            next.timed = true;
            next.start = d_clock.sample_at(d_start_time, time);
        }
    }
    if (next.timed)
        d_stamp = next.start;
    d_timed = next.timed || (d_timed && !next.begins_burst);
    return next;
}

void simulated_transmitter_impl::silence(int64_t until)
{
    const int64_t count = std::min(until, d_end) - position();
    std::fill_n(d_out + d_given, count, gr_complex());
    d_given += count;
}

// Samples with their tags, but for those that are meant for the transmitter.
void simulated_transmitter_impl::copy_samples(int64_t count)
{
    std::memcpy(d_out + d_given, d_in + d_taken, count * sizeof(gr_complex));
    const uint64_t from = nitems_read(0) + d_taken;
    for (tag_t tag : d_tags) {
        if (tag.offset < from || tag.offset >= from + count || tag.key == d_key_sob ||
            tag.key == d_key_eob || tag.key == d_key_time)
            continue;
        tag.offset = tag.offset - from + position();
        add_item_tag(0, tag);
    }
    d_taken += count;
    d_given += count;
    d_in_burst += count;
    d_stamp += count;
    d_starved = false;
}

bool simulated_transmitter_impl::waits_for_samples()
{
    if (d_time_scale > 0.0 || input_has_ended(detail(), static_cast<int>(d_taken)))
        return false;
    d_end = position(); // of this call
    return true;
}

// Zeros until the time of the next packet has come, which is left out where that is past.
void simulated_transmitter_impl::wait_for_packet()
{
    if (position() < d_held_until) {
        silence(d_held_until);
        return;
    }
    if (d_taken == d_available) {
        if (!waits_for_samples())
            silence(d_end);
        return;
    }
    const outlook next = look_ahead();
    if (holds_up(next))
        return;
    const bool begins = next.timed || next.begins_burst || next.frame >= 0;
    d_dropping = begins ? 0 : d_dropping;
    if (d_dropping == 0 && d_timed && d_stamp < std::max(position(), d_ready)) {
        ++d_packets_late;
        report(d_time_error, std::max(position(), d_ready));
        d_dropping = PACKET;
    }
    if (d_dropping > 0) {
        drop_samples(next);
        return;
    }
    if (d_timed)
        silence(d_stamp);
    if (d_timed && position() < d_stamp)
        return; // it is looked at again
    d_in_burst = 0;
    d_state = state_t::SEND;
}

// The policy of gr-uhd is "next packet": the one behind is looked at by itself.
void simulated_transmitter_impl::drop_samples(const outlook& next)
{
    const int64_t count = std::min(next.end - d_taken, d_dropping);
    d_taken += count;
    d_stamp += count;
    d_dropping -= count;
    if (next.ends_burst && d_taken == next.end) {
        d_timed = false;
        d_dropping = 0;
    }
}

// Whether the frame that begins here is one of those that are to be late: the host is
// held up until the time of all of them has gone by.
bool simulated_transmitter_impl::holds_up(const outlook& next)
{
    const int64_t place = static_cast<int64_t>(nitems_read(0)) + d_taken;
    if (next.frame < 1 || !d_timed || d_late == 0 || place == d_asked)
        return false;
    d_asked = place; // it is looked at more than once
    if (d_before_late > 0) {
        --d_before_late;
        return false;
    }
    d_held_until = d_stamp + d_late.exchange(0) * next.frame - JUST_BEFORE;
    return position() < d_held_until;
}

// Sends the first half of a frame that is to run dry, and holds the host up for the
// second.
void simulated_transmitter_impl::cut(const outlook& next)
{
    if (next.frame < 2 || d_dry == 0 || d_cut >= 0)
        return;
    const int64_t burst = next.ends_burst ? next.end - d_taken : next.frame;
    d_cut = std::min(burst, next.frame) / 2;
    d_cut_until = position() + (d_timed ? next.frame - JUST_BEFORE : d_cut + HELD_UP);
    --d_dry;
}

void simulated_transmitter_impl::run_dry()
{
    ++d_underflows;
    report(d_underflow, position());
}

// Within a burst no time is looked at.
void simulated_transmitter_impl::send()
{
    if (position() >= d_held_until) {
        if (d_taken < d_available) {
            send_samples(look_ahead());
            return;
        }
        if (input_has_ended(detail(), static_cast<int>(d_taken))) {
            d_state = state_t::IDLE;
            return;
        }
        if (waits_for_samples())
            return;
    }
    if (!d_starved)
        run_dry();
    if (d_timed) {
        d_state = state_t::IDLE;
    } else {
        d_starved = true;
        silence(position() < d_held_until ? d_held_until : d_end);
    }
}

void simulated_transmitter_impl::send_samples(const outlook& next)
{
    if (holds_up(next))
        return;
    cut(next);
    if (next.begins_burst && !d_timed && d_in_burst > 0) { // the last one had no end
        ++d_bursts_sent;
        d_in_burst = 0;
    }
    int64_t count = std::min(next.end - d_taken, d_end - position());
    if (d_cut >= 0)
        count = std::min(count, d_cut);
    const bool is_last = next.ends_burst && d_taken + count == next.end;
    copy_samples(count);
    if (d_cut >= 0 && (d_cut -= count) == 0) {
        d_cut = -1;
        d_held_until = d_cut_until;
    } else if (is_last) {
        end_burst();
    }
}

void simulated_transmitter_impl::end_burst()
{
    ++d_bursts_sent;
    report(d_burst_ack, position() - 1);
    d_state = state_t::IDLE;
    d_timed = false;
    d_ready = position() + TIME_CHECK;
}

int simulated_transmitter_impl::work_on(int noutput_items,
                                        gr_vector_int& ninput_items,
                                        gr_vector_const_void_star& input_items,
                                        gr_vector_void_star& output_items)
{
    if (d_fault.is_silent())
        return output_has_ended(detail()) ? WORK_DONE : 0;
    d_first = static_cast<int64_t>(nitems_written(0));
    d_end = d_first + noutput_items;
    if (d_time_scale > 0.0)
        d_end = std::min(d_end, static_cast<int64_t>(d_running.elapsed_s() * d_rate));
    const int64_t enough = std::min<int64_t>(
        noutput_items, 1 + static_cast<int64_t>(d_rate * LEAST_PIECE_S));
    if (d_end - d_first < enough) {
        std::this_thread::sleep_for(NAP);
        return 0;
    }
    d_in = static_cast<const gr_complex*>(input_items[0]);
    d_out = static_cast<gr_complex*>(output_items[0]);
    d_available = ninput_items[0];
    d_taken = d_given = 0;
    get_tags_in_range(d_tags, 0, nitems_read(0), nitems_read(0) + d_available);
    std::stable_sort(d_tags.begin(), d_tags.end(), tag_t::offset_compare);
    while (position() < d_end) {
        if (d_state == state_t::IDLE)
            wait_for_packet();
        else
            send();
    }
    if (d_taken == 0 && d_given == 0) { // it waits for samples
        std::this_thread::sleep_for(NAP);
        return output_has_ended(detail()) ? WORK_DONE : 0;
    }
    d_sent = position();
    consume(0, static_cast<int>(d_taken));
    return static_cast<int>(d_given);
}

} // namespace semisac
} // namespace gr
