# Copyright 2026 gr-semisac contributors
#
# SPDX-License-Identifier: GPL-3.0-or-later
"""Joint sensing and semantic communications with learned encoders and decoders.

Blocks in C++. Samples: `frame_modulator`, `frame_synchronizer`, `frame_demodulator`,
`fading_channel`, `target_emulator`, `echo_processor`, `cfar_detector`; symbols of images:
`fading_channel` and `echo_channel`; OFDM symbols through analog beams: `mimo_ofdm_channel`;
between frames and a radio: `frame_scheduler`, `gap_filler`, `echo_aligner`, and as a radio that
is not there `simulated_transmitter` and `simulated_receiver`. Blocks in Python, one item a frame or an image:
`image_source`, `jscc_encoder`, `jscc_decoder`, `task_decoder`, `sensing_decoder`, `picture_encoder`,
`picture_decoder`, `lfm_echo_source`, `multimodal_encoder`, `multi_head_decoder`, `metrics_sink`,
`onnx_inference`, which runs any network, and `image_sink`, `received_image_sink`, `target_sink` and
`segmentation_sink`, which need PyQt5 when they are made. Users and their base station: `pilot_source`,
`fusion_user`, `fusion_station`, `beam_pattern_sink`. Beam tracking, by messages: `beam_replay`,
`beam_codebook`, `beam_predictor`, `beam_tracker`, `beam_sink`.
"""

from .beams.beam_codebook import beam_codebook
from .beams.beam_pattern_sink import beam_pattern_sink
from .beams.beam_predictor import beam_predictor
from .beams.beam_replay import beam_replay
from .beams.beam_sink import beam_sink
from .beams.beam_tracker import beam_tracker
from .images.image_sink import image_sink
from .images.image_source import image_source
from .images.received_image_sink import received_image_sink
from .images.segmentation_sink import segmentation_sink
from .images.target_sink import target_sink
from .learned.fusion_station import fusion_station
from .learned.fusion_user import fusion_user
from .learned.jscc_decoder import jscc_decoder
from .learned.jscc_encoder import jscc_encoder
from .learned.multi_head_decoder import multi_head_decoder
from .learned.multimodal_encoder import multimodal_encoder
from .learned.onnx_inference import onnx_inference
from .learned.picture_decoder import picture_decoder
from .learned.picture_encoder import picture_encoder
from .learned.pilot_source import pilot_source
from .learned.sensing_decoder import sensing_decoder
from .learned.task_decoder import task_decoder
from .metrics.metrics_sink import metrics_sink
from .radar.lfm_echo_source import lfm_echo_source
from .radar.range_doppler_sink import range_doppler_sink
from .semisac_python import (
    cfar_detector,
    channel_model_t,
    echo_aligner,
    echo_channel,
    echo_fading_t,
    echo_processor,
    fading_channel,
    frame_demodulator,
    frame_modulator,
    frame_parameters,
    frame_scheduler,
    frame_synchronizer,
    gap_filler,
    mimo_ofdm_channel,
    radar_parameters,
    simulated_receiver,
    simulated_transmitter,
    target_emulator,
)
from .wisdom_folder import provide_wisdom_folder as _provide_wisdom_folder

_provide_wisdom_folder()
