/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_CFAR_DETECTOR_H
#define INCLUDED_SEMISAC_CFAR_DETECTOR_H

#include <gnuradio/semisac/api.h>
#include <gnuradio/semisac/radar_parameters.h>
#include <gnuradio/sync_block.h>
#include <cstdint>
#include <string>

namespace gr {
namespace semisac {

//! Noise beside a cell: mean of its references (CA) or one of them in order (OS).
enum class cfar_method_t { CA, OS };

/*!
 * \brief The method called "ca" or "os".
 *
 * \throws std::invalid_argument for any other name.
 */
SEMISAC_API cfar_method_t cfar_method_from_name(const std::string& name);

/*!
 * \brief How targets are told from noise.
 *
 * References and guards are counted on each side of a cell, along range and along
 * Doppler, in steps of the map's oversampling (bins over occupied cells, rounded); the
 * map is cyclic on both axes.
 */
struct cfar_settings {
    cfar_method_t method = cfar_method_t::CA;
    //! Probability that a cell of noise exceeds its threshold.
    double false_alarm_rate = 1e-6;
    int guard_range = 2, guard_doppler = 2;
    int reference_range = 8, reference_doppler = 8;
    //! Of the reference that OS takes, 1 is the smallest; 0 for three quarters of them.
    int rank = 0;
    //! Where the search of a map ends.
    int most_targets = 32;
};

/*!
 * \brief Targets in range-Doppler maps, with Cramér-Rao deviations.
 * \ingroup semisac
 *
 * Threshold. The power of a cell summed over K antennas is compared with a multiple of
 * the noise level that n references around it show. CA: cell over mean of the references
 * is F-distributed with 2 K and 2 K n degrees of freedom if they are independent. Unused
 * subcarriers, windows and zero-padding make neighbours alike: up to 64 references the
 * probability is that of a quadratic form of correlated Gaussian numbers, exactly; with
 * more of them n is n^2 / sum |rho|^2 over all pairs. OS: Pfa = prod (n - i) / (n - i +
 * factor) for one antenna, else its mean by quadrature. CA with 32 references loses 0.65
 * dB against a known noise level at Pfa 1e-4; OS loses more but stands up to other
 * targets and edges of clutter among the references.
 *
 * Search. The strongest local maximum above its threshold is refined and its echo
 * subtracted, until none is left (CLEAN); targets within three resolution cells of each
 * other are refined again in turn. So neither side lobes nor nearness hide a target, and
 * two of equal power at 20 dB are told apart from 1.5 resolution cells on.
 *
 * Refinement. Delay, Doppler and angle of greatest likelihood by Newton's method, from a
 * start within a quarter of a bin. Within 0.3 dB of the Cramér-Rao bound from 15 dB
 * behind the matched filter on (Doppler 18 dB). Maps of a range gate alone would not do:
 * the whole map is taken back to its cells.
 *
 * Input 0: maps of echo_processor, gr_complex[antennas * doppler_bins * range_bins], tag
 * frame_id (uint64; without it maps are counted).
 * Message out "detections": for each map a dictionary {frame_id: uint64, detections:
 * vector of dictionaries, the strongest first}, with
 *  - range_m: c tau / 2; the last tenth of the range axis counts as below zero;
 *  - velocity_mps: closing speed, not-a-number with one observation;
 *  - azimuth_rad: from broadside, not-a-number with one antenna;
 *  - snr_db: behind the matched filter, over all cells and antennas;
 *  - range_deviation_m, velocity_deviation_mps, azimuth_deviation_rad: Cramér-Rao bounds
 *    at that SNR.
 *
 * Same numbers as semisac_ml.signal.radar_detection.detect.
 */
class SEMISAC_API cfar_detector : virtual public gr::sync_block
{
public:
    typedef std::shared_ptr<cfar_detector> sptr;

    /*!
     * \param parameters of the maps
     * \param settings of the detector
     * \throws std::invalid_argument for a parameter out of range, or references that the
     * map does not hold
     */
    static sptr make(const radar_parameters& parameters,
                     const cfar_settings& settings = cfar_settings());

    virtual const radar_parameters& parameters() const = 0;

    //! Used from the next map on.
    virtual void set_false_alarm_rate(double false_alarm_rate) = 0;
    virtual double false_alarm_rate() const = 0;
    //! Multiple of the references' level from which a cell is a detection.
    virtual double threshold_factor() const = 0;

    //! Maps searched and targets found since the start.
    virtual uint64_t maps_searched() const = 0;
    virtual uint64_t targets_found() const = 0;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_CFAR_DETECTOR_H */
