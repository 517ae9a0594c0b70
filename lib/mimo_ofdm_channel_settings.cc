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
#include "math/sample_energy.h"
#include "mimo_ofdm_channel_impl.h"
#include <algorithm>
#include <stdexcept>
#include <string>

namespace gr {
namespace semisac {

namespace {

const std::string BLOCK = "mimo_ofdm_channel: ";
constexpr int MOST_SYMBOLS = 1024, MOST_ANTENNAS = 4096, MOST_CHAINS = 64;
constexpr int MOST_USERS = 64, MOST_SUBCARRIERS = 65536, MOST_PATHS = 1024;
constexpr int MOST_ITEM = 1 << 17;    // an item beyond it does not fit a stream's buffer
constexpr double MOST_KEPT = 1 << 27; // complex numbers of an input, 1 GiB
constexpr double MOST_SPEED_MPS = 1e5;

double checked_snr_db(double snr_db)
{
    return require_in_range(BLOCK + "snr_db",
                            snr_db,
                            -LARGEST_SNR_DB,
                            LARGEST_SNR_DB,
                            "give the SNR in dB of a user at one antenna");
}

double checked_speed_mps(double speed_mps)
{
    return require_in_range(
        BLOCK + "speed_mps", speed_mps, 0.0, MOST_SPEED_MPS, "give the highest speed");
}

void check_cell(const mimo_ofdm_cell& cell)
{
    const auto count = [](const char* name, int value, int most, const char* hint) {
        require_in_range(BLOCK + name, value, 1, most, hint);
    };
    count("station_antennas", cell.station_antennas, MOST_ANTENNAS, "give their number");
    count("user_antennas", cell.user_antennas, MOST_ANTENNAS, "give their number");
    count("station_chains", cell.station_chains, MOST_CHAINS, "give their number");
    count("user_chains", cell.user_chains, MOST_CHAINS, "give their number");
    count("users", cell.users, MOST_USERS, "give their number");
    count("subcarriers", cell.subcarriers, MOST_SUBCARRIERS, "give their number");
    count("paths", cell.paths, MOST_PATHS, "give the number of paths of a user");
    count("subcarriers times chains",
          cell.subcarriers * std::max(cell.station_chains, cell.user_chains),
          MOST_ITEM,
          "have fewer subcarriers or chains");
    const auto real = [](const char* name, double value, double least, double most) {
        require_in_range(BLOCK + name, value, least, most, "give a number of this range");
    };
    real("subcarrier_spacing_hz", cell.subcarrier_spacing_hz, 1e-3, 1e12);
    real("symbol_interval_s", cell.symbol_interval_s, 1e-12, 1e3);
    real("carrier_hz", cell.carrier_hz, 1.0, 1e15);
    real("delay_s", cell.delay_s, 0.0, 1.0);
    checked_speed_mps(cell.speed_mps);
}

void check_link(const mimo_ofdm_link& link)
{
    check_cell(link.cell);
    require_in_range(
        BLOCK + "symbols", link.symbols, 1, MOST_SYMBOLS, "give the items of a frame");
    require_in_range(BLOCK + "first_symbol",
                     link.first_symbol,
                     0,
                     1 << 30,
                     "give the number of a frame's first OFDM symbol");
    require_in_range(BLOCK + "most_waiting",
                     link.most_waiting,
                     2,
                     1024,
                     "give the frames of a user that may wait");
    const mimo_ofdm_cell& cell = link.cell;
    require_in_range(BLOCK + "most_waiting times symbols times subcarriers times chains",
                     static_cast<double>(link.most_waiting) * link.symbols *
                         cell.subcarriers *
                         (link.up() ? cell.user_chains : cell.station_chains),
                     1.0,
                     MOST_KEPT,
                     "have fewer frames wait, or shorter ones");
    require_in_range(BLOCK + "patience_s",
                     link.patience_s,
                     0.0,
                     3600.0,
                     "give the time for which a frame waits for its combiner");
}

void check_table(const mimo_ofdm_link& link, const std::vector<gr_complex>& table)
{
    const mimo_ofdm_cell& cell = link.cell;
    if (table.empty() && link.up())
        return;
    const std::size_t beams =
        link.up() ? static_cast<std::size_t>(cell.station_chains) * cell.station_antennas
                  : static_cast<std::size_t>(cell.user_chains) * cell.user_antennas;
    const std::size_t expected = beams * link.symbols * link.outputs();
    if (table.size() != expected)
        throw std::invalid_argument(
            BLOCK + "combiner has " + number_text(table.size()) + " weights, expected " +
            number_text(expected) + " (" + number_text(link.outputs()) + " receivers, " +
            number_text(link.symbols) + " symbols, chains, antennas); give one for each" +
            (link.up() ? ", or none to have them as messages." : "."));
    if (!are_sound(table.data(), static_cast<int>(table.size())))
        throw std::invalid_argument(
            BLOCK + "combiner is not finite, expected finite weights; train it anew.");
}

// A list is made of pairs, as a dictionary is: only the latter has pairs with symbols.
bool is_dictionary(const pmt::pmt_t& message)
{
    return pmt::is_dict(message) && pmt::is_pair(message) &&
           pmt::is_pair(pmt::car(message)) && pmt::is_symbol(pmt::car(pmt::car(message)));
}

} // namespace

link_direction_t link_direction_from_name(const std::string& name)
{
    if (name == "up")
        return link_direction_t::UP;
    if (name == "down")
        return link_direction_t::DOWN;
    throw std::invalid_argument(BLOCK + "direction is \"" + name +
                                "\", expected \"up\" or \"down\"; give one of these.");
}

doppler_law_t doppler_law_from_name(const std::string& name)
{
    if (name == "speed")
        return doppler_law_t::SPEED;
    if (name == "paths")
        return doppler_law_t::PATHS;
    throw std::invalid_argument(
        BLOCK + "doppler is \"" + name +
        "\", expected \"speed\" or \"paths\"; give one of these.");
}

mimo_ofdm_channel::sptr mimo_ofdm_channel::make(link_direction_t direction,
                                                int symbols,
                                                const mimo_ofdm_cell& cell,
                                                const std::vector<gr_complex>& combiner,
                                                int first_symbol,
                                                double snr_db,
                                                uint64_t seed,
                                                int most_waiting,
                                                double patience_s)
{
    const mimo_ofdm_link link{ direction, symbols,      cell,      first_symbol,
                               seed,      most_waiting, patience_s };
    check_link(link);
    check_table(link, combiner);
    return gnuradio::make_block_sptr<mimo_ofdm_channel_impl>(
        link, checked_snr_db(snr_db), combiner);
}

mimo_ofdm_channel_impl::settings mimo_ofdm_channel_impl::current_settings() const
{
    std::lock_guard<std::mutex> lock(d_mutex);
    return d_settings;
}

void mimo_ofdm_channel_impl::set_snr_db(double snr_db)
{
    checked_snr_db(snr_db);
    std::lock_guard<std::mutex> lock(d_mutex);
    d_settings.snr_db = snr_db;
}

double mimo_ofdm_channel_impl::snr_db() const { return current_settings().snr_db; }

void mimo_ofdm_channel_impl::set_speed_mps(double speed_mps)
{
    checked_speed_mps(speed_mps);
    std::lock_guard<std::mutex> lock(d_mutex);
    d_settings.speed_mps = speed_mps;
}

double mimo_ofdm_channel_impl::speed_mps() const { return current_settings().speed_mps; }

void mimo_ofdm_channel_impl::set_recorded_paths(const std::vector<mimo_path>& paths,
                                                int paths_of_user)
{
    auto recorded = std::make_shared<recorded_paths>();
    recorded->paths = paths;
    recorded->paths_of_user = paths_of_user;
    check_recorded_paths(*recorded, d_link.cell);
    std::lock_guard<std::mutex> lock(d_mutex);
    d_settings.recorded = paths.empty() ? nullptr : recorded;
}

// A wrong message must not end the flowgraph: it is reported and ignored, all of it.
void mimo_ofdm_channel_impl::handle_settings(const pmt::pmt_t& message)
{
    std::optional<double> snr_db, speed_mps;
    bool wrong = false;
    const auto read = [&](const pmt::pmt_t& key, std::optional<double>& value) {
        if (!is_dictionary(message) || !pmt::dict_has_key(message, key))
            return;
        value = real_of(pmt::dict_ref(message, key, pmt::PMT_NIL));
        wrong = wrong || !value;
    };
    read(d_key_snr_db, snr_db);
    read(d_name_speed_mps, speed_mps);
    if (wrong || (!snr_db && !speed_mps)) {
        d_logger->error("message on port settings is {}, expected a dictionary with "
                        "numbers \"snr_db\" or \"speed_mps\"; it is ignored.",
                        pmt::write_string(message));
        return;
    }
    try {
        checked_snr_db(snr_db.value_or(0.0));
        checked_speed_mps(speed_mps.value_or(0.0));
    } catch (const std::invalid_argument& error) {
        d_logger->error("message on port settings is ignored: {}", error.what());
        return;
    }
    std::lock_guard<std::mutex> lock(d_mutex);
    d_settings.snr_db = snr_db.value_or(d_settings.snr_db);
    d_settings.speed_mps = speed_mps.value_or(d_settings.speed_mps);
}

void mimo_ofdm_channel_impl::handle_combiner(const pmt::pmt_t& message)
{
    std::optional<int64_t> frame;
    const bool is_pdu = pmt::is_pair(message) && is_dictionary(pmt::car(message)) &&
                        pmt::is_c32vector(pmt::cdr(message));
    if (is_pdu)
        frame =
            integer_of(pmt::dict_ref(pmt::car(message), d_key_frame_id, pmt::PMT_NIL));
    if (!frame || *frame < 0) {
        d_logger->error("message on port combiner is no PDU with an integer "
                        "\"frame_id\" and complex weights; it is ignored.");
        return;
    }
    std::size_t bytes;
    const gr_complex* weights = pmt::c32vector_elements(pmt::cdr(message), bytes);
    const std::size_t length = pmt::length(pmt::cdr(message));
    const std::size_t expected = static_cast<std::size_t>(d_link.cell.station_chains) *
                                 d_link.cell.station_antennas;
    if (length != expected || !are_sound(weights, static_cast<int>(length))) {
        d_logger->error("combiner of frame {} has {} weights, expected {} finite ones "
                        "(chains, antennas); it is ignored.",
                        *frame,
                        length,
                        expected);
        return;
    }
    d_combiners.add(static_cast<uint64_t>(*frame), weights);
    d_waits_since = clock::now();
}

} // namespace semisac
} // namespace gr
