# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where networks run: ONNX Runtime's own providers, each by a short name.

One package of ONNX Runtime is installed at a time; which one says what it can run on. The others come in its
place, and nothing else changes.
"""

from __future__ import annotations

import json
import re
from typing import Any, Literal, get_args

from .manifest import BundleError

Provider = Literal["cpu", "openvino", "cuda", "tensorrt"]
PROVIDERS: tuple[str, ...] = get_args(Provider)
_OWN_NAMES = {
    "cpu": "CPUExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
_PLACE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : (?:\S+\.(?:cc|h):\d+ .*?\) (?=[A-Z]))?", re.DOTALL)
_CUSTOM_OPERATOR = re.compile(r"Fatal error: (\S+?)\(-?\d+\) is not a registered function/op")
_INSTEAD = "pip uninstall -y onnxruntime, then pip install"
_GET = {
    "openvino": f"{_INSTEAD} onnxruntime-openvino",
    "cuda": f"{_INSTEAD} onnxruntime-gpu, on a computer with an NVIDIA GPU, CUDA and cuDNN",
    "tensorrt": f"{_INSTEAD} onnxruntime-gpu tensorrt, on a computer with an NVIDIA GPU, CUDA and cuDNN",
}


def check_place(provider: str, threads: int) -> None:
    """Raise ValueError unless there may be such a provider and so many threads."""
    if provider not in PROVIDERS:
        raise ValueError(f"provider is {provider!r}, expected one of {', '.join(PROVIDERS)}")
    if int(threads) != threads or threads < 1:
        raise ValueError(f"threads is {threads}, expected at least 1")


def installed_providers() -> list[str]:
    """Short names of those that the installed ONNX Runtime has."""
    import onnxruntime

    found = onnxruntime.get_available_providers()
    return [name for name in PROVIDERS if _OWN_NAMES[name] in found]


def check_installed(provider: str, name: str) -> None:
    """Raise BundleError unless ONNX Runtime here has a provider. name: of what is to run, in errors."""
    found = installed_providers()
    if provider in found:
        return
    import onnxruntime

    raise BundleError(
        f"{name}: provider {provider} is not installed, this ONNX Runtime {onnxruntime.__version__} has "
        f"{', '.join(found)}: {_GET[provider]}; or choose cpu"
    )


def open_runtime(content: bytes, name: str, provider: str, threads: int) -> Any:
    """ONNX Runtime's session of a network, on one provider. What that cannot compute, the CPU does.

    name: of the network, in errors.

    Raises
    ------
    BundleError
        The provider is not installed or does not start, or the network cannot be read.
    """
    import onnxruntime

    check_place(provider, threads)
    check_installed(provider, name)
    version = f"ONNX Runtime {onnxruntime.__version__}"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # its errors come as exceptions
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        runtime = onnxruntime.InferenceSession(content, options, providers=_with_options(provider, threads))
    except Exception as error:  # ONNX Runtime's exceptions share no base class
        custom = _CUSTOM_OPERATOR.search(str(error))
        if custom:
            raise BundleError(
                f"{name}: the operator {custom[1]} is a custom one, which {version} does not have: "
                "export the network with operators of ONNX alone"
            ) from error
        other = "" if provider == "cpu" else f" for {provider}"
        advice = "get the bundle again, or a newer runtime" if provider == "cpu" else "choose cpu"
        raise BundleError(f"{name}: {version} cannot read it{other} ({reason(error)}): {advice}") from error
    if runtime.get_providers()[0] != _OWN_NAMES[provider]:  # it falls back on the CPU, and says nothing
        raise BundleError(
            f"{name}: provider {provider} is installed and does not start: get the libraries and the device "
            "that it needs, or choose cpu"
        )
    return runtime


def _with_options(provider: str, threads: int) -> list[Any]:
    """Providers as ONNX Runtime is told them, the chosen one first."""
    cpu = _OWN_NAMES["cpu"]
    if provider == "cpu":
        return [cpu]
    if provider == "openvino":
        # one request at a time, of full precision: on its own, OpenVINO makes streams, and pins threads
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
            "INFERENCE_NUM_THREADS": str(threads),
            "ENABLE_CPU_PINNING": "NO",
            "INFERENCE_PRECISION_HINT": "f32",
        }
        own = {"device_type": "CPU", "load_config": json.dumps({"CPU": settings})}
        return [(_OWN_NAMES[provider], own), cpu]
    if provider == "tensorrt":
        return [_OWN_NAMES["tensorrt"], _OWN_NAMES["cuda"], cpu]
    return [(_OWN_NAMES["cuda"], {"use_tf32": "0"}), cpu]  # float32, as on the CPU


def reason(error: Exception) -> str:
    """What ONNX Runtime says is wrong, in a line, without the place in its own source that it begins with."""
    text = _PLACE.sub("", str(error).strip())
    return (text.strip().splitlines() or [type(error).__name__])[0][:200]
