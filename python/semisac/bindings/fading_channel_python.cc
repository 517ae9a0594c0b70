/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <gnuradio/semisac/fading_channel.h>
#include <pybind11/complex.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <map>

namespace py = pybind11;

namespace {

using gr::semisac::channel_model_from_name;
using gr::semisac::channel_model_t;
using gr::semisac::channel_settings;
using gr::semisac::fading_channel;

constexpr const char* CLASS_DOC =
    R"(Communication channel on frames of symbols or on a stream of samples.

A signal x is received as y = h x + w with w ~ CN(0, N0), N0 = 10^(-snr_db / 10); h = 1
("awgn"), h ~ CN(0, 1) ("rayleigh") or a constant path and CN around it ("rician"), one
value for each block of block_length items. snr_db is Es/N0 for each complex channel use,
where E|x|^2 = 1; under fading its mean.

In the order in which a signal meets them, all off at first: transmitter's front end
(imbalance of I and Q, constant, amplifier), delay and taps with their fading, sampling
clock of the receiver, carrier offset and phase noise, noise, receiver's front end, gaps.

Input 0: symbols, complex64[channel_uses]; channel_uses = 1: a stream of samples.
Output 0: received symbols, complex64[channel_uses], with the tags snr_db (double, dB),
noise_var (double, N0), channel_gain (complex, h; at the start of each block, where the
channel is one tap) and gap (long, items; at the first item of each gap), each of which
holds until the next of its name; other tags pass.

channel_uses: complex symbols in an item, at least 1.
model: "awgn", "rayleigh" or "rician", or a channel_model_t.
snr_db: mean SNR in dB, -200 to 200; 200: no noise.
seed: key of the random draws, 0 to 2^64 - 1. The same seed gives the same channel as
    semisac_ml.signal.channel.fading_channel (frames) and
    semisac_ml.signal.sample_channel.sample_channel (stream), however the stream is split.
sample_rate_hz: channel uses a second; with 1, frequencies are in cycles a channel use.
settings: any of the following by name. Each also has a method of its name, which gives the
    present value, and set_..., which changes it while the flowgraph runs.
)";

constexpr const char* ERRORS_DOC = R"(
Raises ValueError for a parameter out of range, or for delays, taps and a clock offset
where channel_uses is not 1.
Source: Sagduyu et al., "Joint Sensing and Semantic Communications with Multi-Task Deep
Learning", section II, "Channel effects"; 3GPP TR 38.901, section 7.7.2.)";

//! A value that is read already: what is left to do runs no Python, which could wait for
//! a thread that waits for the lock of the settings.
using change = std::function<void(channel_settings&)>;

//! One setting as Python sees it.
struct setting {
    const char* name;
    const char* doc;
    std::function<change(const py::handle&)> change_to;
    std::function<py::object(const channel_settings&)> read;
};

template <typename T>
setting make_setting(const char* name, T channel_settings::*member, const char* doc)
{
    return { name,
             doc,
             [member, name](const py::handle& value) -> change {
                 try {
                     return [member, read = value.cast<T>()](channel_settings& settings) {
                         settings.*member = read;
                     };
                 } catch (const py::cast_error&) {
                     throw py::type_error(std::string("fading_channel: ") + name +
                                          " is " + py::repr(value).cast<std::string>() +
                                          ", which is of the wrong type.");
                 }
             },
             [member](const channel_settings& settings) {
                 return py::cast(settings.*member);
             } };
}

const std::vector<setting>& all_settings()
{
    using s = channel_settings;
    static const std::vector<setting> found = {
        make_setting("block_length",
                     &s::block_length,
                     "items for which a gain holds, where doppler_hz is 0; at least 1"),
        make_setting("rician_k_db",
                     &s::rician_k_db,
                     "\"rician\": power of the constant path over the rest in dB"),
        make_setting("doppler_hz",
                     &s::doppler_hz,
                     "largest Doppler shift in Hz, Clarke's spectrum; 0: block fading"),
        make_setting("fading_paths",
                     &s::fading_paths,
                     "sinusoids that make up a tap under Doppler, 8 to 32"),
        make_setting("delays_s", &s::delays_s, "delay of each tap in s (stream only)"),
        make_setting("gains_db",
                     &s::gains_db,
                     "mean power gain of each tap in dB; the sum is scaled to 1"),
        make_setting(
            "profile",
            &s::profile,
            "\"A\" to \"E\": taps of 3GPP TR 38.901; \"\": delays_s (stream only)"),
        make_setting("delay_spread_s",
                     &s::delay_spread_s,
                     "root mean square delay spread of the profile in s"),
        make_setting("delay_samples",
                     &s::delay_samples,
                     "delay of the whole channel in samples, 0 to 65536 (stream only)"),
        make_setting("clock_offset_ppm",
                     &s::clock_offset_ppm,
                     "excess of the receiver's sampling interval in ppm, -1000 to 1000 "
                     "(stream only)"),
        make_setting("carrier_offset_hz",
                     &s::carrier_offset_hz,
                     "carrier of the transmitter minus that of the receiver in Hz"),
        make_setting("linewidth_hz",
                     &s::linewidth_hz,
                     "full width at half maximum of the oscillators' line in Hz"),
        make_setting("tx_iq_gain_db",
                     &s::tx_iq_gain_db,
                     "transmitter: gain of I over Q in dB, -10 to 10"),
        make_setting("tx_iq_phase_deg",
                     &s::tx_iq_phase_deg,
                     "transmitter: shortfall of the angle between I and Q in degrees"),
        make_setting("tx_dc_offset", &s::tx_dc_offset, "transmitter: constant added"),
        make_setting("pa_saturation",
                     &s::pa_saturation,
                     "amplitude at which the amplifier saturates; 0: linear"),
        make_setting("pa_smoothness",
                     &s::pa_smoothness,
                     "smoothness p of Rapp's amplifier, 0.5 to 20"),
        make_setting("rx_iq_gain_db",
                     &s::rx_iq_gain_db,
                     "receiver: gain of I over Q in dB, -10 to 10"),
        make_setting("rx_iq_phase_deg",
                     &s::rx_iq_phase_deg,
                     "receiver: shortfall of the angle between I and Q in degrees"),
        make_setting("rx_dc_offset", &s::rx_dc_offset, "receiver: constant added"),
        make_setting("gap_probability",
                     &s::gap_probability,
                     "probability that a run of gap_length items is lost, 0 to 1"),
        make_setting("gap_length", &s::gap_length, "items in a gap, at least 1"),
    };
    return found;
}

channel_model_t model_of(const py::handle& model)
{
    if (py::isinstance<py::str>(model))
        return channel_model_from_name(model.cast<std::string>());
    return model.cast<channel_model_t>();
}

change change_of(const std::string& name, const py::handle& value)
{
    if (name == "model")
        return [model = model_of(value)](channel_settings& settings) {
            settings.model = model;
        };
    if (name == "snr_db")
        return [snr_db = value.cast<double>()](channel_settings& settings) {
            settings.snr_db = snr_db;
        };
    for (const setting& one : all_settings())
        if (name == one.name)
            return one.change_to(value);
    throw py::type_error("fading_channel: " + name +
                         " is no setting; see help(semisac.fading_channel).");
}

void update(fading_channel& channel, const py::kwargs& values)
{
    std::vector<change> changes;
    for (const auto& [name, value] : values)
        changes.push_back(change_of(name.cast<std::string>(), value));
    channel.update([&changes](channel_settings& settings) {
        for (const change& one : changes)
            one(settings);
    });
}

std::string class_doc()
{
    std::string text = CLASS_DOC;
    for (const setting& one : all_settings())
        text += std::string("    ") + one.name + ": " + one.doc + ".\n";
    return text + ERRORS_DOC;
}

} // namespace

void bind_fading_channel(py::module& m)
{
    py::enum_<channel_model_t>(m, "channel_model_t", "Gain of the communication channel.")
        .value("AWGN", channel_model_t::AWGN, "h = 1")
        .value("RAYLEIGH", channel_model_t::RAYLEIGH, "h ~ CN(0, 1)")
        .value("RICIAN", channel_model_t::RICIAN, "a constant path and CN around it");

    static const std::string doc = class_doc();
    py::class_<fading_channel,
               gr::block,
               gr::basic_block,
               std::shared_ptr<fading_channel>>
        channel(m, "fading_channel", doc.c_str());
    channel
        .def(py::init([](int channel_uses,
                         const py::object& model,
                         double snr_db,
                         uint64_t seed,
                         double sample_rate_hz,
                         const py::kwargs& settings) {
                 auto made = fading_channel::make(
                     channel_uses, model_of(model), snr_db, seed, sample_rate_hz);
                 update(*made, settings);
                 return made;
             }),
             py::arg("channel_uses"),
             py::arg("model") = "awgn",
             py::arg("snr_db") = 3.0,
             py::arg("seed") = 0,
             py::arg("sample_rate_hz") = 1.0)
        .def("set_snr_db",
             &fading_channel::set_snr_db,
             py::arg("snr_db"),
             "Mean SNR in dB, used from the next call of the scheduler on.")
        .def("snr_db", &fading_channel::snr_db, "Mean SNR in dB.")
        .def(
            "set_model",
            [](fading_channel& self, const py::object& model) {
                self.set_model(model_of(model));
            },
            py::arg("model"),
            "Gain of the channel, by name or as channel_model_t.")
        .def("model", &fading_channel::model, "Gain of the channel.")
        .def(
            "update",
            [](fading_channel& self, const py::kwargs& settings) {
                update(self, settings);
            },
            "Change several settings at once, given by name.")
        .def(
            "set_taps",
            [](fading_channel& self,
               const std::vector<double>& delays_s,
               const std::vector<double>& gains_db) {
                self.update([&](channel_settings& changed) {
                    changed.delays_s = delays_s;
                    changed.gains_db = gains_db;
                });
            },
            py::arg("delays_s"),
            py::arg("gains_db"),
            "Delays in s and mean power gains in dB of the taps; both empty: one tap.")
        .def("sample_rate_hz", &fading_channel::sample_rate_hz, "Channel uses a second.")
        .def(
            "channel_uses", &fading_channel::channel_uses, "Complex symbols in an item.");
    for (const setting& one : all_settings()) {
        channel.def(
            one.name,
            [&one](const fading_channel& self) { return one.read(self.settings()); },
            one.doc);
        channel.def((std::string("set_") + one.name).c_str(),
                    [&one](fading_channel& self, const py::object& value) {
                        self.update(one.change_to(value));
                    },
                    py::arg(one.name),
                    one.doc);
    }
}
