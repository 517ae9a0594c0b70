/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_FFT_BATCH_H
#define INCLUDED_SEMISAC_FFT_BATCH_H

#include <gnuradio/fft/fft.h>
#include <gnuradio/gr_complex.h>
#include <fftw3.h>
#include <volk/volk_alloc.hh>
#include <mutex>
#include <stdexcept>

namespace gr {
namespace semisac {

//! Complex numbers, aligned for FFTW and VOLK.
using complex_buffer = volk::vector<gr_complex>;

//! Where the numbers of many transforms of one size lie.
struct fft_layout {
    int size;
    int count;    //!< transforms
    int stride;   //!< from one number of a transform to its next
    int distance; //!< from one transform to the next
};

/*!
 * \brief Many complex transforms of one size in one call, not scaled.
 *
 * gr::fft does one at a time, of numbers side by side. The plan is made for the given
 * buffers; execute() takes others that are aligned alike, as complex_buffer is.
 */
class fft_batch
{
public:
    fft_batch(const fft_layout& layout, bool forward, gr_complex* in, gr_complex* out)
    {
        // Above this a measured plan takes seconds to find.
        constexpr long LARGEST_MEASURED = 1L << 16;
        const long numbers = static_cast<long>(layout.size) * layout.count;
        std::lock_guard<std::mutex> lock(gr::fft::planner::mutex());
        d_plan = fftwf_plan_many_dft(1,
                                     &layout.size,
                                     layout.count,
                                     pointer(in),
                                     nullptr,
                                     layout.stride,
                                     layout.distance,
                                     pointer(out),
                                     nullptr,
                                     layout.stride,
                                     layout.distance,
                                     forward ? FFTW_FORWARD : FFTW_BACKWARD,
                                     numbers <= LARGEST_MEASURED ? FFTW_MEASURE
                                                                 : FFTW_ESTIMATE);
        if (!d_plan)
            throw std::runtime_error("fft_batch: FFTW gave no plan");
    }

    ~fft_batch()
    {
        std::lock_guard<std::mutex> lock(gr::fft::planner::mutex());
        fftwf_destroy_plan(d_plan);
    }

    fft_batch(const fft_batch&) = delete;
    fft_batch& operator=(const fft_batch&) = delete;

    void execute(gr_complex* in, gr_complex* out) const
    {
        fftwf_execute_dft(d_plan, pointer(in), pointer(out));
    }

private:
    static fftwf_complex* pointer(gr_complex* numbers)
    {
        return reinterpret_cast<fftwf_complex*>(numbers);
    }

    fftwf_plan d_plan;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_FFT_BATCH_H */
