/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_FRAME_SCHEDULER_H
#define INCLUDED_SEMISAC_FRAME_SCHEDULER_H

#include <gnuradio/block.h>
#include <gnuradio/semisac/api.h>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace gr {
namespace semisac {

//! For a radio with a clock, for one without, for one that repeats what it was given.
enum class scheduling_t { BURSTS, STREAM, CYCLIC };

/*!
 * \brief The scheduling called "bursts", "stream" or "cyclic".
 *
 * \throws std::invalid_argument for any other name.
 */
SEMISAC_API scheduling_t scheduling_from_name(const std::string& name);

/*!
 * \brief Give each frame its time.
 * \ingroup semisac
 *
 * A frame is taken in as a whole before it is given away, so that a source that is slow
 * in the middle of a frame tears no hole into it. Samples are counted from 0:
 * start_sample of a frame is the number of its first one.
 *
 * \section bursts Mode "bursts", for a radio with a clock
 * Sample 0 is sent at the start time. Frames have slots of their length packet_len, one
 * behind the other: frame k is given the first slot that is neither before the end of
 * the slot of frame k - 1 nor before now + lead_time_s,
 *
 *     start_k = start_(k-1) + m packet_len,  m = 1, 2, ...,
 *
 * so that frames keep their rhythm when the source is late and slots are skipped. Now is
 * the time that was set last, and what a steady clock has counted since. A frame is
 * handed on when its time is no farther than lead_time_s and HOLD_S = 50 ms ahead, so
 * that no more than that piles up before the radio, and a source or a computer that is
 * busy for 50 ms costs no slot. Frames wait until a start time is set, which holds until
 * another one is: also for the next start, and behind lock() and unlock().
 *
 * The output holds the frames alone; with occupied_samples, the first so many samples of
 * each, without the silence behind. Each is a burst of its own where that silence is 4
 * samples or more. Where it is shorter a USRP could not begin the next one in time (it
 * needs up to 3 ticks of its converter behind the end of a burst, and drops the head of
 * what comes earlier): then frames are sent up to the ends of their slots, and those in
 * neighbouring slots are one burst, which goes on as long as the next frame is there. A
 * frame waits up to HOLD_S for the next one, as long as it is itself in time; behind the
 * end of such a burst one slot is left out.
 *
 * A frame is written in one piece, when there is room for all of it: one whose second
 * half the driver has to wait for runs dry. Room for the frames of lead_time_s and two
 * more is made for frames of occupied_samples, or of 2^18 samples if that is 0; for
 * longer ones call set_min_output_buffer.
 *
 * Times are computed from start_sample by integers (see lib/radio/sample_clock.h): no
 * drift.
 *
 * \section stream Mode "stream", for a radio that takes samples as fast as it sends them
 * The output is continuous: zeros, at most 10 ms of them at a time, where no frame is
 * waiting. start_sample is the place in the output. If paced, the output keeps to the
 * rate of samples of the wall clock (and is at most 10 ms ahead), for outputs that would
 * take zeros without end.
 *
 * \section cyclic Mode "cyclic", for a radio that repeats
 * The first cycle_frames frames (fewer where the input ends, or at a message "flush") are
 * repeated for ever; no more is taken. start_sample goes on increasing.
 *
 * Input 0: frames, gr_complex, with the tags frame_id (uint64), images (long) and
 * packet_len (long, samples with the silence behind) on the first sample of each. What
 * lies between frames is left out. A frame that another one's begin cuts short is dropped
 * and counted.
 * Output 0: gr_complex; on the first sample of each frame its tags and start_sample
 * (uint64), in the place of start_sample, tx_sob, tx_eob and tx_time that it may have
 * had; in mode "bursts" also tx_time (tuple of uint64 whole seconds and double fraction)
 * there, tx_sob (true) on the first sample of a burst and tx_eob (true) on its last, as
 * uhd.usrp_sink takes them. Make that one without a length tag: packet_len includes the
 * silence.
 * Message in "flush": begin to repeat (mode "cyclic").
 */
class SEMISAC_API frame_scheduler : virtual public gr::block
{
public:
    typedef std::shared_ptr<frame_scheduler> sptr;

    //! Seconds that bursts are handed on earlier than lead_time_s asks for, at most.
    static constexpr double HOLD_S = 0.05;

    /*!
     * \param sample_rate_hz samples a second, 1e3 to 1e10
     * \param mode "bursts", "stream" or "cyclic"
     * \param lead_time_s by which frames are ahead of their time at least, 0 to 10
     * \param occupied_samples of a frame that are sent as a burst, 0 for all
     * \param cycle_frames frames that are repeated, 1 to 4096 in mode "cyclic"
     * \param paced whether a stream keeps to the wall clock
     * \throws std::invalid_argument for a parameter out of range
     */
    static sptr make(double sample_rate_hz,
                     const std::string& mode = "bursts",
                     double lead_time_s = 0.05,
                     int occupied_samples = 0,
                     int cycle_frames = 0,
                     bool paced = false);

    /*!
     * \brief Time of sample 0; frames of mode "bursts" wait for it. It holds until
     * another one is set.
     *
     * \throws std::invalid_argument unless 0 <= fraction < 1
     */
    virtual void set_start_time(uint64_t full, double fraction) = 0;
    //! Time of sample 0: whole seconds and fraction.
    virtual std::pair<uint64_t, double> start_time() const = 0;
    /*!
     * \brief Time of the radio in this moment. It may be set again at any time, to follow
     * a radio whose clock goes otherwise than that of the computer. If it never is, the
     * start time is taken as that of the moment in which it was set, or in which the
     * flowgraph starts for the first time thereafter.
     *
     * \throws std::invalid_argument unless 0 <= fraction < 1
     */
    virtual void set_time_now(uint64_t full, double fraction) = 0;
    //! Seconds of a simulated radio in a second of the computer, 1e-3 to 1e3. 0: it waits
    //! for its samples; no slot is skipped, and frames are handed on as it takes them.
    virtual void set_time_scale(double time_scale) = 0;

    /*!
     * \brief Number of the sample next to a time, below 0 before the start time.
     *
     * \throws std::invalid_argument unless 0 <= fraction < 1
     */
    virtual int64_t sample_at(uint64_t full, double fraction) const = 0;
    //! frame_id of the frame in whose slot a sample lies, -1 for none; of the last 8192.
    virtual int64_t frame_at_sample(int64_t sample) const = 0;
    //! First sample and frame_id of all frames that begin with samples from `first` to
    //! `last`, in order; of the last 8192.
    virtual std::vector<std::pair<int64_t, uint64_t>>
    frames_between(int64_t first, int64_t last) const = 0;

    //! Frames that were given their time since the start.
    virtual uint64_t frames_scheduled() const = 0;
    //! Slots that went by because no frame was there (mode "bursts").
    virtual uint64_t slots_skipped() const = 0;
    //! Frames dropped because another one began within.
    virtual uint64_t frames_truncated() const = 0;
    //! Samples of all frames of the cycle, 0 as long as it is not complete.
    virtual uint64_t cycle_samples() const = 0;
    //! Samples taken in of which I or Q is beyond 1, the full scale of a converter.
    virtual uint64_t samples_clipped() const = 0;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_FRAME_SCHEDULER_H */
