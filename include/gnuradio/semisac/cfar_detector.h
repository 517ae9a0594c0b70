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

//! What a false-alarm rate counts: maps of noise that show anything, or cells of noise.
enum class false_alarms_per_t { MAP, CELL };

/*!
 * \brief The unit called "map" or "cell".
 *
 * \throws std::invalid_argument for any other name.
 */
SEMISAC_API false_alarms_per_t false_alarms_per_from_name(const std::string& name);

/*!
 * \brief How targets are told from noise.
 *
 * References and guards are counted on each side of a cell, along range and along
 * Doppler, in steps of the map's oversampling (bins over occupied cells, rounded); the
 * map is cyclic on both axes.
 */
struct cfar_settings {
    cfar_method_t method = cfar_method_t::CA;
    //! Probability that a map of noise shows a target, or a cell of it does.
    double false_alarm_rate = 0.01;
    false_alarms_per_t false_alarms_per = false_alarms_per_t::MAP;
    int guard_range = 2, guard_doppler = 2;
    //! -1: 8, or as many as the map holds; along Doppler none where it holds less than 4,
    //! and then 16 along range.
    int reference_range = -1, reference_doppler = -1;
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
 * False alarms. A map of N cells that exceed their thresholds one without the other, each
 * with probability p, shows something with probability 1 - (1 - p)^N; p follows from the
 * rate that is asked for of a map. Of the bins B of an axis oversampling leaves B erf(pi
 * sqrt(V level) / B), V the variance of frequency or slow time in cells, level the
 * threshold over the noise. Within 16 % of what 12,000 maps of noise show.
 *
 * Leakage removed. A map with the tag leakage_removal lacks the mean of its cells over
 * slow time ("static") or over all of them ("zero_delay"), and so does an echo: what is
 * subtracted of it leaves no hole there. With "static" its likelihood is taken over the
 * share of energy that is left, which is little within half a resolution cell of speed
 * zero; deviations grow accordingly.
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
 * frame_id (uint64; without it maps are counted) and leakage_removal (symbol).
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

    //! Used from the next map on; of a map or a cell, as the settings say.
    virtual void set_false_alarm_rate(double false_alarm_rate) = 0;
    virtual double false_alarm_rate() const = 0;
    //! Probability that a cell of noise exceeds its threshold.
    virtual double cell_false_alarm_rate() const = 0;
    //! Multiple of the references' level from which a cell is a detection.
    virtual double threshold_factor() const = 0;

    //! Maps searched and targets found since the start.
    virtual uint64_t maps_searched() const = 0;
    virtual uint64_t targets_found() const = 0;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_CFAR_DETECTOR_H */
