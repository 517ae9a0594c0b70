/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "block/parameter_checks.h"
#include "block/tag_values.h"
#include "echo_channel_impl.h"
#include "math/philox.h"
#include <gnuradio/io_signature.h>
#include <algorithm>
#include <cmath>
#include <complex>
#include <stdexcept>

namespace gr {
namespace semisac {

namespace {

// An item beyond this does not fit a stream buffer any more.
constexpr int MOST_SAMPLES = 1 << 20;

double checked_sensing_snr_db(double sensing_snr_db)
{
    return require_in_range("echo_channel: sensing_snr_db",
                            sensing_snr_db,
                            -LARGEST_SNR_DB,
                            LARGEST_SNR_DB,
                            "give the Es/N0 in dB of a target in the first range");
}

double checked_range_step_db(double range_step_db)
{
    return require_in_range("echo_channel: range_step_db",
                            range_step_db,
                            0.0,
                            LARGEST_SNR_DB,
                            "give the loss in dB from one range to the next");
}

double checked_target_probability(double target_probability)
{
    return require_in_range("echo_channel: target_probability",
                            target_probability,
                            0.0,
                            1.0,
                            "give the probability that a target is there");
}

echo_geometry checked_geometry(const echo_geometry& geometry)
{
    require_in_range("echo_channel: channel_uses",
                     geometry.channel_uses,
                     1,
                     MOST_SAMPLES,
                     "give the number of complex symbols in a frame");
    require_in_range("echo_channel: ranges",
                     geometry.ranges,
                     1,
                     MOST_SAMPLES,
                     "give the number of ranges in which a target may be");
    const int most_delay =
        (MOST_SAMPLES - geometry.channel_uses) / std::max(1, geometry.ranges - 1);
    require_in_range("echo_channel: delay_symbols_per_range",
                     geometry.delay_symbols_per_range,
                     0,
                     most_delay,
                     "give the delay in whole symbols from one range to the next");
    require_in_range("echo_channel: max_frequency_offset",
                     geometry.max_frequency_offset,
                     0.0,
                     0.5,
                     "give the largest frequency shift in cycles a symbol");
    return geometry;
}

//! Hypothesis in {"hypothesis": integer} or (hypothesis . integer); none if neither.
std::optional<int64_t> hypothesis_in(const pmt::pmt_t& message)
{
    const pmt::pmt_t key = pmt::mp("hypothesis");
    pmt::pmt_t value = pmt::PMT_NIL;
    try {
        if (pmt::is_pair(message) && pmt::eqv(pmt::car(message), key))
            value = pmt::cdr(message);
        else if (pmt::is_dict(message))
            value = pmt::dict_ref(message, key, pmt::PMT_NIL);
    } catch (const std::exception&) { // a list that is no dictionary
        return std::nullopt;
    }
    return integer_of(value);
}

} // namespace

echo_fading_t echo_fading_from_name(const std::string& name)
{
    if (name == "none")
        return echo_fading_t::NONE;
    if (name == "rayleigh")
        return echo_fading_t::RAYLEIGH;
    if (name == "two_hop_rayleigh")
        return echo_fading_t::TWO_HOP_RAYLEIGH;
    throw std::invalid_argument("echo_channel: fading is \"" + name +
                                "\", expected \"none\", \"rayleigh\" or "
                                "\"two_hop_rayleigh\"; give one of these names.");
}

echo_channel::sptr echo_channel::make(int channel_uses,
                                      int ranges,
                                      double sensing_snr_db,
                                      double range_step_db,
                                      int delay_symbols_per_range,
                                      echo_fading_t fading,
                                      bool random_phase,
                                      double max_frequency_offset,
                                      double target_probability,
                                      uint64_t seed)
{
    const echo_geometry geometry{ channel_uses, ranges,       delay_symbols_per_range,
                                  fading,       random_phase, max_frequency_offset };
    const echo_settings settings{ checked_sensing_snr_db(sensing_snr_db),
                                  checked_range_step_db(range_step_db),
                                  checked_target_probability(target_probability),
                                  -1 };
    return gnuradio::make_block_sptr<echo_channel_impl>(
        checked_geometry(geometry), settings, seed);
}

echo_channel_impl::echo_channel_impl(const echo_geometry& geometry,
                                     const echo_settings& settings,
                                     uint64_t seed)
    : gr::sync_block(
          "echo_channel",
          gr::io_signature::make(1, 1, geometry.channel_uses * sizeof(gr_complex)),
          gr::io_signature::make(1, 1, geometry.echo_samples() * sizeof(gr_complex))),
      d_geometry(geometry),
      d_seed(seed),
      d_settings(settings)
{
    set_tag_propagation_policy(TPP_CUSTOM); // see forward_tags
    message_port_register_in(d_port_target);
    set_msg_handler(d_port_target,
                    [this](const pmt::pmt_t& message) { handle_target(message); });
}

echo_settings echo_channel_impl::current_settings() const
{
    std::lock_guard<std::mutex> lock(d_mutex);
    return d_settings;
}

void echo_channel_impl::set_sensing_snr_db(double sensing_snr_db)
{
    checked_sensing_snr_db(sensing_snr_db);
    std::lock_guard<std::mutex> lock(d_mutex);
    d_settings.sensing_snr_db = sensing_snr_db;
}

void echo_channel_impl::set_range_step_db(double range_step_db)
{
    checked_range_step_db(range_step_db);
    std::lock_guard<std::mutex> lock(d_mutex);
    d_settings.range_step_db = range_step_db;
}

void echo_channel_impl::set_target_probability(double target_probability)
{
    checked_target_probability(target_probability);
    std::lock_guard<std::mutex> lock(d_mutex);
    d_settings.target_probability = target_probability;
}

void echo_channel_impl::set_target(int hypothesis)
{
    require_in_range("echo_channel: target",
                     hypothesis,
                     -1,
                     d_geometry.ranges,
                     "give 0 for no target, 1 + r for range r, -1 for random");
    std::lock_guard<std::mutex> lock(d_mutex);
    d_settings.target = hypothesis;
}

double echo_channel_impl::sensing_snr_db() const
{
    return current_settings().sensing_snr_db;
}

double echo_channel_impl::range_step_db() const
{
    return current_settings().range_step_db;
}

double echo_channel_impl::target_probability() const
{
    return current_settings().target_probability;
}

int echo_channel_impl::target() const { return current_settings().target; }

// A wrong message must not end the flowgraph: it is reported and ignored.
void echo_channel_impl::handle_target(const pmt::pmt_t& message)
{
    const std::optional<int64_t> hypothesis = hypothesis_in(message);
    if (!hypothesis) {
        d_logger->error("message on port target is {}, expected a dictionary or a pair "
                        "with an integer \"hypothesis\"; it is ignored.",
                        pmt::write_string(message));
        return;
    }
    try {
        require_in_range<int64_t>("echo_channel: hypothesis in the message",
                                  *hypothesis,
                                  -1,
                                  d_geometry.ranges,
                                  "it is ignored");
        set_target(static_cast<int>(*hypothesis));
    } catch (const std::invalid_argument& error) {
        d_logger->error("{}", error.what());
    }
}

// Two channels in a row would leave two values of one name on an item: the tags that
// this block writes itself do not pass.
void echo_channel_impl::forward_tags(int items)
{
    get_tags_in_range(d_tags, 0, nitems_read(0), nitems_read(0) + items);
    for (const tag_t& tag : d_tags) {
        if (tag.key != d_key_hypothesis && tag.key != d_key_sensing_snr_db)
            add_item_tag(0, tag);
    }
}

int echo_channel_impl::draw_hypothesis(const echo_settings& now, uint64_t frame) const
{
    if (now.target >= 0)
        return now.target;
    random_stream draws(d_seed, stream_t::TARGET, frame);
    if (draws.uniform() > now.target_probability)
        return 0;
    const int range = static_cast<int>(std::floor(draws.uniform() * d_geometry.ranges));
    return 1 + std::min(range, d_geometry.ranges - 1); // the uniform may be 1
}

void echo_channel_impl::add_target(const gr_complex* symbols,
                                   gr_complex* echo,
                                   int range,
                                   const echo_settings& now,
                                   uint64_t frame) const
{
    random_stream draws(d_seed, stream_t::ECHO_FADING, frame);
    const std::complex<double> to_target = draws.complex_normal();
    const std::complex<double> from_target = draws.complex_normal();
    const double phase = 2.0 * M_PI * draws.uniform();
    const double frequency =
        (2.0 * draws.uniform() - 1.0) * d_geometry.max_frequency_offset;

    const double snr_db = now.sensing_snr_db - range * now.range_step_db;
    std::complex<double> gain(std::pow(10.0, snr_db / 20.0), 0.0);
    if (d_geometry.fading != echo_fading_t::NONE)
        gain *= to_target;
    if (d_geometry.fading == echo_fading_t::TWO_HOP_RAYLEIGH)
        gain *= from_target;
    if (d_geometry.random_phase)
        gain *= std::polar(1.0, phase);

    echo += static_cast<std::size_t>(range) * d_geometry.delay_symbols_per_range;
    gr_complex turned(gain);
    for (int k = 0; k < d_geometry.channel_uses; ++k) {
        if (d_geometry.max_frequency_offset > 0.0)
            turned = gr_complex(gain * std::polar(1.0, 2.0 * M_PI * frequency * k));
        const float gr = turned.real(), gi = turned.imag();
        const float xr = symbols[k].real(), xi = symbols[k].imag();
        echo[k] += gr_complex(gr * xr - gi * xi, gr * xi + gi * xr);
    }
}

int echo_channel_impl::work(int noutput_items,
                            gr_vector_const_void_star& input_items,
                            gr_vector_void_star& output_items)
{
    const auto* symbols = static_cast<const gr_complex*>(input_items[0]);
    auto* echo = static_cast<gr_complex*>(output_items[0]);
    const std::size_t samples = d_geometry.echo_samples();

    const echo_settings now = current_settings();
    const pmt::pmt_t sensing_snr_db = pmt::from_double(now.sensing_snr_db);

    forward_tags(noutput_items);

    for (int item = 0; item < noutput_items; ++item) {
        // The index since the start names the draws, whatever the size of this call.
        const uint64_t frame = nitems_written(0) + item;

        random_stream noise(d_seed, stream_t::ECHO_NOISE, frame);
        for (std::size_t m = 0; m < samples; ++m)
            echo[m] = gr_complex(noise.complex_normal());

        const int hypothesis = draw_hypothesis(now, frame);
        if (hypothesis > 0)
            add_target(symbols, echo, hypothesis - 1, now, frame);

        add_item_tag(0, frame, d_key_hypothesis, pmt::from_long(hypothesis));
        if (item == 0) // holds until the next one comes
            add_item_tag(0, frame, d_key_sensing_snr_db, sensing_snr_db);
        symbols += d_geometry.channel_uses;
        echo += samples;
    }
    return noutput_items;
}

} // namespace semisac
} // namespace gr
