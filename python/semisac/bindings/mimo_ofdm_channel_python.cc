/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <gnuradio/semisac/mimo_ofdm_channel.h>
#include <pybind11/complex.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <string>

namespace py = pybind11;

namespace {

using gr::semisac::mimo_ofdm_cell;
using gr::semisac::mimo_ofdm_channel;
using gr::semisac::mimo_path;

template <typename T>
using array_of = py::array_t<T, py::array::c_style | py::array::forcecast>;

constexpr const char* CLASS_DOC =
    R"(Time-varying multipath between users and a base station, seen through analog beams.

direction "up": y = W (sum_k H_k F_k x_k + w); "down": y_k = V_k (H_k^T X x + w_k), on each
subcarrier of each OFDM symbol, w ~ CN(0, 10^(-snr_db / 10)) at each antenna. E|h|^2 = 1.

An item is one OFDM symbol, complex64[subcarriers * chains], subcarrier by subcarrier. A frame
is `symbols` items from the one with the tag frame_id on. Its paths are those of (seed,
frame_id, user): an up and a down block of one seed are the same physical channel.

Inputs: up, one a user, user_chains; down, one, station_chains. Tags: frame_id; precoder
(c32vector, F_k or X, antennas x chains, as numpy ravels it) on a frame's first item, and on
any item of it where the precoder changes.
Outputs: up, one, station_chains; down, one a user, user_chains. Tags on a frame's first item:
frame_id, snr_db, noise_var; other tags pass, up those of the first user that is there.
Message in "settings": {"snr_db": dB, "speed_mps": m/s}, either or both.
Message in "combiner" (up, without a table): PDU ({"frame_id": int} . c32vector), W, chains x
antennas. A frame waits for its own, and is left out and counted (frames_lost) when that of a
later one is there, or after patience_s.

Users' frames meet by frame_id. One that is not there, is cut short (frames_truncated) or has
no good number, precoder or symbols (frames_refused) is silence (frames_missed).

symbols: OFDM symbols of a frame, 1 to 1024.
combiner: table, complex, that numpy can spread over [receivers (up 1, down users), symbols,
    chains, antennas]; None, up: by messages.
first_symbol: number of a frame's first OFDM symbol: 0 for pilots, behind them for data.
snr_db: of a user of power 1 at one antenna, -200 to 200; 200: no noise.
seed: key of the random draws, 0 to 2^64 - 1. semisac_ml.signal.mimo_ofdm.transmit gives the
    same symbols to single precision, however the stream is split.
most_waiting: frames of a user that are kept, 2 to 1024.
patience_s: for which a frame waits for its combiner.
Others: as of semisac_ml.signal.mimo_ofdm.MimoOfdm, whose fields may be given as
    **dataclasses.asdict(cell).

Raises ValueError for a parameter out of range.
Source: M. Wu, Z. Gao, "E2E Learning Massive MIMO for Multimodal Semantic Non-Orthogonal
Transmission and Fusion", Eqs. (3), (4), (6) to (9).)";

//! A table over all receivers, symbols, chains and antennas.
array_of<gr_complex> spread(const py::object& combiner, const py::tuple& shape)
{
    const py::module_ numpy = py::module_::import("numpy");
    const py::object values = numpy.attr("asarray")(combiner);
    try {
        return array_of<gr_complex>(numpy.attr("broadcast_to")(values, shape));
    } catch (const py::error_already_set& error) {
        if (!error.matches(PyExc_ValueError))
            throw;
    }
    throw py::value_error(
        py::str(
            "mimo_ofdm_channel: combiner has shape {}, expected one that numpy spreads "
            "over {} (receivers, symbols, chains, antennas); add or leave out axes.")
            .format(values.attr("shape"), shape)
            .cast<std::string>());
}

mimo_ofdm_channel::sptr make(const std::string& direction,
                             int symbols,
                             const py::object& combiner,
                             int first_symbol,
                             double snr_db,
                             uint64_t seed,
                             int most_waiting,
                             double patience_s,
                             const mimo_ofdm_cell& cell)
{
    using gr::semisac::link_direction_t;
    const link_direction_t way = gr::semisac::link_direction_from_name(direction);
    std::vector<gr_complex> table;
    if (!combiner.is_none()) {
        const bool up = way == link_direction_t::UP;
        const py::tuple shape =
            py::make_tuple(up ? 1 : cell.users,
                           symbols,
                           up ? cell.station_chains : cell.user_chains,
                           up ? cell.station_antennas : cell.user_antennas);
        const auto whole = spread(combiner, shape);
        table.assign(whole.data(), whole.data() + whole.size());
    }
    return mimo_ofdm_channel::make(
        way, symbols, cell, table, first_symbol, snr_db, seed, most_waiting, patience_s);
}

void set_recorded_paths(mimo_ofdm_channel& self,
                        const array_of<std::complex<double>>& gain,
                        const array_of<double>& arrival,
                        const array_of<double>& departure,
                        const array_of<double>& delay_s,
                        const array_of<double>& doppler_hz)
{
    for (const array_of<double>* other :
         { &arrival, &departure, &delay_s, &doppler_hz }) {
        if (gain.ndim() != 3 || other->ndim() != 3 ||
            gain.shape(1) != self.cell().users ||
            !std::equal(gain.shape(), gain.shape() + 3, other->shape()))
            throw py::value_error(
                "mimo_ofdm_channel: recorded paths are not five arrays of one shape "
                "[frames, users, paths]; read them with "
                "semisac_ml.data.scenes.mimo_paths.read_mimo_paths.");
    }
    std::vector<mimo_path> paths(gain.size());
    for (std::size_t i = 0; i < paths.size(); ++i)
        paths[i] = { gain.data()[i],
                     arrival.data()[i],
                     departure.data()[i],
                     delay_s.data()[i],
                     doppler_hz.data()[i] };
    const auto of_user = static_cast<int>(gain.shape(2));
    py::gil_scoped_release release;
    self.set_recorded_paths(paths, of_user);
}

} // namespace

void bind_mimo_ofdm_channel(py::module& m)
{
    const mimo_ofdm_cell usual;
    py::class_<mimo_ofdm_channel,
               gr::block,
               gr::basic_block,
               std::shared_ptr<mimo_ofdm_channel>>(m, "mimo_ofdm_channel", CLASS_DOC)
        .def(py::init([](const std::string& direction,
                         int symbols,
                         const py::object& combiner,
                         int first_symbol,
                         double snr_db,
                         uint64_t seed,
                         int most_waiting,
                         double patience_s,
                         int station_antennas,
                         int user_antennas,
                         int station_chains,
                         int user_chains,
                         int users,
                         int subcarriers,
                         double subcarrier_spacing_hz,
                         double symbol_interval_s,
                         double carrier_hz,
                         int paths,
                         double delay_s,
                         double speed_mps,
                         const std::string& doppler) {
                 const mimo_ofdm_cell cell{ station_antennas,
                                            user_antennas,
                                            station_chains,
                                            user_chains,
                                            users,
                                            subcarriers,
                                            subcarrier_spacing_hz,
                                            symbol_interval_s,
                                            carrier_hz,
                                            paths,
                                            delay_s,
                                            speed_mps,
                                            gr::semisac::doppler_law_from_name(doppler) };
                 return make(direction,
                             symbols,
                             combiner,
                             first_symbol,
                             snr_db,
                             seed,
                             most_waiting,
                             patience_s,
                             cell);
             }),
             py::arg("direction"),
             py::arg("symbols"),
             py::arg("combiner") = py::none(),
             py::arg("first_symbol") = 0,
             py::arg("snr_db") = 10.0,
             py::arg("seed") = 0,
             py::arg("most_waiting") = 16,
             py::arg("patience_s") = 10.0,
             py::kw_only(),
             py::arg("station_antennas") = usual.station_antennas,
             py::arg("user_antennas") = usual.user_antennas,
             py::arg("station_chains") = usual.station_chains,
             py::arg("user_chains") = usual.user_chains,
             py::arg("users") = usual.users,
             py::arg("subcarriers") = usual.subcarriers,
             py::arg("subcarrier_spacing_hz") = usual.subcarrier_spacing_hz,
             py::arg("symbol_interval_s") = usual.symbol_interval_s,
             py::arg("carrier_hz") = usual.carrier_hz,
             py::arg("paths") = usual.paths,
             py::arg("delay_s") = usual.delay_s,
             py::arg("speed_mps") = usual.speed_mps,
             py::arg("doppler") = "speed")
        .def("set_snr_db",
             &mimo_ofdm_channel::set_snr_db,
             py::arg("snr_db"),
             "SNR in dB, used from the next frame on.")
        .def("snr_db", &mimo_ofdm_channel::snr_db, "SNR in dB.")
        .def("set_speed_mps",
             &mimo_ofdm_channel::set_speed_mps,
             py::arg("speed_mps"),
             "Highest speed in m/s, used from the next frame on.")
        .def("speed_mps", &mimo_ofdm_channel::speed_mps, "Highest speed in m/s.")
        .def("set_recorded_paths",
             &set_recorded_paths,
             py::arg("gain"),
             py::arg("arrival"),
             py::arg("departure"),
             py::arg("delay_s"),
             py::arg("doppler_hz"),
             "Recorded paths, [frames, users, paths], in the place of drawn ones: the "
             "fields of a semisac_ml.signal.mimo_ofdm.PathArrays. Frame f has those of f "
             "modulo their number.")
        .def(
            "draw_paths",
            [](mimo_ofdm_channel& self) { self.set_recorded_paths({}, 0); },
            "Draw paths again, in the place of recorded ones.")
        .def("frames_lost",
             &mimo_ofdm_channel::frames_lost,
             "Frames whose combiner did not come; they are left out.")
        .def("frames_missed",
             &mimo_ofdm_channel::frames_missed,
             "Users' frames that were not there while others were.")
        .def("frames_refused",
             &mimo_ofdm_channel::frames_refused,
             "Frames without a number, a good precoder, or good symbols.")
        .def("frames_truncated",
             &mimo_ofdm_channel::frames_truncated,
             "Frames that the next one's begin cut short.")
        .def("combiners_dropped",
             &mimo_ofdm_channel::combiners_dropped,
             "Combiners that were replaced, or whose frame did not come.");
}
