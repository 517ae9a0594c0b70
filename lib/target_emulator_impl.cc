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
#include "channel/target_message.h"
#include "target_emulator_impl.h"
#include <gnuradio/io_signature.h>
#include <algorithm>
#include <climits>
#include <stdexcept>
#include <string>

namespace gr {
namespace semisac {

namespace {

constexpr int MOST_ANTENNAS = 64;
constexpr std::size_t MOST_FRAMES = 4096; // in flight between transmitter and targets
constexpr int64_t LOOKAHEAD = HALF_KERNEL + 1;

radar_frame checked_frame(const radar_frame& frame)
{
    require_in_range("target_emulator: sample_rate_hz",
                     frame.sample_rate_hz,
                     1e-3,
                     1e12,
                     "give the samples a second");
    require_in_range("target_emulator: carrier_hz",
                     frame.carrier_hz,
                     1.0,
                     1e15,
                     "give the carrier frequency");
    require_in_range("target_emulator: antennas",
                     frame.antennas,
                     1,
                     MOST_ANTENNAS,
                     "give the number of receiving antennas");
    require_in_range("target_emulator: spacing_wavelengths",
                     frame.spacing_wavelengths,
                     0.0,
                     1e6,
                     "give the distance between antennas in wavelengths");
    return frame;
}

} // namespace

target_emulator::sptr target_emulator::make(double sample_rate_hz,
                                            double carrier_hz,
                                            int antennas,
                                            double spacing_wavelengths,
                                            uint64_t seed)
{
    return gnuradio::make_block_sptr<target_emulator_impl>(checked_frame(
        { sample_rate_hz, carrier_hz, antennas, spacing_wavelengths, seed }));
}

target_emulator_impl::target_emulator_impl(const radar_frame& frame)
    : gr::block(
          "target_emulator",
          gr::io_signature::make(1, 1, sizeof(gr_complex)),
          gr::io_signature::make(frame.antennas, frame.antennas, sizeof(gr_complex))),
      d_frame(frame),
      d_reader(d_logger),
      d_plan(std::make_shared<echo_plan>(make_echo_plan({}, {}, frame))),
      d_sent(LONGEST_ECHO + 2 * PIECE)
{
    set_tag_propagation_policy(TPP_CUSTOM); // see follow_tags
    d_motions.reserve(MOST_TARGETS);
    d_frames.reserve(MOST_FRAMES);
    for (int k = 0; k < frame.antennas; ++k)
        d_noise.emplace_back(frame.seed, stream_t::RECEIVER_NOISE, k);
    message_port_register_in(d_port_targets);
    set_msg_handler(d_port_targets,
                    [this](const pmt::pmt_t& message) { handle_targets(message); });
}

void target_emulator_impl::set_targets(const std::vector<point_target>& targets)
{
    std::lock_guard<std::mutex> one_at_a_time(d_change_mutex);
    auto plan = std::make_shared<echo_plan>(make_echo_plan(targets, scene(), d_frame));
    std::lock_guard<std::mutex> lock(d_mutex);
    for (std::size_t i = 0; i < std::min(targets.size(), d_given.size()); ++i) {
        plan->goes_on[i] = runs(i) && targets[i].range_m == d_given[i].range_m;
        plan->keeps_way[i] =
            plan->goes_on[i] && targets[i].velocity_mps == d_given[i].velocity_mps;
    }
    d_given = targets;
    d_plan.swap(plan);
}

// Whether a target of the newest plan is where work() has it.
bool target_emulator_impl::runs(std::size_t index) const
{
    return index < d_plan->targets.size() &&
           (d_plan == d_running || d_plan->goes_on[index]);
}

// The ranges and velocities of a plan that runs are those of its beginning.
std::vector<point_target> target_emulator_impl::targets() const
{
    std::lock_guard<std::mutex> lock(d_mutex);
    std::vector<point_target> now = d_plan->targets;
    for (std::size_t i = 0; i < now.size(); ++i) {
        if (runs(i))
            now[i].range_m = d_motions[i].range_m;
        if (d_plan == d_running || d_plan->keeps_way[i])
            now[i].velocity_mps = d_motions[i].velocity_mps;
    }
    return now;
}

void target_emulator_impl::change_target(int index,
                                         const std::function<void(point_target&)>& change)
{
    std::lock_guard<std::mutex> one_at_a_time(d_change_mutex);
    std::vector<point_target> changed = targets();
    require_in_range("target_emulator: index of the target",
                     index,
                     0,
                     static_cast<int>(changed.size()) - 1,
                     "give the number of a target, counted from 0");
    const point_target before = changed[index];
    change(changed[index]);
    const bool stays = changed[index].range_m == before.range_m;
    const bool keeps = changed[index].velocity_mps == before.velocity_mps;
    auto plan = std::make_shared<echo_plan>(make_echo_plan(changed, scene(), d_frame));
    std::lock_guard<std::mutex> lock(d_mutex);
    carry_on(*plan);
    plan->goes_on[index] = plan->goes_on[index] && stays;
    plan->keeps_way[index] = plan->keeps_way[index] && keeps;
    d_plan.swap(plan);
}

// Targets of a new plan stay where they are, and keep their velocities.
void target_emulator_impl::carry_on(echo_plan& plan) const
{
    for (std::size_t i = 0; i < plan.targets.size(); ++i) {
        plan.goes_on[i] = runs(i);
        plan.keeps_way[i] = d_plan == d_running || d_plan->keeps_way[i];
    }
}

void target_emulator_impl::change_scene(const std::function<void(radar_scene&)>& change)
{
    std::lock_guard<std::mutex> one_at_a_time(d_change_mutex);
    radar_scene changed = scene();
    change(changed);
    auto plan = std::make_shared<echo_plan>(make_echo_plan(targets(), changed, d_frame));
    std::lock_guard<std::mutex> lock(d_mutex);
    carry_on(*plan);
    d_plan.swap(plan);
}

radar_scene target_emulator_impl::scene() const
{
    std::lock_guard<std::mutex> lock(d_mutex);
    return d_plan->scene;
}

// A wrong message must not end the flowgraph: it is reported and ignored.
void target_emulator_impl::handle_targets(const pmt::pmt_t& message)
{
    try {
        if (changes_one_target(message))
            change_target(index_in(message), [&message](point_target& target) {
                read_target(message, target);
            });
        else
            set_targets(read_targets(message));
    } catch (const std::exception& error) {
        d_logger->error("{}", error.what());
    }
}

bool target_emulator_impl::start()
{
    d_sent.clear();
    d_frames.clear();
    begin_frame(0, 0);
    d_frames.front().present = true; // before the first tag
    if (d_running) {
        for (std::size_t i = 0; i < d_running->targets.size(); ++i)
            d_running->paths[i].place(
                { d_running->targets[i].range_m, d_running->targets[i].velocity_mps }, 0);
    }
    d_frames_of_interval = 0;
    return block::start();
}

void target_emulator_impl::take_newest_plan(uint64_t sample)
{
    std::lock_guard<std::mutex> lock(d_mutex);
    if (d_plan == d_running)
        return;
    for (std::size_t i = 0; i < d_plan->targets.size(); ++i) {
        point_target& target = d_plan->targets[i];
        if (d_plan->goes_on[i])
            target.range_m = d_running->paths[i].at(sample).range_m;
        if (d_plan->keeps_way[i])
            target.velocity_mps = d_running->paths[i].at(sample).velocity_mps;
        d_plan->paths[i].place({ target.range_m, target.velocity_mps }, sample);
    }
    d_running = d_plan;
    note_motions(sample);
}

void target_emulator_impl::note_motions(uint64_t sample)
{
    d_motions.clear();
    for (std::size_t i = 0; i < d_running->targets.size(); ++i)
        d_motions.push_back(d_running->paths[i].at(sample));
}

void target_emulator_impl::begin_frame(uint64_t first, uint64_t number)
{
    random_stream draws(d_frame.seed, stream_t::TARGETS, number);
    const double probability = d_running ? d_running->scene.target_probability : 1.0;
    if (d_frames.size() == MOST_FRAMES) // the older half has long been heard
        d_frames.erase(d_frames.begin(), d_frames.begin() + MOST_FRAMES / 2);
    d_frames.push_back({ first, number, draws.uniform() <= probability });
}

pmt::pmt_t target_emulator_impl::targets_at(uint64_t sample) const
{
    const std::vector<point_target>& targets = d_running->targets;
    const pmt::pmt_t all = pmt::make_vector(targets.size(), pmt::PMT_NIL);
    for (std::size_t i = 0; i < targets.size(); ++i) {
        const echo_path::motion now = d_running->paths[i].at(sample);
        pmt::pmt_t one = pmt::make_dict();
        one = pmt::dict_add(one, d_name_range, pmt::from_double(now.range_m));
        one = pmt::dict_add(one, d_name_velocity, pmt::from_double(now.velocity_mps));
        one =
            pmt::dict_add(one, d_name_azimuth, pmt::from_double(targets[i].azimuth_rad));
        pmt::vector_set(all, i, one);
    }
    return all;
}

void target_emulator_impl::follow_tags(int items)
{
    get_tags_in_range(d_tags, 0, nitems_read(0), nitems_read(0) + items);
    for (const tag_t& tag : d_tags) {
        if (tag.key == d_key_hypothesis || tag.key == d_key_targets)
            continue; // two emulators in a row would leave two values on a sample
        for (int port = 0; port < d_frame.antennas; ++port)
            add_item_tag(port, tag);
        if (tag.key != d_key_frame_id)
            continue;
        const int64_t id = d_reader.integer(tag, 0, INT64_MAX, -1);
        if (id < 0)
            continue;
        if (d_frames_of_interval == 0)
            d_interval = static_cast<uint64_t>(id);
        if (++d_frames_of_interval >= d_running->scene.frames_per_interval)
            d_frames_of_interval = 0;
        begin_frame(tag.offset, d_interval);
        const pmt::pmt_t truth = pmt::from_long(d_frames.back().present);
        const pmt::pmt_t targets = targets_at(tag.offset);
        for (int port = 0; port < d_frame.antennas; ++port) {
            add_item_tag(port, tag.offset, d_key_hypothesis, truth);
            add_item_tag(port, tag.offset, d_key_targets, targets);
        }
    }
}

// Samples stay in the buffer of the input as long as they lie ahead of the outputs, so
// that samples and tags of both have the same numbers.
void target_emulator_impl::forecast(int noutput_items,
                                    gr_vector_int& ninput_items_required)
{
    const bool ends = input_has_ended(detail(), INT_MAX);
    ninput_items_required[0] = noutput_items + (ends ? 0 : LOOKAHEAD);
}

void target_emulator_impl::take(const gr_complex* samples, int64_t available, int64_t end)
{
    const auto start = static_cast<int64_t>(nitems_read(0));
    while (d_sent.end() < end) {
        const int64_t from = d_sent.end() - start;
        const int64_t count = std::min<int64_t>(end - d_sent.end(), PIECE);
        const int64_t given = std::clamp<int64_t>(available - from, 0, count);
        gr_complex* room = d_sent.extend(count);
        std::copy_n(samples + from, given, room);
        std::fill_n(room + given, count - given, gr_complex()); // behind the end
    }
}

gr_complex target_emulator_impl::gain_of_frame(std::size_t index,
                                               const sent_frame& frame) const
{
    if (!frame.present)
        return 0.0f;
    if (!d_running->paths[index].fluctuates())
        return 1.0f;
    random_stream draws(d_frame.seed, stream_t::SWERLING, frame.number);
    draws.skip(2 * index); // two words a target
    return gr_complex(draws.complex_normal());
}

void target_emulator_impl::add_path(std::size_t index,
                                    gr_vector_void_star& outputs,
                                    std::size_t done,
                                    uint64_t first,
                                    std::size_t count)
{
    echo_path& path = d_running->paths[index];
    const uint64_t start = first - first % PIECE;
    const float amplitude = path.amplitude(start);
    if (amplitude == 0.0f)
        return;
    for (std::size_t there = 0; there < count;) {
        const uint64_t sample = first + there;
        if (path.turn_sample() <= sample)
            path.turn(sample);
        const auto part = static_cast<std::size_t>(
            std::min<uint64_t>(count - there, path.turn_sample() - sample));
        path.arrive(d_sent, d_interpolator, sample, d_echo.data() + there, part);
        there += part;
    }

    // The frames whose samples arrive, the newest first.
    const int64_t delay = path.delay_samples(start);
    auto end = static_cast<int64_t>(first + count);
    for (auto frame = d_frames.rbegin(); end > static_cast<int64_t>(first); ++frame) {
        const bool oldest = !path.is_target() || frame + 1 == d_frames.rend();
        const auto arrives = static_cast<int64_t>(frame->first) + delay;
        const int64_t begin = oldest ? first : std::max<int64_t>(arrives, first);
        if (begin >= end)
            continue;
        gr_complex gain = amplitude;
        if (path.is_target())
            gain *= gain_of_frame(index, *frame);
        const auto from = static_cast<std::size_t>(begin - static_cast<int64_t>(first));
        for (int k = 0; k < d_frame.antennas && gain != gr_complex(); ++k)
            add_scaled(static_cast<gr_complex*>(outputs[k]) + done + from,
                       d_echo.data() + from,
                       multiply(gain, path.steering()[k]),
                       end - begin);
        end = begin;
    }
}

int target_emulator_impl::work_on(int noutput_items,
                                  gr_vector_int& ninput_items,
                                  gr_vector_const_void_star& input_items,
                                  gr_vector_void_star& output_items)
{
    const auto* samples = static_cast<const gr_complex*>(input_items[0]);
    const int64_t available = ninput_items[0];
    const bool ended = input_has_ended(detail(), ninput_items[0]);
    const auto items = static_cast<int>(
        std::clamp<int64_t>(ended ? available : available - LOOKAHEAD, 0, noutput_items));
    if (items == 0)
        return ended ? WORK_DONE : 0;

    const uint64_t begin = nitems_read(0);
    take_newest_plan(begin);
    follow_tags(items);
    for (std::size_t done = 0; done < static_cast<std::size_t>(items);) {
        const uint64_t first = begin + done;
        const auto count = static_cast<std::size_t>(
            std::min<uint64_t>(items - done, PIECE - first % PIECE));
        take(samples, available, first + count + LOOKAHEAD);
        for (int k = 0; k < d_frame.antennas; ++k)
            std::fill_n(static_cast<gr_complex*>(output_items[k]) + done, count, 0.0f);
        for (std::size_t index = 0; index < d_running->paths.size(); ++index)
            add_path(index, output_items, done, first, count);
        for (int k = 0; k < d_frame.antennas && d_running->noise_amplitude > 0.0f; ++k)
            d_noise[k].add(static_cast<gr_complex*>(output_items[k]) + done,
                           first,
                           count,
                           d_running->noise_amplitude);
        done += count;
    }
    {
        std::lock_guard<std::mutex> lock(d_mutex);
        note_motions(begin + items);
    }
    consume(0, items);
    return items;
}

} // namespace semisac
} // namespace gr
