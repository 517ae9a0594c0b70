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
#include "frame_scheduler_impl.h"
#include "math/vector_clones.h"
#include "radio/radio_checks.h"
#include <gnuradio/buffer.h>
#include <gnuradio/io_signature.h>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <thread>

namespace gr {
namespace semisac {

namespace {

constexpr std::size_t WAITING_FRAMES = 4; // one is given away, others come in
constexpr int MOST_CYCLE_FRAMES = 4096;
constexpr int LONGEST_FRAME = frame_store::LONGEST_FRAME;
constexpr int ASSUMED_FRAME = 1 << 18; // where nothing is known
constexpr double MOST_BUFFER_SAMPLES = 1 << 25;
constexpr double SILENCE_S = 0.01;      // given away at a time
constexpr double LEAST_PIECE_S = 0.002; // paced: a call costs as much as many samples
// A USRP needs up to 3 ticks of its converter from the end of a burst until it can begin
// another one in time, which are as many samples where it does not interpolate.
constexpr int64_t GUARD_SAMPLES = 4;
constexpr double LAST_CALL_S = 0.01; // before a frame must leave, next one or not
constexpr auto NAP = std::chrono::milliseconds(1);

frame_scheduler_impl::settings checked(const frame_scheduler_impl::settings& settings)
{
    require_sample_rate("frame_scheduler", settings.sample_rate_hz);
    require_in_range("frame_scheduler: lead_time_s",
                     settings.lead_time_s,
                     0.0,
                     10.0,
                     "give the seconds by which frames are to be ahead of their time");
    require_in_range("frame_scheduler: occupied_samples",
                     settings.occupied_samples,
                     0,
                     LONGEST_FRAME,
                     "give frame_parameters.occupied_samples, or 0 for whole frames");
    const bool cyclic = settings.mode == scheduling_t::CYCLIC;
    require_in_range("frame_scheduler: cycle_frames",
                     settings.cycle_frames,
                     cyclic ? 1 : 0,
                     MOST_CYCLE_FRAMES,
                     "give the frames that are to be repeated");
    return settings;
}

// Samples of which I or Q is beyond what a converter has: 1, also what is no number.
SEMISAC_VECTOR_CLONES
uint64_t clipped(const gr_complex* samples, int count)
{
    const auto* parts = reinterpret_cast<const float*>(samples);
    uint32_t found = 0;
    for (int n = 0; n < count; ++n) {
        const bool fits_i = std::abs(parts[2 * n]) <= 1.0f;
        const bool fits_q = std::abs(parts[2 * n + 1]) <= 1.0f;
        found += static_cast<uint32_t>(!(fits_i & fits_q));
    }
    return found;
}

} // namespace

scheduling_t scheduling_from_name(const std::string& name)
{
    if (name == "bursts")
        return scheduling_t::BURSTS;
    if (name == "stream")
        return scheduling_t::STREAM;
    if (name == "cyclic")
        return scheduling_t::CYCLIC;
    throw std::invalid_argument(
        "frame_scheduler: mode is \"" + name +
        "\", expected \"bursts\", \"stream\" or \"cyclic\"; give one of these names.");
}

frame_scheduler::sptr frame_scheduler::make(double sample_rate_hz,
                                            const std::string& mode,
                                            double lead_time_s,
                                            int occupied_samples,
                                            int cycle_frames,
                                            bool paced)
{
    return gnuradio::make_block_sptr<frame_scheduler_impl>(
        checked({ sample_rate_hz,
                  scheduling_from_name(mode),
                  lead_time_s,
                  occupied_samples,
                  cycle_frames,
                  paced }));
}

frame_scheduler_impl::frame_scheduler_impl(const settings& settings)
    : gr::block("frame_scheduler",
                gr::io_signature::make(1, 1, sizeof(gr_complex)),
                gr::io_signature::make(1, 1, sizeof(gr_complex))),
      d_settings(settings),
      d_clock(settings.sample_rate_hz),
      d_frames(d_logger,
               settings.mode == scheduling_t::CYCLIC ? settings.cycle_frames
                                                     : WAITING_FRAMES)
{
    set_tag_propagation_policy(TPP_DONT); // frames take theirs along
    if (settings.mode == scheduling_t::BURSTS) {
        const double frame =
            settings.occupied_samples > 0 ? settings.occupied_samples : ASSUMED_FRAME;
        const double ahead =
            (settings.lead_time_s + HOLD_S) * settings.sample_rate_hz + 2.0 * frame;
        set_min_output_buffer(
            0, static_cast<long>(std::min(ahead, MOST_BUFFER_SAMPLES + 2.0 * frame)));
    }
    message_port_register_in(pmt::mp("flush"));
    set_msg_handler(pmt::mp("flush"), [this](const pmt::pmt_t&) {
        d_flush = d_settings.mode == scheduling_t::CYCLIC;
    });
}

void frame_scheduler_impl::set_start_time(uint64_t full, double fraction)
{
    const radio_time time = checked_time("frame_scheduler: start time", full, fraction);
    std::lock_guard<std::mutex> lock(d_mutex);
    d_start_time = time;
    d_has_start_time = true;
    if (!d_has_time) {
        d_radio_clock.set(time);
        d_time_pending = true;
    }
}

std::pair<uint64_t, double> frame_scheduler_impl::start_time() const
{
    std::lock_guard<std::mutex> lock(d_mutex);
    return { d_start_time.full, d_start_time.fraction };
}

void frame_scheduler_impl::set_time_now(uint64_t full, double fraction)
{
    const radio_time time = checked_time("frame_scheduler: time now", full, fraction);
    std::lock_guard<std::mutex> lock(d_mutex);
    d_radio_clock.set(time);
    d_has_time = true;
}

void frame_scheduler_impl::set_time_scale(double time_scale)
{
    require_time_scale("frame_scheduler", time_scale);
    std::lock_guard<std::mutex> lock(d_mutex);
    d_radio_clock.set_scale(time_scale);
    d_radio_waits = time_scale == 0.0;
}

int64_t frame_scheduler_impl::sample_at(uint64_t full, double fraction) const
{
    const radio_time time = checked_time("frame_scheduler: time", full, fraction);
    std::lock_guard<std::mutex> lock(d_mutex);
    return d_clock.sample_at(d_start_time, time);
}

bool frame_scheduler_impl::start()
{
    d_frames.clear();
    d_log.clear();
    {
        std::lock_guard<std::mutex> lock(d_mutex);
        if (d_time_pending && !d_has_time)
            d_radio_clock.set(d_start_time);
        d_time_pending = false; // behind lock() and unlock() the clock goes on
    }
    d_wall_clock.set({});
    d_next = d_sent = 0;
    d_holds = d_in_burst = d_closed = false;
    d_cycling = d_failed = false;
    d_in_cycle = 0;
    d_flush = false;
    d_frames_scheduled = d_slots_skipped = d_frames_truncated = d_cycle_samples = 0;
    d_samples_clipped = 0;
    return gr::block::start();
}

int64_t frame_scheduler_impl::samples_of(double seconds) const
{
    return static_cast<int64_t>(std::ceil(seconds * d_settings.sample_rate_hz));
}

// Input is needed where nothing can be done without; more is taken as it comes.
void frame_scheduler_impl::forecast(int, gr_vector_int& ninput_items_required)
{
    const bool idle = d_settings.mode != scheduling_t::STREAM && !d_cycling &&
                      d_frames.size() == 0 && !d_flush && !input_has_ended(detail());
    ninput_items_required[0] = idle ? 1 : 0;
}

int frame_scheduler_impl::take(const gr_complex* samples, int available)
{
    if (!takes_input() || available == 0)
        return 0;
    get_tags_in_range(d_tags, 0, nitems_read(0), nitems_read(0) + available);
    std::stable_sort(d_tags.begin(), d_tags.end(), tag_t::offset_compare);
    const int taken = d_frames.take(samples, available, nitems_read(0), d_tags);
    d_samples_clipped += clipped(samples, taken);
    d_frames_truncated = d_frames.frames_truncated();
    consume(0, taken);
    return taken;
}

// What noutput_items says may be less than there is room for: a burst needs all of it.
int frame_scheduler_impl::room_for(int least)
{
    const gr::buffer_sptr output = detail()->output(0);
    gr::thread::scoped_lock guard(*output->mutex());
    return std::max(least, output->space_available());
}

int frame_scheduler_impl::paced_room(int room)
{
    if (!d_settings.paced)
        return room;
    const int64_t due = samples_of(d_wall_clock.elapsed_s() + SILENCE_S);
    const int64_t given = static_cast<int64_t>(nitems_written(0));
    const int64_t now = std::clamp<int64_t>(due - given, 0, room);
    const int64_t enough = std::min<int64_t>(room, samples_of(LEAST_PIECE_S));
    return now < enough ? 0 : static_cast<int>(now);
}

// Samples of a frame that are sent: all of its slot where the next one follows too
// closely for a burst of its own.
int64_t frame_scheduler_impl::burst_of(const stored_frame& frame) const
{
    const int64_t occupied = d_settings.occupied_samples;
    return occupied > 0 && occupied + GUARD_SAMPLES <= frame.length ? occupied
                                                                    : frame.length;
}

std::optional<frame_scheduler_impl::radio_state> frame_scheduler_impl::radio()
{
    std::lock_guard<std::mutex> lock(d_mutex);
    if (!d_has_start_time)
        return std::nullopt;
    radio_state state;
    state.start = d_start_time;
    state.waits = d_radio_waits;
    state.now = d_clock.sample_at(d_start_time, d_radio_clock.now());
    return state;
}

// First slot in which a frame is in time. A burst that has no end yet goes on with it,
// whether that is in time or not.
int64_t frame_scheduler_impl::slot_of(const stored_frame& frame, const radio_state& state)
{
    if (d_in_burst)
        return d_next;
    const int64_t first = d_next + (d_closed ? frame.length : 0);
    if (state.waits)
        return first;
    const int64_t earliest = state.now + samples_of(d_settings.lead_time_s);
    const int64_t behind = std::max<int64_t>(earliest - first, 0);
    return first + (behind + frame.length - 1) / frame.length * frame.length;
}

// Whether the oldest frame, sent up to the end of its slot, stays until the next one is
// there, to be of the same burst: behind an end, that one would have to leave a slot out.
bool frame_scheduler_impl::waits_for_next(int64_t slot, const radio_state& state)
{
    if (d_frames.size() > 1 || input_has_ended(detail(), 0))
        return false;
    if (!d_holds)
        d_hold_clock.set({});
    d_holds = true;
    if (d_hold_clock.elapsed_s() > HOLD_S)
        return false;
    return state.waits ||
           slot > state.now + samples_of(d_settings.lead_time_s + LAST_CALL_S);
}

// Whether a burst can ever be written in one piece.
bool frame_scheduler_impl::fits(int64_t burst)
{
    const int64_t most = detail()->output(0)->bufsize() - 1;
    if (burst <= most)
        return true;
    d_logger->error("frame_scheduler: a frame has {} samples to send, expected at most "
                    "{}, which the output has room for; give occupied_samples, or call "
                    "set_min_output_buffer.",
                    burst,
                    most);
    d_failed = true;
    return false;
}

void frame_scheduler_impl::announce(const stored_frame& frame,
                                    uint64_t offset,
                                    int64_t start)
{
    for (tag_t tag : frame.tags) {
        // those of another radio, as recordings have them, mean nothing here
        if (tag.key == d_key_time || tag.key == d_key_sob || tag.key == d_key_eob ||
            tag.key == d_key_start_sample)
            continue;
        tag.offset = offset;
        add_item_tag(0, tag);
    }
    add_item_tag(
        0, offset, d_key_start_sample, pmt::from_uint64(static_cast<uint64_t>(start)));
    d_log.add(start, frame.length, frame.id);
    ++d_frames_scheduled;
}

// One frame in a call: the next one's tags begin where this call's output ends.
int frame_scheduler_impl::give_bursts(gr_complex* out, int room)
{
    if (d_frames.size() == 0)
        return 0;
    const stored_frame& frame = d_frames.at(0);
    const int64_t burst = burst_of(frame);
    if (!fits(burst) || burst > room)
        return 0;
    const std::optional<radio_state> state = radio();
    if (!state)
        return 0;
    const int64_t slot = slot_of(frame, *state);
    const int64_t earliest = state->now + samples_of(d_settings.lead_time_s);
    if (!state->waits && slot > earliest + samples_of(HOLD_S))
        return 0;
    const int64_t end = slot + frame.length;
    const bool joins = burst == frame.length; // the next one, if that is there in time
    if (joins && waits_for_next(slot, *state))
        return 0;
    d_holds = false;
    if (d_frames_scheduled > 0)
        d_slots_skipped += static_cast<uint64_t>((slot - d_next) / frame.length);

    const auto given = static_cast<int>(burst);
    const uint64_t offset = nitems_written(0);
    std::memcpy(out, frame.samples.data(), given * sizeof(gr_complex));
    announce(frame, offset, slot);
    // within a burst too: what comes late finds its place again at the next frame
    add_item_tag(0, offset, d_key_time, time_tuple(d_clock.time_of(state->start, slot)));
    if (!d_in_burst)
        add_item_tag(0, offset, d_key_sob, pmt::PMT_T);
    d_in_burst = joins && d_frames.size() > 1 && (state->waits || end >= earliest);
    d_closed = joins && !d_in_burst;
    if (!d_in_burst)
        add_item_tag(0, offset + given - 1, d_key_eob, pmt::PMT_T);
    d_next = end;
    d_frames.drop_oldest();
    return given;
}

// As much as there is room for of a frame; its tags at its begin.
int frame_scheduler_impl::give_part(const stored_frame& frame,
                                    gr_complex* out,
                                    int given,
                                    int room)
{
    if (d_sent == 0) {
        const uint64_t offset = nitems_written(0) + given;
        announce(frame, offset, static_cast<int64_t>(offset));
    }
    const auto part =
        static_cast<int>(std::min<int64_t>(room - given, frame.length - d_sent));
    std::memcpy(out + given, &frame.samples[d_sent], part * sizeof(gr_complex));
    d_sent += part;
    return part;
}

int frame_scheduler_impl::give_stream(gr_complex* out, int room)
{
    int given = 0;
    while (given < room && d_frames.size() > 0) {
        given += give_part(d_frames.at(0), out, given, room);
        if (d_sent == d_frames.at(0).length) {
            d_frames.drop_oldest();
            d_sent = 0;
        }
    }
    if (given > 0 || input_has_ended(detail()))
        return given;
    const auto silence = static_cast<int>(std::min<int64_t>(room, samples_of(SILENCE_S)));
    std::fill_n(out, silence, gr_complex());
    return silence;
}

int frame_scheduler_impl::give_cycle(gr_complex* out, int room)
{
    if (!d_cycling) {
        const bool complete = d_frames.full() || d_flush || input_has_ended(detail());
        if (!complete || d_frames.size() == 0) {
            d_flush = false;
            return 0;
        }
        d_cycling = true;
        uint64_t samples = 0;
        for (std::size_t i = 0; i < d_frames.size(); ++i)
            samples += static_cast<uint64_t>(d_frames.at(i).length);
        d_cycle_samples = samples;
    }
    int given = 0;
    while (given < room) {
        const stored_frame& frame = d_frames.at(d_in_cycle);
        given += give_part(frame, out, given, room);
        if (d_sent == frame.length) {
            d_in_cycle = (d_in_cycle + 1) % d_frames.size();
            d_sent = 0;
        }
    }
    return given;
}

int frame_scheduler_impl::work_on(int noutput_items,
                                  gr_vector_int& ninput_items,
                                  gr_vector_const_void_star& input_items,
                                  gr_vector_void_star& output_items)
{
    auto* out = static_cast<gr_complex*>(output_items[0]);
    const int taken =
        take(static_cast<const gr_complex*>(input_items[0]), ninput_items[0]);
    int given = 0;
    if (d_settings.mode == scheduling_t::BURSTS)
        given = give_bursts(out, room_for(noutput_items));
    else if (d_settings.mode == scheduling_t::STREAM)
        given = give_stream(out, paced_room(noutput_items));
    else
        given = give_cycle(out, paced_room(noutput_items));
    if (given > 0 || taken > 0)
        return given;
    const bool over = d_frames.size() == 0 && input_has_ended(detail(), ninput_items[0]);
    if (d_failed || over || output_has_ended(detail()))
        return WORK_DONE;
    std::this_thread::sleep_for(NAP); // until it is time, or there is room
    return 0;
}

} // namespace semisac
} // namespace gr
