/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "echo_processor_impl.h"
#include "math/sample_energy.h"
#include "math/speed_of_light.h"
#include <gnuradio/block_detail.h>
#include <gnuradio/buffer.h>
#include <gnuradio/io_signature.h>
#include <volk/volk.h>
#include <algorithm>
#include <climits>
#include <cmath>

namespace gr {
namespace semisac {

namespace {

constexpr int AVERAGED_FRAMES = 32; // see semisac_ml.signal.echo_processing
constexpr double LEAST_NOISE_VARIANCE = 1e-30;

// Range and closing speed of the first target in the tag of a target_emulator; false
// where it tells of none.
bool first_target(const pmt::pmt_t& targets, double& range_m, double& velocity_mps)
{
    static const pmt::pmt_t RANGE = pmt::mp("range_m"), SPEED = pmt::mp("velocity_mps");
    if (!pmt::is_vector(targets) || pmt::length(targets) == 0)
        return false;
    const pmt::pmt_t first = pmt::vector_ref(targets, 0);
    if (!pmt::is_dict(first))
        return false;
    const std::optional<double> range =
        real_of(pmt::dict_ref(first, RANGE, pmt::PMT_NIL));
    range_m = range.value_or(0.0);
    velocity_mps = real_of(pmt::dict_ref(first, SPEED, pmt::PMT_NIL)).value_or(0.0);
    return range.has_value();
}

} // namespace

echo_processor_impl::echo_processor_impl(const radar_parameters& parameters,
                                         const settings& first)
    : gr::block("echo_processor",
                gr::io_signature::make(
                    1 + parameters.antennas, 1 + parameters.antennas, sizeof(gr_complex)),
                gr::io_signature::make2(
                    1,
                    2,
                    parameters.frame.channel_uses * static_cast<int>(sizeof(gr_complex)),
                    static_cast<int>(parameters.map_cells() * sizeof(gr_complex)))),
      d_parameters(parameters),
      d_occupied_samples(parameters.frame.occupied_samples()),
      d_reader(d_logger),
      d_spectra(parameters.frame),
      d_vectors(parameters.frame),
      d_maps(parameters),
      d_settings(first),
      d_sent(d_occupied_samples),
      d_received(parameters.antennas, complex_buffer(d_occupied_samples)),
      d_sent_spectra(d_spectra.size()),
      d_received_spectra(parameters.antennas * d_spectra.size()),
      d_measured_noise(AVERAGED_FRAMES),
      d_estimated_snr(AVERAGED_FRAMES),
      d_symbols(parameters.frame.body_data_symbols()),
      d_map(parameters.map_cells())
{
    set_tag_propagation_policy(TPP_DONT); // frames become images
}

bool echo_processor_impl::start()
{
    d_frame = frame_state();
    d_gate_delay = -1.0;
    d_measured_noise.restart();
    d_estimated_snr.restart();
    d_echoes = d_echoes_sent = 0;
    d_map_waits = false;
    d_maps.restart();
    d_frames_processed = d_frames_refused = d_frames_lost = d_intervals_broken = 0;
    return gr::block::start();
}

void echo_processor_impl::forecast(int, gr_vector_int& ninput_items_required)
{
    const int needed = anything_pending() ? 0 : 1;
    std::fill(ninput_items_required.begin(), ninput_items_required.end(), needed);
}

// First sample of a frame at or behind `from`, or `available`.
int echo_processor_impl::find_frame(int from, int available)
{
    const uint64_t read = nitems_read(0);
    get_tags_in_range(d_tags, 0, read + from, read + available, d_key_frame_id);
    int first = available;
    for (const tag_t& tag : d_tags)
        first = std::min(first, static_cast<int>(tag.offset - read));
    return first;
}

void echo_processor_impl::break_interval()
{
    if (d_maps.empty())
        return;
    ++d_intervals_broken;
    d_maps.restart();
}

// Reads the tags of a frame; false when it is of another length, has no id, or is lost.
bool echo_processor_impl::open_frame(uint64_t offset)
{
    d_frame = frame_state();
    d_frame.start = offset;
    d_frame.images = d_parameters.frame.images_per_frame;
    int64_t length = d_parameters.frame.frame_samples(), id = -1;
    bool lost = false;
    get_tags_in_range(d_tags, 0, offset, offset + 1);
    for (const tag_t& tag : d_tags) {
        if (tag.key == d_key_frame_id)
            id = d_reader.integer(tag, 0, INT64_MAX, id);
        else if (tag.key == d_key_images)
            d_frame.images =
                static_cast<int>(d_reader.integer(tag, 0, INT_MAX, d_frame.images));
        else if (tag.key == d_key_packet_len)
            length = d_reader.integer(tag, 0, INT64_MAX, length);
        else if (tag.key == d_key_lost)
            lost = true;
    }
    if (lost) {
        ++d_frames_lost;
        break_interval();
        return false;
    }
    if (id < 0 || length != d_parameters.frame.frame_samples() || d_frame.images < 1 ||
        d_frame.images > d_parameters.frame.images_per_frame) {
        ++d_frames_refused;
        return false;
    }
    d_frame.id = static_cast<uint64_t>(id);
    d_frame.filled = 0;
    get_tags_in_range(d_echo_tags, 1, offset, offset + 1);
    d_targets = pmt::PMT_NIL;
    for (const tag_t& tag : d_echo_tags) {
        if (tag.key == d_key_targets)
            d_targets = tag.value;
    }
    d_echo_tags.erase(std::remove_if(d_echo_tags.begin(),
                                     d_echo_tags.end(),
                                     [this](const tag_t& tag) {
                                         return tag.key == d_key_frame_id ||
                                                tag.key == d_key_images ||
                                                tag.key == d_key_targets ||
                                                tag.key == d_key_packet_len;
                                     }),
                      d_echo_tags.end());
    return true;
}

// Takes samples until the frame is there, or another one begins; returns how many.
int echo_processor_impl::gather(int from,
                                int available,
                                const gr_vector_const_void_star& input_items)
{
    int count = std::min(available - from, d_occupied_samples - d_frame.filled);
    const int behind_start = d_frame.filled == 0 ? 1 : 0; // its own tag
    const int next = find_frame(from + behind_start, from + count);
    const bool cut_short = next < from + count;
    count = next - from;
    const auto copy = [=](std::size_t input, complex_buffer& samples) {
        const auto* in = static_cast<const gr_complex*>(input_items[input]);
        std::copy_n(in + from, count, samples.data() + d_frame.filled);
    };
    copy(0, d_sent);
    for (std::size_t antenna = 0; antenna < d_received.size(); ++antenna)
        copy(1 + antenna, d_received[antenna]);
    d_frame.filled += count;
    if (cut_short) {
        ++d_frames_refused;
        d_frame.filled = -1;
    }
    return count;
}

bool echo_processor_impl::is_sound() const
{
    return are_sound(d_sent.data(), d_occupied_samples) &&
           std::all_of(d_received.begin(), d_received.end(), [this](const auto& samples) {
               return are_sound(samples.data(), d_occupied_samples);
           });
}

void echo_processor_impl::process_frame(bool maps_wanted)
{
    if (!is_sound()) {
        ++d_frames_refused;
        return;
    }
    const settings now = current();
    d_spectra.transform(d_sent.data(), d_sent_spectra.data());
    const bool all_antennas = maps_wanted && d_parameters.mode == radar_mode_t::OFDM;
    for (std::size_t antenna = 0; antenna < (all_antennas ? d_received.size() : 1);
         ++antenna)
        d_spectra.transform(d_received[antenna].data(),
                            d_received_spectra.data() + antenna * d_spectra.size());
    measure_noise(now);
    make_echoes(now);
    if (maps_wanted)
        add_to_map(now);
    ++d_frames_processed;
}

void echo_processor_impl::measure_noise(const settings& now)
{
    if (now.noise_variance > 0.0) {
        d_noise_in_use = now.noise_variance;
        return;
    }
    // The unused subcarriers at both edges lie side by side in the middle of the FFT.
    const int size = d_parameters.frame.fft_size;
    const int edge = size / 2 - d_parameters.frame.guard_subcarriers;
    const int unused = size - 2 * edge - 1;
    double sum = 0.0;
    for (int symbol = 0; symbol < d_spectra.count(); ++symbol) {
        const auto* cells = reinterpret_cast<const float*>(
            d_received_spectra.data() + static_cast<std::size_t>(symbol) * size + edge +
            1);
        float power;
        volk_32f_x2_dot_prod_32f(&power, cells, cells, 2 * unused);
        sum += power;
    }
    const double cells = static_cast<double>(unused) * d_spectra.count() * size;
    d_measured_noise.add(sum / cells);
    d_noise_in_use = std::max(d_measured_noise.value(), LEAST_NOISE_VARIANCE);
}

// The gate moves at its closing speed from the first frame after it was set, or is where
// the first target is.
void echo_processor_impl::set_gate(const settings& now)
{
    double range_m, velocity_mps;
    if (now.follow_target && first_target(d_targets, range_m, velocity_mps)) {
        place_gate(2.0 * range_m * d_parameters.frame.sample_rate_hz / SPEED_OF_LIGHT_MPS,
                   velocity_mps);
        return;
    }
    if (now.delay_samples != d_gate_delay || now.velocity_mps != d_gate_velocity) {
        d_gate_delay = now.delay_samples;
        d_gate_velocity = now.velocity_mps;
        d_gate_start = d_frame.start;
    }
    const double shortening = 2.0 * now.velocity_mps / SPEED_OF_LIGHT_MPS; // a sample
    place_gate(now.delay_samples - shortening * (d_frame.start - d_gate_start),
               now.velocity_mps);
}

void echo_processor_impl::place_gate(double delay, double velocity_mps)
{
    const double doppler = 2.0 * velocity_mps / SPEED_OF_LIGHT_MPS *
                           d_parameters.carrier_hz / d_parameters.frame.sample_rate_hz;
    d_vectors.set_gate(
        std::clamp(delay, 0.0, static_cast<double>(d_parameters.frame.prefix_samples)),
        doppler);
}

void echo_processor_impl::make_echoes(const settings& now)
{
    set_gate(now);
    const gr_complex leakage = now.removal == leakage_removal_t::ZERO_DELAY
                                   ? d_vectors.leakage(d_sent_spectra.data(),
                                                       d_received_spectra.data(),
                                                       d_frame.images)
                                   : 0.0f;
    d_vectors.read(d_sent_spectra.data(),
                   d_received_spectra.data(),
                   leakage,
                   d_noise_in_use * d_parameters.frame.fft_size,
                   d_frame.images,
                   d_symbols.data());
    d_echoes = d_frame.images;
    d_echoes_sent = 0;
    if (!std::isnan(now.sensing_snr_db)) {
        d_snr_db_in_use = now.sensing_snr_db;
        return;
    }
    d_estimated_snr.add(
        d_vectors.snr(d_sent_spectra.data(), d_symbols.data(), d_frame.images));
    d_snr_db_in_use =
        d_estimated_snr.count() > 0 ? 10.0 * std::log10(d_estimated_snr.value()) : 0.0;
}

void echo_processor_impl::add_to_map(const settings& now)
{
    if (d_frame.start != d_next_start)
        break_interval();
    if (d_maps.empty()) {
        d_interval_id = d_frame.id;
        d_interval_start = d_frame.start;
        d_interval_targets = d_targets;
    }
    d_next_start = d_frame.start + d_parameters.frame.frame_samples();
    d_maps.add_frame(d_sent_spectra.data(),
                     d_received_spectra.data(),
                     d_sent,
                     d_received,
                     now.removal);
    if (d_maps.complete()) {
        d_maps.write_map(now.removal, now.regularisation, d_noise_in_use, d_map.data());
        d_maps.restart();
        d_map_waits = true;
        d_removed = now.removal;
    }
}

void echo_processor_impl::give_echoes(int space, gr_vector_void_star& output_items)
{
    const int count = std::min(space, d_echoes - d_echoes_sent);
    const auto uses = static_cast<std::size_t>(d_parameters.frame.channel_uses);
    std::copy_n(d_symbols.data() + d_echoes_sent * uses,
                count * uses,
                static_cast<gr_complex*>(output_items[0]));
    for (int i = 0; i < count; ++i) {
        const uint64_t item = nitems_written(0) + i;
        const int image = d_echoes_sent + i;
        add_item_tag(0, item, d_key_frame_id, pmt::from_uint64(d_frame.id + image));
        if (image == 0)
            add_item_tag(
                0, item, d_key_sensing_snr_db, pmt::from_double(d_snr_db_in_use));
        for (tag_t& tag : d_echo_tags) {
            tag.offset = item;
            add_item_tag(0, tag);
        }
    }
    d_echoes_sent += count;
    produce(0, count);
}

void echo_processor_impl::give_map(gr_vector_void_star& output_items)
{
    std::copy(d_map.begin(), d_map.end(), static_cast<gr_complex*>(output_items[1]));
    const uint64_t item = nitems_written(1);
    add_item_tag(1, item, d_key_frame_id, pmt::from_uint64(d_interval_id));
    add_item_tag(1, item, d_key_sample_index, pmt::from_uint64(d_interval_start));
    add_item_tag(1, item, d_key_noise_var, pmt::from_double(d_noise_in_use));
    // chirps lose their leakage sample by sample, of each frame apart
    if (d_removed == leakage_removal_t::STATIC)
        add_item_tag(1, item, d_key_removal, pmt::mp("static"));
    else if (d_removed == leakage_removal_t::ZERO_DELAY &&
             d_parameters.mode == radar_mode_t::OFDM)
        add_item_tag(1, item, d_key_removal, pmt::mp("zero_delay"));
    if (!pmt::is_null(d_interval_targets))
        add_item_tag(1, item, d_key_targets, d_interval_targets);
    d_map_waits = false;
    produce(1, 1);
}

// What noutput_items says is the room of the output that has the least: a few maps. To
// give echoes by so few would cost a call of the scheduler for each.
int echo_processor_impl::echo_room(int least) const
{
    const gr::buffer_sptr output = detail()->output(0);
    gr::thread::scoped_lock guard(*output->mutex());
    return std::max(least, output->space_available());
}

int echo_processor_impl::work_on(int noutput_items,
                                 gr_vector_int& ninput_items,
                                 gr_vector_const_void_star& input_items,
                                 gr_vector_void_star& output_items)
{
    const bool maps_wanted = output_items.size() > 1;
    const int available = *std::min_element(ninput_items.begin(), ninput_items.end());
    int taken = 0;
    while (!anything_pending() && taken < available) {
        if (d_frame.filled < 0) {
            taken = find_frame(taken, available);
            if (taken < available && !open_frame(nitems_read(0) + taken))
                ++taken;
            continue;
        }
        taken += gather(taken, available, input_items);
        if (d_frame.filled == d_occupied_samples) {
            process_frame(maps_wanted);
            d_frame.filled = -1;
        }
    }
    consume_each(taken);
    if (d_echoes_sent < d_echoes)
        give_echoes(echo_room(noutput_items), output_items);
    if (d_map_waits)
        give_map(output_items);
    return WORK_CALLED_PRODUCE;
}

} // namespace semisac
} // namespace gr
