#!/usr/bin/env bash
# Copyright 2026 gr-semisac contributors
#
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Set the project up in .venv, one step a call; the Makefile calls the steps that are due.
# Every step can be repeated and takes up where a broken one stopped.
#
#   setup.sh system          packages of the distribution, through apt-get, only the missing ones
#   setup.sh venv            .venv with the system's Python, which alone sees GNU Radio
#   setup.sh torch           PyTorch: the distribution's where it is new enough, else one without CUDA
#   setup.sh python [EXTRA]  this project and the Python packages it needs, into .venv
#   setup.sh module          the GNU Radio module: built in build/, installed into .venv
#   setup.sh scenes          .venv-scenes with the ray tracer of the scene generator, for nothing else
#
# SEMISAC_SKIP_APT=1 leaves the packages of the distribution to you.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly venv=$PWD/.venv
readonly scenes_venv=$PWD/.venv-scenes
readonly os_release=${SEMISAC_OS_RELEASE:-/etc/os-release} # another one in tests
readonly system_python=/usr/bin/python3 # never the python3 of PATH: pyenv and conda see no GNU Radio

fail() {
    echo "set-up: $*" >&2
    exit 1
}

say() {
    echo "==> $*"
}

# Name of the release, as its packages are known by: derivatives name the one they are made of.
release() {
    local UBUNTU_CODENAME='' DEBIAN_CODENAME='' VERSION_CODENAME='' PRETTY_NAME=''
    [ ! -r "$os_release" ] || . "$os_release"
    echo "${UBUNTU_CODENAME:-${DEBIAN_CODENAME:-${VERSION_CODENAME:-unknown}}}" "${PRETTY_NAME:-an unknown system}"
}

installed() { # PACKAGE
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

candidate() { # PACKAGE: the version that apt-get would install, empty where there is none
    apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: //p' | grep -v '(none)' || true
}

install_system_packages() { # LIST_OF_PACKAGES
    [ "${SEMISAC_SKIP_APT:-0}" != 1 ] || return 0
    local system line name choices chosen missing=() as_root=()
    system=$(release)
    case "$system" in
    bookworm\ * | trixie\ * | noble\ * | resolute\ *) ;;
    *) fail "this is ${system#* }, expected Debian 12 or 13, Ubuntu 24.04 or 26.04, or a system made of them; install" \
        "what $1 names ($(packages_of "$1" | xargs)), GNU Radio 3.10 and Python 3.11 or newer among it, then run again" \
        "with SEMISAC_SKIP_APT=1" ;;
    esac

    while read -r line; do
        read -ra choices <<<"${line//|/ }"
        chosen=''
        for name in "${choices[@]}"; do
            ! installed "$name" || chosen=$name
        done
        [ -n "$chosen" ] || missing+=("$line")
    done < <(packages_of "$1")
    [ ${#missing[@]} -gt 0 ] || return 0

    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "missing packages (${missing[*]}) and neither root nor sudo to" \
            "install them; ask your administrator to install them and run again"
        as_root=(sudo)
    fi
    as_root+=(env DEBIAN_FRONTEND=noninteractive)
    "${as_root[@]}" dpkg --configure -a # after an installation that broke off
    "${as_root[@]}" apt-get update -q
    local names=()
    for line in "${missing[@]}"; do
        read -ra choices <<<"${line//|/ }"
        chosen=${choices[0]}
        for name in "${choices[@]}"; do
            if [ -n "$(candidate "$name")" ]; then
                chosen=$name
                break
            fi
        done
        names+=("$chosen")
    done
    say "installing packages: ${names[*]}"
    "${as_root[@]}" apt-get install -q -y --no-install-recommends "${names[@]}"
}

packages_of() { # LIST_OF_PACKAGES: a line each, "a | b" is whichever the release has
    sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$1"
}

make_venv() {
    [ -x "$system_python" ] || fail "$system_python is missing; install python3"
    local unfinished=$venv/unfinished # while venv works, pyvenv.cfg does not say yet what it will
    if [ -e "$venv/pyvenv.cfg" ] && [ ! -e "$unfinished" ]; then
        if ! grep -Eqx 'home = /usr/bin' "$venv/pyvenv.cfg" ||
            ! grep -Eqx 'include-system-site-packages = true' "$venv/pyvenv.cfg" ||
            [ ! -d "$venv/lib/$("$system_python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')" ]; then
            fail ".venv is not of $system_python with its site packages, so it cannot see GNU Radio;" \
                "remove it (rm -rf .venv) and run again"
        fi
    fi
    if [ -e "$unfinished" ] ||
        ! "$venv/bin/python" -c 'import sys, pip; assert pip.__file__.startswith(sys.prefix)' 2>/dev/null; then
        say "creating .venv"
        [ ! -e "$unfinished" ] || rm -rf "$venv"/{bin,include,lib,lib64,pyvenv.cfg}
        mkdir -p "$venv"
        touch "$unfinished"
        "$system_python" -m venv --system-site-packages "$venv"
        rm "$unfinished"
    fi
    keep_numpy
    install_launchers
    patch_activate
}

# GNU Radio's Python modules are compiled for the generation of numpy that the distribution has: 1 or 2. pip of
# this environment is told, whoever calls it, to stay with the very copies that lie beside GNU Radio.
keep_numpy() {
    local constraints=$venv/constraints.txt
    # -I: not what PYTHONPATH or the user's own folder of packages put in front
    "$system_python" -I - >"$constraints.new" <<'VERSIONS' || fail "$system_python cannot import numpy; install python3-numpy and run again"
import numpy
print("# the copies that the system's GNU Radio was built with: written by scripts/setup.sh")
print(f"numpy=={numpy.__version__}")
try:
    import scipy
    print(f"scipy=={scipy.__version__}")
except ImportError:
    pass
VERSIONS
    mv "$constraints.new" "$constraints"
    # as an address, because pip splits a path at its spaces
    "$system_python" - "$constraints" >"$venv/pip.conf" <<'CONFIGURATION'
import pathlib, sys
print("[install]\nconstraint =", pathlib.Path(sys.argv[1]).as_uri())
CONFIGURATION
}

# gnuradio-companion and grcc run flowgraphs with the Python that runs them: let it be that of .venv.
install_launchers() {
    local program
    for program in gnuradio-companion grcc; do
        cat >"$venv/bin/$program" <<'LAUNCHER'
#!/bin/sh
# GNU Radio's program of this name, with the Python and the blocks of this environment.
venv=$(dirname "$(dirname "$(readlink -f "$0")")")
blocks=$venv/share/gnuradio/grc/blocks
case ":${GRC_BLOCKS_PATH:-}:" in
*":$blocks:"*) ;;
*) export GRC_BLOCKS_PATH="$blocks${GRC_BLOCKS_PATH:+:$GRC_BLOCKS_PATH}" ;;
esac
wrong=$("$venv/bin/python" -c 'from semisac_ml.numpy_generation import mismatch; print(mismatch())')
if [ -n "$wrong" ]; then
    echo "$(basename "$0"): $wrong" >&2
    exit 2
fi
exec "$venv/bin/python" "/usr/bin/$(basename "$0")" "$@"
LAUNCHER
        chmod +x "$venv/bin/$program"
    done
}

# Activating names the folder of the blocks to GNU Radio Companion, deactivating takes it back.
patch_activate() {
    local activate=$venv/bin/activate
    grep -q _OLD_GRC_BLOCKS_PATH "$activate" && return
    sed '/^deactivate () {$/a\
    if [ -n "${_OLD_GRC_BLOCKS_PATH+set}" ] ; then\
        GRC_BLOCKS_PATH="$_OLD_GRC_BLOCKS_PATH"\
        export GRC_BLOCKS_PATH\
        [ -n "$GRC_BLOCKS_PATH" ] || unset GRC_BLOCKS_PATH\
        unset _OLD_GRC_BLOCKS_PATH\
    fi' "$activate" >"$activate.new"
    cat >>"$activate.new" <<'ACTIVATE'

_OLD_GRC_BLOCKS_PATH="${GRC_BLOCKS_PATH:-}"
GRC_BLOCKS_PATH="$VIRTUAL_ENV/share/gnuradio/grc/blocks${GRC_BLOCKS_PATH:+:$GRC_BLOCKS_PATH}"
export GRC_BLOCKS_PATH
ACTIVATE
    mv "$activate.new" "$activate"
}

# PyTorch without gigabytes of CUDA where there is no GPU to use them.
install_torch() {
    ! "$venv/bin/python" scripts/install_torch.py --check || return 0
    if [ "${SEMISAC_SKIP_APT:-0}" != 1 ] && ! nvidia-smi -L >/dev/null 2>&1 &&
        between 2.6 "$(candidate python3-torch)" 2.14 && between 1.17 "$(candidate python3-onnx)" 2; then
        install_system_packages scripts/training-apt-packages.txt
    fi
    "$venv/bin/python" scripts/install_torch.py
}

between() { # LOWEST VERSION TOO_HIGH
    dpkg --compare-versions "$2" ge "$1" && dpkg --compare-versions "$2" lt "$3"
}

install_python_packages() {
    say "installing Python packages${1:+ (with $1)}"
    "$venv/bin/python" -m pip install --disable-pip-version-check --no-input \
        -e ".${1:+[$1]}" | sed '/^Requirement already satisfied/d'
}

# The ray tracer needs numpy 2, which GNU Radio of Debian 12 and Ubuntu 24.04 cannot live with: another environment.
install_scenes() {
    say "making .venv-scenes, the environment of the scene generator"
    "$system_python" -c 'import ensurepip' 2>/dev/null || fail "$system_python has no venv; run make setup first"
    "$system_python" -m venv "$scenes_venv"
    "$scenes_venv/bin/python" -m pip install --disable-pip-version-check --no-input \
        -r scripts/scenes-requirements.txt | sed '/^Requirement already satisfied/d'
    local site
    site=$("$scenes_venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    echo "$PWD/python" >"$site/semisac.pth" # this project without what only radios and training need
}

install_module() {
    # A build folder remembers its absolute path: one that was moved or copied is of no use.
    if [ -e build/CMakeCache.txt ] && ! grep -Fqx "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" build/CMakeCache.txt; then
        rm -rf build
    fi
    say "building the GNU Radio module"
    mkdir -p build
    local before
    before=$(sort build/install_manifest.txt 2>/dev/null || true)
    if ! { cmake -S . -B build -G Ninja -DCMAKE_INSTALL_PREFIX="$venv" -DPYTHON_EXECUTABLE="$venv/bin/python" &&
        cmake --build build --parallel "$(nproc)" &&
        cmake --install build; } >build/setup.log 2>&1; then
        tail -n 40 build/setup.log >&2
        fail "the module did not build; the end of build/setup.log is above"
    fi
    # A module that moved would stay importable where it was.
    comm -23 <(echo "$before") <(sort build/install_manifest.txt) | while IFS= read -r file; do
        rm -f "$file"
    done
}

case "${1:-}" in
system) install_system_packages scripts/apt-packages.txt ;;
venv) make_venv ;;
torch) install_torch ;;
python) install_python_packages "${2:-}" ;;
module) install_module ;;
scenes)
    install_system_packages scripts/scenes-apt-packages.txt
    install_scenes
    ;;
*) fail "step is \"${1:-}\", expected system, venv, torch, python, module or scenes; see the head of scripts/setup.sh" ;;
esac
