# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Devices, channels and attributes of a Pluto, as its IIO daemon lists them."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.sax.saxutils import quoteattr

PHY, XADC, DAC, ADC = (f"iio:device{number}" for number in range(4))

DOCUMENT_TYPE = (
    "<!DOCTYPE context [<!ELEMENT context (device | context-attribute)*><!ELEMENT context-attribute EMPTY>"
    "<!ELEMENT device (channel | attribute | debug-attribute)*><!ELEMENT channel (scan-element?, attribute*)>"
    "<!ELEMENT attribute EMPTY><!ELEMENT scan-element EMPTY><!ELEMENT debug-attribute EMPTY>"
    "<!ATTLIST context name CDATA #REQUIRED description CDATA #IMPLIED>"
    "<!ATTLIST context-attribute name CDATA #REQUIRED value CDATA #REQUIRED>"
    "<!ATTLIST device id CDATA #REQUIRED name CDATA #IMPLIED>"
    "<!ATTLIST channel id CDATA #REQUIRED type (input|output) #REQUIRED name CDATA #IMPLIED>"
    "<!ATTLIST scan-element index CDATA #REQUIRED format CDATA #REQUIRED>"
    "<!ATTLIST attribute name CDATA #REQUIRED filename CDATA #IMPLIED>"
    "<!ATTLIST debug-attribute name CDATA #REQUIRED>]>"
)


@dataclass
class Channel:
    """Attributes: name to (file name, value). Attributes of the same file are one."""

    id: str
    output: bool
    name: str = ""
    scan: tuple[int, str] | None = None
    attributes: dict[str, tuple[str, str]] = field(default_factory=dict)

    def xml(self) -> str:
        kind = "output" if self.output else "input"
        name = f" name={quoteattr(self.name)}" if self.name else ""
        scan = f'<scan-element index="{self.scan[0]}" format="{self.scan[1]}" />' if self.scan else ""
        parts = "".join(
            f"<attribute name={quoteattr(key)} filename={quoteattr(file)} />"
            for key, (file, _) in self.attributes.items()
        )
        return f"<channel id={quoteattr(self.id)}{name} type={quoteattr(kind)}>{scan}{parts}</channel>"


@dataclass
class Device:
    id: str
    name: str
    channels: list[Channel]
    attributes: dict[str, str] = field(default_factory=dict)
    debug: dict[str, str] = field(default_factory=dict)

    def xml(self) -> str:
        channels = "".join(channel.xml() for channel in self.channels)
        attributes = "".join(f"<attribute name={quoteattr(name)} />" for name in self.attributes)
        debug = "".join(f"<debug-attribute name={quoteattr(name)} />" for name in self.debug)
        return (
            f"<device id={quoteattr(self.id)} name={quoteattr(self.name)}>{channels}{attributes}{debug}"
            "</device>"
        )


def pluto(rx_channels: int = 1) -> list[Device]:
    """A Pluto; with 2 receive channels one of revision C or D that uses both."""
    return [
        Device(PHY, "ad9361-phy", _phy_channels(rx_channels), _PHY_ATTRIBUTES, _PHY_DEBUG),
        Device(XADC, "xadc", [Channel("temp0", False, attributes={"raw": ("in_temp0_raw", "2600")})]),
        Device(DAC, "cf-ad9361-dds-core-lpc", _dac_channels(rx_channels), {}, {"direct_reg_access": "0x0"}),
        Device(ADC, "cf-ad9361-lpc", _adc_channels(rx_channels), {}, {"direct_reg_access": "0x0"}),
    ]


_PHY_ATTRIBUTES = {
    "calib_mode": "auto",
    "ensm_mode": "fdd",
    "filter_fir_config": "FIR Rx: 0,0 Tx: 0,0",
    "tx_path_rates": "",
    "rx_path_rates": "",
    "xo_correction": "40000000",
}
_PHY_DEBUG = {"direct_reg_access": "0x0", "loopback": "0"}


def _local_oscillator(number: int, name: str) -> Channel:
    values = {"frequency": "2400000000", "frequency_available": "[325000000 1 3800000000]", "powerdown": "0"}
    attributes = {key: (f"out_altvoltage{number}_{name}_{key}", value) for key, value in values.items()}
    return Channel(f"altvoltage{number}", True, name, attributes=attributes)


def _phy_channels(count: int) -> list[Channel]:
    channels = [_local_oscillator(0, "RX_LO"), _local_oscillator(1, "TX_LO")]
    channels.append(
        Channel("out", False, attributes={"voltage_filter_fir_en": ("in_out_voltage_filter_fir_en", "0")})
    )
    for number in range(count):
        for output in (False, True):
            side = "out" if output else "in"
            common = {
                "sampling_frequency": "30720000",
                "sampling_frequency_available": "[2083333 1 61440000]",
                "rf_bandwidth": "18000000",
                "rf_bandwidth_available": "[200000 1 40000000]" if output else "[200000 1 56000000]",
                "filter_fir_en": "0",
            }
            receive = {
                "bb_dc_offset_tracking_en": "1",
                "rf_dc_offset_tracking_en": "1",
                "quadrature_tracking_en": "1",
            }
            own = {
                "hardwaregain": "-10.000000 dB" if output else "71.000000 dB",
                "hardwaregain_available": "[-89.750000 0.250000 0.000000]" if output else "[-3 1 71]",
                "rf_port_select": "A" if output else "A_BALANCED",
                "rf_port_select_available": "A B" if output else "A_BALANCED B_BALANCED A_N",
            }
            if not output:
                common |= receive
                own |= {
                    "gain_control_mode": "slow_attack",
                    "gain_control_mode_available": "manual fast_attack slow_attack hybrid",
                    "rssi": "110.75 dB",
                }
            attributes = {key: (f"{side}_voltage_{key}", value) for key, value in common.items()}
            attributes |= {key: (f"{side}_voltage{number}_{key}", value) for key, value in own.items()}
            channels.append(Channel(f"voltage{number}", output, attributes=attributes))
    return channels


def _dac_channels(count: int) -> list[Channel]:
    channels = [
        Channel(f"voltage{index}", True, scan=(index, "le:S16/16&gt;&gt;0")) for index in range(2 * count)
    ]
    for index in range(4 * count):
        name = f"TX{1 + index // 4}_{'IQ'[index % 4 // 2]}_F{1 + index % 2}"
        values = {"frequency": "100000", "phase": "90000", "raw": "1", "scale": "0.250000"}
        attributes = {key: (f"out_altvoltage{index}_{name}_{key}", value) for key, value in values.items()}
        channels.append(Channel(f"altvoltage{index}", True, name, attributes=attributes))
    return channels


def _adc_channels(count: int) -> list[Channel]:
    attributes = {
        "sampling_frequency": ("in_voltage_sampling_frequency", "30720000"),
        "sampling_frequency_available": ("in_voltage_sampling_frequency_available", "30720000 3840000"),
    }
    return [
        Channel(f"voltage{index}", False, scan=(index, "le:S12/16&gt;&gt;0"), attributes=attributes)
        for index in range(2 * count)
    ]
