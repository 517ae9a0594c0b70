/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_FRAME_DEMODULATOR_H
#define INCLUDED_SEMISAC_FRAME_DEMODULATOR_H

#include <gnuradio/block.h>
#include <gnuradio/semisac/api.h>
#include <gnuradio/semisac/frame_parameters.h>
#include <cstdint>
#include <vector>

namespace gr {
namespace semisac {

/*!
 * \brief Turn aligned frames into the symbols of their images.
 * \ingroup semisac
 *
 * Each symbol's transform begins half a prefix early: paths up to prefix_samples / 2
 * before and behind the one that the synchroniser timed on do no harm. Then
 *  1. the channel is estimated from the chirps (LMMSE, see
 * lib/frame/channel_estimator.h), which have more energy than the pilots of the header;
 *  2. what is left of the carrier offset, at most some standard deviations of the
 *     synchroniser's, is where the pilots add up best; they then improve the channel;
 *  3. the header is decoded: soft bits, summed over their repetitions, Viterbi, CRC. A
 *     frame whose header does not pass is counted and dropped;
 *  4. now every cell of the header is known. From those and the pilots of the body follow
 *     the phase of each symbol and the delay that grows with the error of the sampling
 *     clock. Both are smoothed over the frame (Kalman filter and Rauch, Tung and
 * Striebel's smoother): straight lines, unless the measured phases show phase noise;
 *  5. channel and noise variance are estimated from all that is known, turned back;
 *  6. the symbols are equalised.
 *
 * The channel is taken as constant over the frame but for its phase and delay: valid
 * while the frame is short against the coherence time.
 *
 * The equaliser is y[k] = conj(H) Y / (|H|^2 + N0) / g, g = mean of |H|^2 / (|H|^2 + N0)
 * over the used subcarriers: the estimate of least mean square error, scaled to a mean
 * gain of 1. A decoder that knows the SNR g / (1 - g) shrinks it by g and so arrives at
 * that estimate. In a flat channel it is Y / H, and the SNR is that of the subcarriers;
 * where subcarriers fade, dividing by H would instead raise their noise without limit.
 *
 * Input 0: frames of frame_synchronizer, gr_complex[its item_samples()], with its tags
 * snr_db and cfo_hz.
 * Output 0: symbols y = x + w, gr_complex[channel_uses], one item an image; tags
 *  - frame_id (uint64) on each item: the 32 bits of the header, continued;
 *  and on the first item of each frame, to hold until the next:
 *  - snr_db (double): Es/N0 of the equalised symbols; noise_var (double): its inverse;
 *  - channel_gain (complex): 1;
 *  - cfo_hz (double): carrier offset, with what was left of it.
 *
 * A lost frame shifts nothing: its images are missing, the ids of the others are theirs.
 */
class SEMISAC_API frame_demodulator : virtual public gr::block
{
public:
    typedef std::shared_ptr<frame_demodulator> sptr;

    /*!
     * \param parameters layout of the frames
     * \param bundle_fingerprint that frames must have, 24 bits; 0 for any
     * \param picture_packets whether images are packets of pictures, whose ids jump from
     * one picture to the next, see semisac_ml.signal.picture_packets
     *
     * \throws std::invalid_argument for a fingerprint of more bits
     */
    static sptr make(const frame_parameters& parameters,
                     uint32_t bundle_fingerprint = 0,
                     bool picture_packets = false);

    virtual const frame_parameters& parameters() const = 0;

    // All counts are since the start.
    //! Frames whose images were given away.
    virtual uint64_t frames_received() const = 0;
    //! Frames whose header did not pass its CRC or held what no header holds, or whose
    //! samples are no numbers.
    virtual uint64_t frames_with_bad_header() const = 0;
    //! Frames of another format or of other parameters.
    virtual uint64_t frames_with_wrong_parameters() const = 0;
    //! Frames of images that another bundle encoded.
    virtual uint64_t frames_with_wrong_bundle() const = 0;
    //! Images that are missing between the frame_ids of those received. Of packets of
    //! pictures, those that are missing before the last one that came of a picture: how
    //! many it has is not said in a frame; picture_decoder counts them all.
    virtual uint64_t images_lost() const = 0;

    //! Channel at the used subcarriers in the last frame received.
    virtual std::vector<gr_complex> channel_estimate() const = 0;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_FRAME_DEMODULATOR_H */
