/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_RADAR_PARAMETERS_H
#define INCLUDED_SEMISAC_RADAR_PARAMETERS_H

#include <gnuradio/semisac/api.h>
#include <gnuradio/semisac/frame_parameters.h>
#include <cstdint>
#include <string>
#include <vector>

namespace gr {
namespace semisac {

//! What maps are made from: OFDM symbols by division, or chirps by matched filtering.
enum class radar_mode_t { OFDM, LFM };

//! Weights over frequency or slow time: none, or 0.54 + 0.46 cos (side lobes -41 dB).
enum class radar_window_t { RECTANGULAR, HAMMING };

/*!
 * \brief The mode called "ofdm" or "lfm".
 *
 * \throws std::invalid_argument for any other name.
 */
SEMISAC_API radar_mode_t radar_mode_from_name(const std::string& name);

/*!
 * \brief The window called "rectangular" or "hamming".
 *
 * \param parameter name of the parameter, for the message
 * \throws std::invalid_argument for any other name.
 */
SEMISAC_API radar_window_t radar_window_from_name(const std::string& parameter,
                                                  const std::string& name);

/*!
 * \brief What a monostatic radar makes of the frames that are sent.
 * \ingroup semisac
 *
 * Slow time is counted in observations, each the sum of a group of symbols or chirps:
 *  - maps of "ofdm" symbols, one frame: each symbol of header and body; in frames of type
 *    LFM the symbols behind each chirp of the body;
 *  - maps of "lfm" chirps, one frame: the up-chirp at the head, which gives no velocity;
 *    in frames of type LFM each chirp of the body;
 *  - maps of several frames: each frame.
 *
 * Names, checks and error texts are those of
 * semisac_ml.signal.radar_parameters.RadarParameters.
 */
struct SEMISAC_API radar_parameters {
    //! Frames that are sent.
    frame_parameters frame;
    radar_mode_t mode;
    //! Carrier, 1e3 to 1e12; only velocities depend on it.
    double carrier_hz;
    //! Receive antennas, a uniform linear array, 1 to 64.
    int antennas;
    //! Their spacing in wavelengths, 0.01 to 100; azimuths are unambiguous up to 0.5.
    double element_spacing;
    //! Frames of a map, 1 to 65536.
    int frames_per_interval;
    //! Size of the range FFT, a multiple of 4, at least fft_size or chirp_samples.
    int range_bins;
    //! Size of the Doppler FFT, even, at least slow_times().
    int doppler_bins;
    radar_window_t range_window;
    radar_window_t doppler_window;

    /*!
     * \param range_bins 0 for fft_size, or the power of two from twice chirp_samples on
     * \param doppler_bins 0 for the power of two from slow_times() on
     * \throws std::invalid_argument when a parameter is out of its range, or a map larger
     * than 2^20 cells
     */
    explicit radar_parameters(
        const frame_parameters& frame = frame_parameters(),
        radar_mode_t mode = radar_mode_t::OFDM,
        double carrier_hz = 2.45e9,
        int antennas = 1,
        double element_spacing = 0.5,
        int frames_per_interval = 1,
        int range_bins = 0,
        int doppler_bins = 0,
        radar_window_t range_window = radar_window_t::RECTANGULAR,
        radar_window_t doppler_window = radar_window_t::RECTANGULAR);

    //! Complex numbers in a map, [antennas][doppler_bins][range_bins].
    int64_t map_cells() const
    {
        return static_cast<int64_t>(antennas) * doppler_bins * range_bins;
    }
    //! Symbols (from the header's first) or chirps of each observation of a frame.
    std::vector<std::vector<int>> groups() const;
    //! Observations of a map.
    int slow_times() const;
    //! Interval from one observation to the next.
    double slow_time_s() const;
    //! Samples that are looked at from the start of a chirp on.
    int pulse_length() const;
    //! Sample of the frame at which a chirp begins: of the body, or the one at the head.
    int pulse_first(int pulse) const;
    //! Distance of the frequency cells.
    double cell_spacing_hz() const;
    //! Delay that a Doppler shift of 1 Hz hides: T / B of an up-chirp, 0 for OFDM.
    double coupling_s_per_hz() const;
    //! Columns of a map: range of one in metres.
    double range_bin_m() const;
    //! Rows of a map: closing speed of one in m/s; row doppler_bins / 2 is zero.
    double velocity_bin_mps() const;

private:
    void check_settings() const;
    void check_sizes();
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_RADAR_PARAMETERS_H */
