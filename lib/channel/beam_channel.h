/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_BEAM_CHANNEL_H
#define INCLUDED_SEMISAC_BEAM_CHANNEL_H

#include <gnuradio/gr_complex.h>
#include <gnuradio/semisac/mimo_ofdm_cell.h>
#include <complex>
#include <vector>

namespace gr {
namespace semisac {

//! Antennas and chains of one end of a link.
struct link_end {
    int antennas;
    int chains;
};

/*!
 * \brief What the chains of one end hear of those of another, by the paths between them.
 *
 * A path is one number for each pair of chains and turns with time and subcarrier: the
 * matrix between all antennas is never made. Beams and paths are set in double precision,
 * what is done on each subcarrier in single.
 */
class beam_channel
{
public:
    beam_channel(link_direction_t direction, const mimo_ofdm_cell& cell);

    //! A frame begins; combiner and precoder are to be set again.
    void set_paths(const std::vector<mimo_path>& paths);
    //! Weights [chains][antennas] of the end that receives.
    void set_combiner(const gr_complex* weights);
    //! Weights [antennas][chains] of the end that sends.
    void set_precoder(const gr_complex* weights);

    //! y += G x in an OFDM symbol; x [subcarriers][sending chains], y as well.
    void add(uint64_t symbol, const gr_complex* x, gr_complex* y);

    const link_end& receiver() const { return d_receiver; }
    const link_end& sender() const { return d_sender; }

private:
    using waves = std::vector<gr_complex>;

    const link_direction_t d_direction;
    const link_end d_receiver, d_sender;
    const int d_subcarriers;
    const double d_spacing_hz, d_symbol_interval_s;

    std::vector<mimo_path> d_paths;
    waves d_receiver_waves, d_sender_waves;        // [paths][antennas]
    std::vector<float> d_tones_i, d_tones_q;       // [paths][subcarriers]
    std::vector<std::complex<double>> d_heard;     // [paths][receiving chains]
    std::vector<std::complex<double>> d_sent;      // [paths][sending chains]
    std::vector<std::complex<double>> d_turned;    // gains at a symbol, [paths]
    std::vector<float> d_response_i, d_response_q; // of a pair of chains, [subcarriers]
    std::vector<uint32_t> d_phases;
    waves d_wave;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_BEAM_CHANNEL_H */
