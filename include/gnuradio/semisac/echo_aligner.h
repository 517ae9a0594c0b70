/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_ECHO_ALIGNER_H
#define INCLUDED_SEMISAC_ECHO_ALIGNER_H

#include <gnuradio/block.h>
#include <gnuradio/semisac/api.h>
#include <gnuradio/semisac/frame_parameters.h>
#include <cstdint>
#include <string>

namespace gr {
namespace semisac {

//! Whether the latency is known (radio with a clock, calibrated) or found from the
//! direct leakage (radio without).
enum class alignment_t { FIXED, LEAKAGE };

/*!
 * \brief The alignment called "fixed" or "leakage".
 *
 * \throws std::invalid_argument for any other name.
 */
SEMISAC_API alignment_t alignment_from_name(const std::string& name);

/*!
 * \brief What was sent and what was received, sample by sample side by side.
 * \ingroup semisac
 *
 * Sample n of what is sent comes back from a target of delay 0 in sample n + latency of
 * what is received: filters, buffers, cables, and for radios without a clock the accident
 * of when both began. Received samples are moved earlier by that: whole samples, and the
 * fraction by the 32-tap sinc of lib/math/fractional_delay.h (flat to 3e-4 up to 0.43 of
 * the rate). Outputs then are what echo_processor takes: an echo of delay 0 returns in
 * the sample in which it is sent.
 *
 * \section leakage Mode "leakage"
 * At every start the newest frames that were sent, up to four and 65536 samples of
 * them, are correlated with all that is received from then on, coherently
 * (lib/radio/latency_search.h), until search_samples later than a radio without delay
 * would have them. The strongest peak is the direct leakage: nothing may be stronger. Its
 * place between the samples is that of the largest value of the correlation,
 * interpolated; with one path in noise its variance is close to the Cramer-Rao bound, 3 /
 * (2 snr (pi B)^2) s^2 with snr = samples times the leakage's SNR; an echo of relative
 * amplitude a, d samples behind, pulls it by a / (2 d) samples at most (0.02 for -20 dB
 * and 2 samples). Found is what exceeds 30 times the mean power of the correlation. With
 * none the search begins anew with newer frames; until then nothing is given away, and
 * alignment_problem() says why. What is received is as sent at some other time where the
 * transmitter repeats itself: any offset modulo the cycle is good.
 *
 * Frames have their chirps and pilots in common. Where the first frames were not heard,
 * because the receiver began later, the latency found may be that of other frames; then
 * whole frames have less gain than their chirps, and the search begins anew.
 *
 * The peak is looked for again in the chirps of each frame, within 16 samples. Where it
 * is not where it should be, the frame is flagged ("alignment"); after two such frames in
 * a row the latency is the new one, or if there is no peak is searched for as at the
 * start, from which time on until it is found frames remain flagged. The first frame with
 * another latency has the tag realigned.
 *
 * \section flags Flags
 * A frame is flagged with the tag lost (symbol: why) when samples of it are missing in
 * what was received ("gap"), when flag_frame() named it ("late", "underflow", ...), or
 * when the alignment is in doubt. echo_processor leaves such frames out. All samples are
 * held back for the length of a frame and hold_samples, so that what a radio reports
 * later than it sends comes in time.
 *
 * Input 0: frames, gr_complex, with the tags of frame_scheduler: bursts or a stream. They
 * are taken in as far as search_samples and 0.5 s ahead, so that the radio does not wait
 * for what is received. A frame that comes when its time has been given away is left out
 * and counted.
 * Inputs 1 to antennas: received samples, gr_complex, without holes; tag gap (long) as
 * gap_filler writes it.
 * Output 0: sent samples, gr_complex, zeros between frames; the frames' tags, and lost
 * (symbol) and realigned (double, new latency) on the first sample of a frame.
 * Outputs 1 to antennas: received samples, gr_complex, moved; their tags with them.
 */
class SEMISAC_API echo_aligner : virtual public gr::block
{
public:
    typedef std::shared_ptr<echo_aligner> sptr;

    /*!
     * \param parameters of the frames
     * \param antennas receiving antennas, 1 to 16
     * \param mode "fixed" or "leakage"
     * \param search_samples by which the leakage may come later than its frame was handed
     * on, up to 2^26; 0 for 1 s. For a transmitter that repeats itself: its cycle.
     * \param hold_samples by which all is held back, 0 to 2^24; below 0 for 20 ms
     *
     * \throws std::invalid_argument for a parameter out of range
     */
    static sptr make(const frame_parameters& parameters,
                     int antennas = 1,
                     const std::string& mode = "fixed",
                     int search_samples = 0,
                     int hold_samples = -1);

    virtual const frame_parameters& parameters() const = 0;
    /*!
     * \brief Latency from sent to received, used from the next frame on in mode "fixed";
     * may be negative.
     *
     * \throws std::invalid_argument beyond +-2^40, or in mode "leakage"
     */
    virtual void set_latency_samples(double latency_samples) = 0;
    //! The one in use: given, or found last; 0 before.
    virtual double latency_samples() const = 0;
    //! Whether the latency is known.
    virtual bool aligned() const = 0;
    //! Why not, in words; nothing when it is.
    virtual std::string alignment_problem() const = 0;
    //! Power received at delay 0 over power sent in dB, mean over about 8 frames; not a
    //! number before the first one.
    virtual double leakage_db() const = 0;

    /*!
     * \brief Say that a frame was not sent as it should; from any thread.
     *
     * \param frame_id of the frame
     * \param reason in a word, such as "late"
     */
    virtual void flag_frame(uint64_t frame_id, const std::string& reason) = 0;

    //! Frames given away since the start.
    virtual uint64_t frames_aligned() const = 0;
    //! Of these, frames that are flagged.
    virtual uint64_t frames_flagged() const = 0;
    //! Frames that came when their time had been given away.
    virtual uint64_t frames_missed() const = 0;
    //! Times that the latency was found to have changed.
    virtual uint64_t realignments() const = 0;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_ECHO_ALIGNER_H */
