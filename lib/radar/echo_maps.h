/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_ECHO_MAPS_H
#define INCLUDED_SEMISAC_ECHO_MAPS_H

#include "radar/map_transform.h"
#include <gnuradio/semisac/echo_processor.h>

namespace gr {
namespace semisac {

/*!
 * \brief Spectra of the OFDM symbols of a frame, header and body, [symbols][fft_size],
 * not scaled: noise of variance N0 a sample has N0 fft_size here.
 */
class symbol_spectra
{
public:
    explicit symbol_spectra(const frame_parameters& parameters);

    int count() const { return d_count; }
    std::size_t size() const { return static_cast<std::size_t>(d_count) * d_fft_size; }

    //! Transforms the symbols of a frame to `spectra`, aligned, of size().
    void transform(const gr_complex* frame, gr_complex* spectra) const;

private:
    const int d_fft_size, d_count;
    std::vector<int> d_starts; // samples behind the prefixes
    complex_buffer d_planned;
    fft_batch d_transform;
};

/*!
 * \brief Range-Doppler maps from the frames of one interval after the other; see
 * semisac_ml.signal.echo_processing.frames_map.
 *
 * For each observation m and frequency cell k it keeps Z = sum Y conj(X) of each antenna
 * and P = sum |X|^2 over the group of symbols or chirps.
 */
class echo_maps
{
public:
    explicit echo_maps(const radar_parameters& parameters);

    //! Forgets what it has of an interval.
    void restart() { d_observations = 0; }
    //! Whether nothing of an interval is there.
    bool empty() const { return d_observations == 0; }
    //! Whether an interval is complete.
    bool complete() const { return d_observations == d_geometry.slow_times; }

    /*!
     * \brief Adds a frame.
     *
     * In mode OFDM it looks at the spectra of the symbols, in mode LFM at the samples.
     *
     * \param sent_spectra of the transmitted symbols
     * \param received_spectra of those of each antenna, one behind the other
     * \param sent samples of the frame
     * \param received samples of each antenna from the start of the frame on
     * \param removal of leakage, which chirps need here already: the symbols that leak in
     * behind them would be noise
     */
    void add_frame(const gr_complex* sent_spectra,
                   const gr_complex* received_spectra,
                   const complex_buffer& sent,
                   const std::vector<complex_buffer>& received,
                   leakage_removal_t removal);

    /*!
     * \brief Writes the map of a complete interval, [antennas][doppler_bins][range_bins].
     *
     * \param noise_variance of a received sample
     */
    void write_map(leakage_removal_t removal,
                   double regularisation,
                   double noise_variance,
                   gr_complex* map);

    const map_geometry& geometry() const { return d_geometry; }

private:
    gr_complex* products(int antenna, int observation)
    {
        return &d_products[(static_cast<std::size_t>(antenna) * d_geometry.slow_times +
                            observation) *
                           d_cells];
    }
    void add_symbols(const gr_complex* sent, const gr_complex* received);
    void add_chirps(const complex_buffer& sent,
                    const std::vector<complex_buffer>& received,
                    leakage_removal_t removal);
    void subtract_transmitted(const complex_buffer& sent);
    void remove_leakage(leakage_removal_t removal);
    void subtract_gain(const gr_complex* gain, int stride, int antenna);
    double mean_power() const;
    void divide(double regularisation, double noise_variance);
    void place_rows(int antenna);

    const radar_parameters d_parameters;
    const map_geometry d_geometry;
    map_transform d_transform;
    const std::vector<std::vector<int>> d_groups;
    const int d_cells; // of an observation: subcarriers, or range_bins
    std::vector<std::pair<int, int>> d_occupied; // ranges of cells, [first, last)

    complex_buffer d_products, d_scratch, d_column;
    volk::vector<float> d_power, d_power_scratch, d_weights;
    complex_buffer d_chirp, d_pulses, d_map;
    std::unique_ptr<fft_batch> d_pulse_transform;
    int d_observations = 0;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_ECHO_MAPS_H */
