/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_FRAME_MODULATOR_H
#define INCLUDED_SEMISAC_FRAME_MODULATOR_H

#include <gnuradio/block.h>
#include <gnuradio/semisac/api.h>
#include <gnuradio/semisac/frame_parameters.h>
#include <cstdint>

namespace gr {
namespace semisac {

/*!
 * \brief Put the symbols of images on the air: chirps, protected header, OFDM body.
 * \ingroup semisac
 *
 * A frame is [up-chirp][down-chirp][header][body][gap], see frame_parameters. Each used
 * subcarrier carries E|x|^2 = 1 and the Fourier transform is unitary, so that white noise
 * of variance N0 a sample is noise of variance N0 on each subcarrier: Es/N0 of the
 * images' symbols is that of the samples. Chirps have modulus 1. All cells are multiplied
 * by fixed pseudo-random signs, which part equal values that would add up to peaks.
 *
 * The header says format, frame_id and number of images, and lets a receiver notice that
 * its bundle or its parameters are others. 112 bits behind a CRC of 24 go through the
 * code of rate 1/2 and constraint length 7 and are sent header_repetitions times, spread
 * over time and frequency. With 6 repetitions a coded bit has 7.8 dB more than a
 * subcarrier: Eb/N0 = 5.8 dB at Es/N0 = -5 dB. That is about 2 dB more than the code
 * needs to lose one header in a thousand, for what several paths and the estimate of the
 * channel cost.
 *
 * A frame is sent as soon as images_per_frame images are there, earlier when the ids jump
 * (images of one frame have consecutive ids), when the input ends, or at a message
 * "flush". A frame that is not full is as long as any other.
 *
 * Input 0: symbols, gr_complex[channel_uses], one item an image, E|x|^2 = 1; tag frame_id
 * (uint64), increasing; without it images are counted from 0.
 * Output 0: samples, gr_complex; on the first sample of each frame the tags
 *  - frame_id (uint64): id of the first image;
 *  - images (long): images in the frame;
 *  - packet_len (long): samples of the frame, with the gap.
 * No other tag passes: images become samples.
 * Message in "flush": send what is waiting.
 *
 * Same samples as semisac_ml.signal.frame_modulation.modulate_frame.
 */
class SEMISAC_API frame_modulator : virtual public gr::block
{
public:
    typedef std::shared_ptr<frame_modulator> sptr;

    /*!
     * \param parameters layout of the frames
     * \param bundle_fingerprint first 24 bits of the sha256 of the bundle's manifest, 0
     * for none
     *
     * \throws std::invalid_argument for a fingerprint of more bits
     */
    static sptr make(const frame_parameters& parameters, uint32_t bundle_fingerprint = 0);

    virtual const frame_parameters& parameters() const = 0;
    //! Frames begun since the start.
    virtual uint64_t frames_sent() const = 0;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_FRAME_MODULATOR_H */
