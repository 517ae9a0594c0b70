/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "block/end_of_input.h"
#include "math/philox.h"
#include "radio/converter.h"
#include "radio/radio_checks.h"
#include "simulated_receiver_impl.h"
#include <gnuradio/io_signature.h>
#include <algorithm>
#include <climits>

namespace gr {
namespace semisac {

namespace {

constexpr std::size_t MOST_LOSSES = 4096;

simulated_receiver_impl::settings
checked(const simulated_receiver_impl::settings& settings)
{
    require_sample_rate("simulated_receiver", settings.sample_rate_hz);
    require_in_range("simulated_receiver: bits",
                     settings.bits,
                     2,
                     16,
                     "give the resolution of the converter");
    require_in_range("simulated_receiver: channels",
                     settings.channels,
                     1,
                     16,
                     "give the number of receiving antennas");
    require_in_range("simulated_receiver: random_start_samples",
                     settings.random_start_samples,
                     0,
                     INT_MAX,
                     "give by how much it may begin later");
    return settings;
}

} // namespace

simulated_receiver::sptr simulated_receiver::make(double sample_rate_hz,
                                                  int bits,
                                                  int channels,
                                                  bool timestamps,
                                                  int random_start_samples,
                                                  uint64_t seed)
{
    return gnuradio::make_block_sptr<simulated_receiver_impl>(checked(
        { sample_rate_hz, bits, channels, timestamps, random_start_samples, seed }));
}

simulated_receiver_impl::simulated_receiver_impl(const settings& settings)
    : gr::block("simulated_receiver",
                gr::io_signature::make(
                    settings.channels, settings.channels, sizeof(gr_complex)),
                gr::io_signature::make(
                    settings.channels, settings.channels, sizeof(gr_complex))),
      d_settings(settings),
      d_clock(settings.sample_rate_hz)
{
    set_tag_propagation_policy(TPP_CUSTOM); // see receive
    d_losses.reserve(MOST_LOSSES);
}

void simulated_receiver_impl::set_start_time(uint64_t full, double fraction)
{
    const radio_time time =
        checked_time("simulated_receiver: start time", full, fraction);
    std::lock_guard<std::mutex> lock(d_mutex);
    d_start_time = time;
}

void simulated_receiver_impl::inject_loss(int samples, int64_t sample)
{
    require_in_range("simulated_receiver: samples to lose",
                     samples,
                     1,
                     INT_MAX,
                     "give how many are to be lost");
    std::lock_guard<std::mutex> lock(d_mutex);
    require_in_range("simulated_receiver: losses to come",
                     d_losses.size() + 1,
                     std::size_t{ 1 },
                     MOST_LOSSES,
                     "wait until those injected before have happened");
    const auto place = std::upper_bound(
        d_losses.begin(), d_losses.end(), sample, [](int64_t first, const loss& other) {
            return first < other.sample;
        });
    d_losses.insert(place, { sample, samples });
}

bool simulated_receiver_impl::start()
{
    random_stream draws(d_settings.seed, stream_t::RADIO_START, d_starts++);
    const double most = d_settings.random_start_samples + 1.0;
    d_early = static_cast<int64_t>((1.0 - draws.uniform()) * most);
    d_start_offset = static_cast<int>(d_early);
    d_fault.clear();
    {
        std::lock_guard<std::mutex> lock(d_mutex);
        d_origin = d_start_time;
    }
    d_dropping = 0;
    d_tag_time = true;
    d_samples_clipped = d_samples_lost = d_overflows = 0;
    return gr::block::start();
}

void simulated_receiver_impl::forecast(int, gr_vector_int& ninput_items_required)
{
    std::fill(ninput_items_required.begin(), ninput_items_required.end(), 1);
}

// Samples up to the next loss; one that is due begins.
int64_t simulated_receiver_impl::until_next_loss(int64_t sample)
{
    std::lock_guard<std::mutex> lock(d_mutex);
    while (!d_losses.empty() && d_losses.front().sample <= sample) {
        d_dropping += d_losses.front().count;
        d_losses.erase(d_losses.begin());
        ++d_overflows;
    }
    return d_losses.empty() ? INT64_MAX : d_losses.front().sample - sample;
}

void simulated_receiver_impl::tag_time(int64_t sample, int64_t given)
{
    const radio_time time = d_clock.time_of(d_origin, sample);
    for (int channel = 0; channel < d_settings.channels; ++channel) {
        const uint64_t place = nitems_written(channel) + given;
        add_item_tag(channel, place, d_key_rx_time, time_tuple(time));
        add_item_tag(
            channel, place, d_key_rx_rate, pmt::from_double(d_settings.sample_rate_hz));
    }
}

void simulated_receiver_impl::receive(int64_t count,
                                      int64_t taken,
                                      int64_t given,
                                      gr_vector_const_void_star& input_items,
                                      gr_vector_void_star& output_items)
{
    const auto steps = static_cast<float>(1 << (d_settings.bits - 1));
    for (int channel = 0; channel < d_settings.channels; ++channel) {
        d_samples_clipped +=
            convert(static_cast<const gr_complex*>(input_items[channel]) + taken,
                    static_cast<gr_complex*>(output_items[channel]) + given,
                    count,
                    steps);
        const uint64_t from = nitems_read(channel) + taken;
        const uint64_t to = nitems_written(channel) + given;
        get_tags_in_range(d_tags, channel, from, from + count);
        for (tag_t& tag : d_tags) {
            tag.offset = tag.offset - from + to;
            add_item_tag(channel, tag);
        }
    }
}

int simulated_receiver_impl::work_on(int noutput_items,
                                     gr_vector_int& ninput_items,
                                     gr_vector_const_void_star& input_items,
                                     gr_vector_void_star& output_items)
{
    if (d_fault.is_silent())
        return output_has_ended(detail()) ? WORK_DONE : 0;
    const int64_t available = *std::min_element(ninput_items.begin(), ninput_items.end());
    int64_t taken = std::min(d_early, available), given = 0;
    d_early -= taken;
    while (taken < available && given < noutput_items) {
        const int64_t sample = static_cast<int64_t>(nitems_read(0)) + taken;
        const int64_t limit = until_next_loss(sample);
        if (d_dropping > 0) {
            const int64_t lost = std::min(d_dropping, available - taken);
            d_dropping -= lost;
            d_samples_lost += static_cast<uint64_t>(lost);
            taken += lost;
            d_tag_time = true;
            continue;
        }
        if (d_tag_time && d_settings.timestamps)
            tag_time(sample, given);
        d_tag_time = false;
        const int64_t count =
            std::min({ limit, available - taken, noutput_items - given });
        receive(count, taken, given, input_items, output_items);
        taken += count;
        given += count;
    }
    consume_each(static_cast<int>(taken));
    return static_cast<int>(given);
}

} // namespace semisac
} // namespace gr
