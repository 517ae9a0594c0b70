/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "fading_channel_impl.h"
#include "parameter_checks.h"
#include "philox.h"
#include <gnuradio/io_signature.h>
#include <volk/volk.h>
#include <cmath>
#include <stdexcept>

namespace gr {
namespace semisac {

namespace {

// An item beyond this does not fit a stream buffer any more.
constexpr int MOST_CHANNEL_USES = 1 << 20;

double checked_snr_db(double snr_db)
{
    return require_in_range("fading_channel: snr_db",
                            snr_db,
                            -LARGEST_SNR_DB,
                            LARGEST_SNR_DB,
                            "give the mean Es/N0 of a channel use in dB");
}

int checked_channel_uses(int channel_uses)
{
    return require_in_range("fading_channel: channel_uses",
                            channel_uses,
                            1,
                            MOST_CHANNEL_USES,
                            "give the number of complex symbols in a frame");
}

} // namespace

channel_model_t channel_model_from_name(const std::string& name)
{
    if (name == "awgn")
        return channel_model_t::AWGN;
    if (name == "rayleigh")
        return channel_model_t::RAYLEIGH;
    throw std::invalid_argument("fading_channel: model is \"" + name +
                                "\", expected \"awgn\" or \"rayleigh\"; give one of "
                                "these names.");
}

fading_channel::sptr fading_channel::make(int channel_uses,
                                          channel_model_t model,
                                          double snr_db,
                                          uint64_t seed)
{
    return gnuradio::make_block_sptr<fading_channel_impl>(
        checked_channel_uses(channel_uses), model, checked_snr_db(snr_db), seed);
}

fading_channel_impl::fading_channel_impl(int channel_uses,
                                         channel_model_t model,
                                         double snr_db,
                                         uint64_t seed)
    : gr::sync_block("fading_channel",
                     gr::io_signature::make(1, 1, channel_uses * sizeof(gr_complex)),
                     gr::io_signature::make(1, 1, channel_uses * sizeof(gr_complex))),
      d_channel_uses(channel_uses),
      d_seed(seed),
      d_settings{ model, snr_db }
{
    set_tag_propagation_policy(TPP_CUSTOM); // see forward_tags
}

void fading_channel_impl::set_snr_db(double snr_db)
{
    checked_snr_db(snr_db);
    std::lock_guard<std::mutex> lock(d_mutex);
    d_settings.snr_db = snr_db;
}

double fading_channel_impl::snr_db() const
{
    std::lock_guard<std::mutex> lock(d_mutex);
    return d_settings.snr_db;
}

void fading_channel_impl::set_model(channel_model_t model)
{
    std::lock_guard<std::mutex> lock(d_mutex);
    d_settings.model = model;
}

channel_model_t fading_channel_impl::model() const
{
    std::lock_guard<std::mutex> lock(d_mutex);
    return d_settings.model;
}

// Two channels in a row would leave two values of one name on an item: the tags that
// this block writes itself do not pass.
void fading_channel_impl::forward_tags(int items)
{
    get_tags_in_range(d_tags, 0, nitems_read(0), nitems_read(0) + items);
    for (const tag_t& tag : d_tags) {
        if (tag.key != d_key_snr_db && tag.key != d_key_noise_var &&
            tag.key != d_key_channel_gain)
            add_item_tag(0, tag);
    }
}

int fading_channel_impl::work(int noutput_items,
                              gr_vector_const_void_star& input_items,
                              gr_vector_void_star& output_items)
{
    const auto* symbols = static_cast<const gr_complex*>(input_items[0]);
    auto* received = static_cast<gr_complex*>(output_items[0]);

    settings now;
    {
        std::lock_guard<std::mutex> lock(d_mutex);
        now = d_settings;
    }
    const double noise_variance = std::pow(10.0, -now.snr_db / 10.0);
    const double noise_amplitude = std::sqrt(noise_variance);
    const pmt::pmt_t snr_db = pmt::from_double(now.snr_db);
    const pmt::pmt_t noise_var = pmt::from_double(noise_variance);

    forward_tags(noutput_items);

    for (int item = 0; item < noutput_items; ++item) {
        // The index since the start names the draws, whatever the size of this call.
        const uint64_t frame = nitems_written(0) + item;
        gr_complex* y = received + static_cast<std::size_t>(item) * d_channel_uses;
        const gr_complex* x = symbols + static_cast<std::size_t>(item) * d_channel_uses;

        random_stream noise(d_seed, stream_t::NOISE, frame);
        for (int k = 0; k < d_channel_uses; ++k)
            y[k] = gr_complex(noise_amplitude * noise.complex_normal());

        gr_complex gain(1.0f, 0.0f);
        if (now.model == channel_model_t::RAYLEIGH) {
            random_stream fading(d_seed, stream_t::FADING, frame);
            gain = gr_complex(fading.complex_normal());
            const float hr = gain.real(), hi = gain.imag();
            for (int k = 0; k < d_channel_uses; ++k) {
                const float xr = x[k].real(), xi = x[k].imag();
                y[k] += gr_complex(hr * xr - hi * xi, hr * xi + hi * xr);
            }
        }

        // A value holds until the next one comes: what is the same for the whole call is
        // said once, for a tag on every frame costs more than the frame.
        if (item == 0) {
            add_item_tag(0, frame, d_key_snr_db, snr_db);
            add_item_tag(0, frame, d_key_noise_var, noise_var);
        }
        if (item == 0 || now.model == channel_model_t::RAYLEIGH)
            add_item_tag(0, frame, d_key_channel_gain, pmt::from_complex(gain));
    }

    if (now.model == channel_model_t::AWGN) {
        const auto* x = reinterpret_cast<const float*>(symbols);
        auto* y = reinterpret_cast<float*>(received);
        volk_32f_x2_add_32f(y, y, x, 2u * d_channel_uses * noutput_items);
    }
    return noutput_items;
}

} // namespace semisac
} // namespace gr
