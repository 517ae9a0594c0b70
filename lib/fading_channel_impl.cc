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
#include "fading_channel_impl.h"
#include <gnuradio/io_signature.h>
#include <algorithm>
#include <climits>
#include <cmath>
#include <stdexcept>

namespace gr {
namespace semisac {

namespace {

// An item beyond this does not fit a stream buffer any more.
constexpr int MOST_CHANNEL_USES = 1 << 20;

channel_frame checked_frame(int channel_uses, double sample_rate_hz, uint64_t seed)
{
    require_in_range("fading_channel: channel_uses",
                     channel_uses,
                     1,
                     MOST_CHANNEL_USES,
                     "give the number of complex symbols in a frame, 1 for a stream");
    require_in_range("fading_channel: sample_rate_hz",
                     sample_rate_hz,
                     1e-3,
                     1e12,
                     "give the channel uses a second");
    return { channel_uses, sample_rate_hz, seed };
}

} // namespace

channel_model_t channel_model_from_name(const std::string& name)
{
    if (name == "awgn")
        return channel_model_t::AWGN;
    if (name == "rayleigh")
        return channel_model_t::RAYLEIGH;
    if (name == "rician")
        return channel_model_t::RICIAN;
    throw std::invalid_argument("fading_channel: model is \"" + name +
                                "\", expected \"awgn\", \"rayleigh\" or \"rician\"; give "
                                "one of these names.");
}

fading_channel::sptr fading_channel::make(int channel_uses,
                                          channel_model_t model,
                                          double snr_db,
                                          uint64_t seed,
                                          double sample_rate_hz)
{
    channel_settings settings;
    settings.model = model;
    settings.snr_db = snr_db;
    return gnuradio::make_block_sptr<fading_channel_impl>(
        checked_frame(channel_uses, sample_rate_hz, seed), settings);
}

fading_channel_impl::fading_channel_impl(const channel_frame& frame,
                                         const channel_settings& settings)
    : gr::block("fading_channel",
                gr::io_signature::make(1, 1, frame.channel_uses * sizeof(gr_complex)),
                gr::io_signature::make(1, 1, frame.channel_uses * sizeof(gr_complex))),
      d_frame(frame),
      d_plan(std::make_shared<const channel_plan>(make_channel_plan(settings, frame))),
      d_running(d_plan),
      d_channel(frame)
{
    set_tag_propagation_policy(TPP_CUSTOM); // see receive_tags
    d_channel.configure(d_plan);
}

void fading_channel_impl::update(const std::function<void(channel_settings&)>& change)
{
    std::lock_guard<std::mutex> one_at_a_time(d_change_mutex);
    channel_settings changed = settings();
    change(changed);
    auto plan = std::make_shared<const channel_plan>(make_channel_plan(changed, d_frame));
    std::lock_guard<std::mutex> lock(d_mutex);
    d_plan.swap(plan);
}

fading_channel_impl::plan_ptr fading_channel_impl::current_plan() const
{
    std::lock_guard<std::mutex> lock(d_mutex);
    return d_plan;
}

channel_settings fading_channel_impl::settings() const
{
    return current_plan()->settings;
}

void fading_channel_impl::set_snr_db(double snr_db)
{
    update([snr_db](channel_settings& settings) { settings.snr_db = snr_db; });
}

double fading_channel_impl::snr_db() const { return current_plan()->settings.snr_db; }

void fading_channel_impl::set_model(channel_model_t model)
{
    update([model](channel_settings& settings) { settings.model = model; });
}

channel_model_t fading_channel_impl::model() const
{
    return current_plan()->settings.model;
}

bool fading_channel_impl::start()
{
    d_channel.restart();
    d_waiting.clear();
    return block::start();
}

void fading_channel_impl::forecast(int noutput_items,
                                   gr_vector_int& ninput_items_required)
{
    const int64_t uses = d_frame.channel_uses;
    int64_t samples = d_channel.needed(noutput_items * uses);
    if (input_has_ended(detail(), INT_MAX)) // what is still inside needs no input
        samples = d_channel.producible(0, true, 1) > 0 ? 0 : 1;
    ninput_items_required[0] = static_cast<int>((samples + uses - 1) / uses);
}

// Two channels in a row would leave two values of one name on an item: the tags that
// this block writes itself do not pass.
void fading_channel_impl::receive_tags(int items)
{
    get_tags_in_range(d_tags, 0, nitems_read(0), nitems_read(0) + items);
    for (const tag_t& tag : d_tags) {
        if (tag.key != d_key_snr_db && tag.key != d_key_noise_var &&
            tag.key != d_key_channel_gain && tag.key != d_key_gap)
            d_waiting.push_back(tag);
    }
}

void fading_channel_impl::send_tags(int items)
{
    const uint64_t first = nitems_written(0);
    const auto waits = [this, first, items](tag_t& tag) {
        int64_t place = tag.offset;
        if (d_frame.is_stream())
            place = d_channel.arrival(tag.offset);
        if (place >= static_cast<int64_t>(first) + items)
            return true;
        tag_t sent = tag;
        sent.offset = std::max<int64_t>(place, first);
        add_item_tag(0, sent);
        return false;
    };
    // stable: tags of one name on one item keep their order
    std::size_t kept = 0;
    for (std::size_t i = 0; i < d_waiting.size(); ++i) {
        if (waits(d_waiting[i]))
            std::swap(d_waiting[kept++], d_waiting[i]);
    }
    d_waiting.resize(kept);
}

// A value holds until the next one comes: what is the same for the whole call is said
// once, for a tag on every frame costs more than the frame.
void fading_channel_impl::add_own_tags(uint64_t first_item)
{
    const double snr_db = d_running->settings.snr_db;
    add_item_tag(0, first_item, d_key_snr_db, pmt::from_double(snr_db));
    add_item_tag(
        0, first_item, d_key_noise_var, pmt::from_double(std::pow(10.0, -snr_db / 10.0)));
    const uint64_t uses = d_frame.channel_uses;
    for (const change<gr_complex>& gain : d_channel.gains())
        add_item_tag(0,
                     std::max(first_item, gain.sample / uses),
                     d_key_channel_gain,
                     pmt::from_complex(gain.value));
    for (const change<long>& gap : d_channel.gaps())
        add_item_tag(0, gap.sample / uses, d_key_gap, pmt::from_long(gap.value));
}

int fading_channel_impl::work_on(int noutput_items,
                                 gr_vector_int& ninput_items,
                                 gr_vector_const_void_star& input_items,
                                 gr_vector_void_star& output_items)
{
    const auto* symbols = static_cast<const gr_complex*>(input_items[0]);
    auto* received = static_cast<gr_complex*>(output_items[0]);
    const int64_t uses = d_frame.channel_uses;

    const plan_ptr plan = current_plan();
    if (plan != d_running) {
        d_channel.configure(plan);
        d_running = plan;
    }

    const bool ended = input_has_ended(detail(), ninput_items[0]);
    const int64_t samples =
        d_channel.producible(ninput_items[0] * uses, ended, noutput_items * uses);
    const int items = static_cast<int>(samples / uses);
    if (items == 0)
        return ended ? WORK_DONE : 0;
    const uint64_t first_item = nitems_written(0);
    const int64_t taken =
        d_channel.run(symbols, ninput_items[0] * uses, received, items * uses);

    add_own_tags(first_item);
    receive_tags(static_cast<int>(taken / uses));
    send_tags(items);
    consume(0, static_cast<int>(taken / uses));
    return items;
}

} // namespace semisac
} // namespace gr
