/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_MIMO_OFDM_CELL_H
#define INCLUDED_SEMISAC_MIMO_OFDM_CELL_H

#include <gnuradio/semisac/api.h>
#include <complex>
#include <string>

namespace gr {
namespace semisac {

//! From users to the base station, or the other way.
enum class link_direction_t { UP, DOWN };

/*!
 * \brief Where Doppler shifts come from.
 *
 * SPEED: a user's speed and direction of travel, path by path by its departure. PATHS:
 * each path by itself, uniform between 0 and the highest.
 */
enum class doppler_law_t { SPEED, PATHS };

/*!
 * \brief The direction called "up" or "down".
 *
 * \throws std::invalid_argument for any other name
 */
SEMISAC_API link_direction_t link_direction_from_name(const std::string& name);

/*!
 * \brief The law called "speed" or "paths".
 *
 * \throws std::invalid_argument for any other name
 */
SEMISAC_API doppler_law_t doppler_law_from_name(const std::string& name);

/*!
 * \brief A base station, its users and the paths between them.
 *
 * Both ends have lines of antennas half a wavelength apart, each chain with all of them.
 */
struct SEMISAC_API mimo_ofdm_cell {
    int station_antennas = 64;
    int user_antennas = 8;
    int station_chains = 2;
    int user_chains = 2;
    int users = 2;
    int subcarriers = 100;
    double subcarrier_spacing_hz = 120e3;
    double symbol_interval_s = 1e-3 / 8 / 14;
    double carrier_hz = 28e9;
    //! Of each user, where they are drawn.
    int paths = 4;
    //! The longest; delays are uniform.
    double delay_s = 300e-9;
    //! The highest; that of a user is uniform.
    double speed_mps = 120.0 / 3.6;
    doppler_law_t doppler = doppler_law_t::SPEED;
};

//! One way between a user and the base station.
struct SEMISAC_API mimo_path {
    //! At OFDM symbol 0 and the lowest subcarrier; 0 for a path that is not there.
    std::complex<double> gain = 0.0;
    //! Sines of the angles from broadside, at the base station and at the user.
    double arrival = 0.0, departure = 0.0;
    double delay_s = 0.0;
    double doppler_hz = 0.0;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_MIMO_OFDM_CELL_H */
