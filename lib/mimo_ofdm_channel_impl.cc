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
#include "mimo_ofdm_channel_impl.h"
#include <gnuradio/io_signature.h>
#include <algorithm>
#include <cmath>
#include <thread>

namespace gr {
namespace semisac {

namespace {

constexpr auto NAP = std::chrono::milliseconds(1);

bool is_power_of_ten(uint64_t count)
{
    while (count > 0 && count % 10 == 0)
        count /= 10;
    return count == 1;
}

symbol_layout layout_of(const mimo_ofdm_link& link)
{
    const mimo_ofdm_cell& cell = link.cell;
    const int chains = link.up() ? cell.user_chains : cell.station_chains;
    const int antennas = link.up() ? cell.user_antennas : cell.station_antennas;
    return { link.symbols, cell.subcarriers * chains, antennas * chains };
}

int receiving_chains(const mimo_ofdm_link& link)
{
    return link.up() ? link.cell.station_chains : link.cell.user_chains;
}

int combiner_length(const mimo_ofdm_link& link)
{
    return receiving_chains(link) *
           (link.up() ? link.cell.station_antennas : link.cell.user_antennas);
}

double largest_doppler_hz(const std::vector<mimo_path>& paths)
{
    double largest = 0.0;
    for (const mimo_path& path : paths)
        largest = std::max(largest, std::abs(path.doppler_hz));
    return largest;
}

gr::io_signature::sptr signature(int ports, int subcarriers, int chains)
{
    return gr::io_signature::make(
        ports, ports, subcarriers * chains * static_cast<int>(sizeof(gr_complex)));
}

} // namespace

mimo_ofdm_channel_impl::mimo_ofdm_channel_impl(const mimo_ofdm_link& link,
                                               double snr_db,
                                               const std::vector<gr_complex>& combiner)
    : gr::block("mimo_ofdm_channel",
                signature(link.inputs(),
                          link.cell.subcarriers,
                          link.up() ? link.cell.user_chains : link.cell.station_chains),
                signature(link.outputs(), link.cell.subcarriers, receiving_chains(link))),
      d_link(link),
      d_table(combiner),
      d_settings{ snr_db, link.cell.speed_mps, nullptr },
      d_meeting(d_logger, layout_of(link), link.inputs(), link.most_waiting),
      d_channels(link.cell.users, beam_channel(link.direction, link.cell)),
      d_noise(link.seed,
              link.up() ? stream_t::STATION_NOISE : stream_t::USER_NOISE,
              link.cell.subcarriers,
              receiving_chains(link)),
      d_combiners(combiner_length(link)),
      d_doppler_hz(link.cell.users),
      d_factors(static_cast<std::size_t>(link.outputs()) * receiving_chains(link) *
                receiving_chains(link))
{
    set_tag_propagation_policy(TPP_DONT); // see give_tags
    message_port_register_in(d_port_settings);
    set_msg_handler(d_port_settings,
                    [this](const pmt::pmt_t& message) { handle_settings(message); });
    if (!d_table.empty())
        return;
    message_port_register_in(d_port_combiner);
    set_msg_handler(d_port_combiner,
                    [this](const pmt::pmt_t& message) { handle_combiner(message); });
}

bool mimo_ofdm_channel_impl::start()
{
    d_meeting.clear();
    d_combiners.begin_run();
    d_symbol = -1;
    d_waits = false;
    d_obstacle = obstacle_t::INPUT;
    d_frames_lost = d_frames_missed = 0;
    note_counts();
    return block::start();
}

void mimo_ofdm_channel_impl::note_counts()
{
    d_frames_refused = d_meeting.frames_refused();
    d_frames_truncated = d_meeting.frames_truncated();
    d_combiners_dropped = d_combiners.dropped();
}

// A block of which nothing is asked is called at once: only where it can go on. One that
// waits for a combiner waits for more items too, which wake it, as messages do.
void mimo_ofdm_channel_impl::forecast(int, gr_vector_int& ninput_items_required)
{
    const bool waits =
        d_obstacle == obstacle_t::COMBINER && !d_combiners.find(d_meeting.frame_id()) &&
        !d_combiners.has_later(d_meeting.frame_id()) && !patience_is_over();
    for (int input = 0; input < d_link.inputs(); ++input) {
        const bool asked = d_obstacle == obstacle_t::INPUT
                               ? d_meeting.needs(input)
                               : waits && !d_meeting.full(input);
        ninput_items_required[input] = asked && !input_has_ended(detail(), 0, input);
    }
}

void mimo_ofdm_channel_impl::take_items(const gr_vector_int& ninput_items,
                                        const gr_vector_const_void_star& input_items)
{
    for (int input = 0; input < d_link.inputs(); ++input) {
        const uint64_t first = nitems_read(input);
        get_tags_in_range(d_tags, input, first, first + ninput_items[input]);
        const int taken =
            d_meeting.take(input,
                           static_cast<const gr_complex*>(input_items[input]),
                           ninput_items[input],
                           first,
                           d_tags);
        consume(input, taken);
        if (input_has_ended(detail(), 0, input))
            d_meeting.end(input);
    }
}

bool mimo_ofdm_channel_impl::patience_is_over() const
{
    return d_waits &&
           std::chrono::duration<double>(clock::now() - d_waits_since).count() >
               d_link.patience_s;
}

// Patience begins with the wait, or with the last combiner that came meanwhile.
mimo_ofdm_channel_impl::obstacle_t mimo_ofdm_channel_impl::await_combiner()
{
    if (!d_table.empty() || d_combiners.find(d_meeting.frame_id()))
        return obstacle_t::NONE;
    if (!d_waits) {
        d_waits = true;
        d_waits_since = clock::now();
    }
    if (!d_combiners.has_later(d_meeting.frame_id()) && !patience_is_over())
        return obstacle_t::COMBINER;
    if (is_power_of_ten(++d_frames_lost))
        d_logger->warn("no combiner came for frame {}: it is left out, {} so far",
                       d_meeting.frame_id(),
                       d_frames_lost.load());
    d_meeting.drop();
    return obstacle_t::INPUT; // look for the next one
}

mimo_ofdm_channel_impl::obstacle_t mimo_ofdm_channel_impl::open_frame()
{
    for (;;) {
        if (!d_meeting.find_next())
            return obstacle_t::INPUT;
        if (!d_meeting.is_there())
            return obstacle_t::END;
        const obstacle_t found = await_combiner();
        if (found == obstacle_t::COMBINER)
            return found;
        if (found == obstacle_t::NONE)
            break;
    }
    begin_frame();
    return obstacle_t::NONE;
}

void mimo_ofdm_channel_impl::begin_frame()
{
    d_waits = false;
    const uint64_t frame = d_meeting.frame_id();
    d_frames_missed += d_meeting.missing();
    const settings now = current_settings();
    for (int user = 0; user < d_link.cell.users; ++user) {
        if (!d_meeting.has(d_link.input_of(user)))
            continue;
        if (now.recorded)
            look_up_paths(*now.recorded, d_link.cell, frame, user, d_paths);
        else
            draw_paths(d_link.cell, now.speed_mps, d_link.seed, frame, user, d_paths);
        d_channels[user].set_paths(d_paths);
        d_doppler_hz[user] = largest_doppler_hz(d_paths);
    }
    if (d_table.empty()) {
        set_combiner(0, d_combiners.find(frame));
        d_combiners.forget(frame);
    }
    d_snr_db = now.snr_db;
    d_noise_amplitude = now.snr_db < LARGEST_SNR_DB
                            ? static_cast<float>(std::pow(10.0, -now.snr_db / 20.0))
                            : 0.0f;
    d_symbol = 0;
}

void mimo_ofdm_channel_impl::set_combiner(int receiver, const gr_complex* weights)
{
    const int chains = receiving_chains(d_link);
    find_noise_factor(weights,
                      chains,
                      combiner_length(d_link) / chains,
                      d_factors.data() + receiver * chains * chains);
    if (!d_link.up())
        d_channels[receiver].set_combiner(weights);
    for (int user = 0; d_link.up() && user < d_link.cell.users; ++user) {
        if (d_meeting.has(user))
            d_channels[user].set_combiner(weights);
    }
}

// Beams of the symbol that is sent, where they are other than in the one before.
void mimo_ofdm_channel_impl::set_beams()
{
    const int length = combiner_length(d_link);
    for (int receiver = 0; !d_table.empty() && receiver < d_link.outputs(); ++receiver) {
        const gr_complex* weights =
            d_table.data() +
            (static_cast<std::size_t>(receiver) * d_link.symbols + d_symbol) * length;
        if (d_symbol == 0 || !std::equal(weights, weights + length, weights - length))
            set_combiner(receiver, weights);
    }
    const std::size_t precoder = d_symbol * layout_of(d_link).precoder_length;
    for (int user = 0; user < d_link.cell.users; ++user) {
        const int input = d_link.input_of(user);
        if (!d_meeting.has(input))
            continue;
        const symbol_frame& frame = d_meeting.frame(input);
        if (frame.has_precoder[d_symbol])
            d_channels[user].set_precoder(frame.precoders.data() + precoder);
    }
}

void mimo_ofdm_channel_impl::give_symbol(const gr_vector_void_star& output_items,
                                         int item)
{
    const int chains = receiving_chains(d_link);
    const std::size_t length = static_cast<std::size_t>(d_link.cell.subcarriers) * chains;
    const auto out = [&](int port) {
        return static_cast<gr_complex*>(output_items[port]) + item * length;
    };
    set_beams();
    for (int port = 0; port < d_link.outputs(); ++port)
        std::fill_n(out(port), length, gr_complex());
    const uint64_t symbol = static_cast<uint64_t>(d_link.first_symbol) + d_symbol;
    for (int user = 0; user < d_link.cell.users; ++user) {
        const int input = d_link.input_of(user);
        if (!d_meeting.has(input))
            continue;
        const std::size_t place = d_symbol * layout_of(d_link).item_length;
        d_channels[user].add(symbol,
                             d_meeting.frame(input).symbols.data() + place,
                             out(d_link.up() ? 0 : user));
    }
    for (int port = 0; port < d_link.outputs() && d_noise_amplitude > 0.0f; ++port)
        d_noise.add(out(port),
                    d_factors.data() + static_cast<std::size_t>(port) * chains * chains,
                    d_noise_amplitude,
                    d_meeting.frame_id(),
                    symbol * d_link.outputs() + port);
}

void mimo_ofdm_channel_impl::give_tags(int item)
{
    for (int port = 0; port < d_link.outputs(); ++port) {
        const uint64_t offset = nitems_written(port) + item;
        if (d_symbol == 0) {
            const double noise_var =
                d_noise_amplitude > 0.0f ? std::pow(10.0, -d_snr_db / 10.0) : 0.0;
            add_item_tag(
                port, offset, d_key_frame_id, pmt::from_uint64(d_meeting.frame_id()));
            add_item_tag(port, offset, d_key_snr_db, pmt::from_double(d_snr_db));
            add_item_tag(port, offset, d_key_noise_var, pmt::from_double(noise_var));
            if (!d_link.up())
                add_item_tag(
                    port, offset, d_key_doppler_hz, pmt::from_double(d_doppler_hz[port]));
        }
        for (const auto& [symbol, tag] : d_meeting.first_frame().tags) {
            if (symbol == d_symbol)
                add_item_tag(port, offset, tag.key, tag.value, tag.srcid);
        }
    }
}

int mimo_ofdm_channel_impl::work_on(int noutput_items,
                                    gr_vector_int& ninput_items,
                                    gr_vector_const_void_star& input_items,
                                    gr_vector_void_star& output_items)
{
    take_items(ninput_items, input_items);
    int given = 0;
    d_obstacle = obstacle_t::NONE;
    while (given < noutput_items) {
        if (d_symbol < 0)
            d_obstacle = open_frame();
        if (d_obstacle != obstacle_t::NONE)
            break;
        give_tags(given);
        give_symbol(output_items, given++);
        if (++d_symbol == d_link.symbols) {
            d_meeting.drop();
            d_symbol = -1;
        }
    }
    note_counts();
    if (given > 0)
        return given;
    if (d_obstacle == obstacle_t::END)
        return WORK_DONE;
    if (d_obstacle == obstacle_t::COMBINER)
        std::this_thread::sleep_for(NAP);
    return 0;
}

} // namespace semisac
} // namespace gr
