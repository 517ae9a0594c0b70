/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_FRAME_RECEIVER_H
#define INCLUDED_SEMISAC_FRAME_RECEIVER_H

#include "frame/channel_estimator.h"
#include "frame/frame_header.h"
#include "frame/frame_mapping.h"
#include "math/line_smoother.h"
#include <gnuradio/fft/fft.h>
#include <array>
#include <vector>

namespace gr {
namespace semisac {

/*!
 * \brief One aligned frame: channel, header, phases, equalised symbols.
 *
 * The arithmetic of frame_demodulator, whose documentation says what is done and why.
 * Phases and delays are relative to those at the middle of the chirps; time is in samples
 * from there.
 */
class frame_receiver
{
public:
    explicit frame_receiver(const frame_parameters& parameters);

    /*!
     * \brief Read the header.
     *
     * \param frame samples of the frame from its beginning on
     * \param snr_db first guess of the SNR of a sample
     * \param header what was found
     * \return whether its CRC holds
     */
    bool read_header(const gr_complex* frame, double snr_db, frame_header& header);

    /*!
     * \brief Equalise the first images of the frame whose header was read last.
     *
     * \return whether symbols came of it: not where samples are infinite or no numbers
     */
    bool read_images(int images, gr_complex* symbols);

    //! Es/N0 of the symbols that were read last, linear.
    double snr() const { return d_snr; }
    //! Carrier offset that the frame still had, radians a sample.
    double offset() const { return d_offset; }
    //! Channel at the used subcarriers, delays from the frame's beginning.
    void channel(gr_complex* values) const;

private:
    gr_complex* row(int symbol)
    {
        return &d_rows[static_cast<std::size_t>(symbol) * d_used];
    }
    void transform(const gr_complex* frame);
    void turn_row(int symbol, double phase, double delay);
    bool estimate_from_chirps(const gr_complex* frame, double snr_db);
    void find_offset();
    double pilots_aligned(double offset, std::complex<double>& sum) const;
    void improve_by_pilots();
    bool decode_header(frame_header& header);
    void set_known_header();
    template <typename action_t>
    void for_known_cells(int symbol, action_t action) const;
    void measure_symbols();
    void smooth();
    void estimate_from_known_cells();
    void equalise(int images, gr_complex* symbols);

    const frame_parameters d_parameters;
    const frame_mapping d_mapping;
    const int d_used;
    const int d_advance;
    const int d_first_symbols; // that the remaining offset is sought in
    const double d_step;       // radians a subcarrier for a delay of one sample
    gr::fft::fft_complex_fwd d_transform;
    channel_estimator d_estimator;
    header_codec d_codec;
    // first columns for the first pilots and for all known cells, with or without chirps
    std::vector<std::complex<double>> d_column_first, d_column_all, d_column_cells;
    double d_known_cells = 0.0; // in the whole frame
    std::vector<int> d_numbers; // of the used subcarriers

    volk::vector<gr_complex> d_rows;    // [symbol][used]
    volk::vector<gr_complex> d_channel; // [used]
    volk::vector<gr_complex> d_sums;    // [used]
    std::vector<gr_complex> d_phasors;  // of the pilots of each symbol
    std::vector<float> d_known_times;   // of each used subcarrier, in the whole frame
    std::array<float, CODED_HEADER_BITS> d_soft{};
    header_codec::coded_bits d_coded{};
    std::vector<float> d_header_signs; // of all cells of the header, with the PN signs
    double d_noise = 0.0;              // N0
    double d_power = 0.0;              // mean of |H|^2
    double d_chirp_phasor = 0.0;       // weight of the chirps among d_phasors
    double d_offset = 0.0, d_offset_deviation = 0.0;
    double d_first_phase = 0.0; // of the pilots at time 0
    double d_snr = 0.0;

    std::vector<double> d_times;
    std::vector<double> d_phase, d_phase_variance, d_delay, d_delay_variance;
    std::vector<double> d_turned_phase,
        d_turned_delay; // by which the rows are turned now
    line_smoother d_phase_smoother, d_delay_smoother;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_FRAME_RECEIVER_H */
