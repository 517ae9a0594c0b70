#!/usr/bin/env bash
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Prove the README on a bare system: a fresh clone of the last commit in a new Debian or Ubuntu, by an ordinary
# user who may use sudo; the commands of "Try it", then `make bench` and `make scenes-env`, with times and results.
#
#   sudo scripts/clean_system.sh SUITE [COMMAND ...]
#
#   SUITE      bookworm, trixie (Debian 12, 13), noble, resolute (Ubuntu 24.04, 26.04)
#   COMMAND    to run in the clone in place of `make bench` and `make scenes-env`, after those of the README
#
#   CLEAN_SYSTEM_FOLDER   where the system is made [/var/tmp/semisac-SUITE]; it must not exist
#   CLEAN_SYSTEM_MIRROR   another mirror of the distribution than debootstrap's own
#   CLEAN_SYSTEM_KEEP=1   leave the system there, to look at it (chroot FOLDER)
#
# Needs root, debootstrap (on Debian for an Ubuntu also ubuntu-keyring), 12 GB and half an hour to two hours. Variables
# for pip, proxies and certificates (PIP_*, SSL_CERT_FILE, https_proxy, …) hold there too. Exit code: 0 all
# passed, 1 one failed (its log is in FOLDER, which then stays), 2 a mistake.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mistake() {
    echo "clean_system: $*" >&2
    exit 2
}

suite=${1:-}
[ $# -eq 0 ] || shift
case "$suite" in
bookworm | trixie) components=main ;;
noble | resolute) components=main,universe ;;
*) mistake "suite is \"$suite\", expected bookworm, trixie, noble or resolute; see the head of $0" ;;
esac
folder=${CLEAN_SYSTEM_FOLDER:-/var/tmp/semisac-$suite}
[ "$(id -u)" -eq 0 ] || mistake "making a system needs root; run it with sudo"
command -v debootstrap >/dev/null || mistake "debootstrap is missing; apt-get install debootstrap"
[ ! -e "$folder" ] || mistake "$folder is there already; remove it, or name another CLEAN_SYSTEM_FOLDER"
[ $# -gt 0 ] || set -- 'make bench' 'make scenes-env'
[ -z "$(git status --porcelain)" ] || echo "clean_system: what is not committed is not tried" >&2

# the lines of the first shell block after "## Try it"
mapfile -t readme < <(sed -n '/^## Try it/,/^## /p' README.md | sed -n '/^```sh/,/^```/p' | sed -e '/^```/d' -e 's/ *#.*//')
[ ${#readme[@]} -gt 0 ] || mistake "README.md has no commands under \"Try it\""

mkdir -p "$folder/logs"
echo "==> a bare $suite in $folder"
debootstrap --variant=minbase --components="$components" --include=sudo,ca-certificates,procps \
    "$suite" "$folder/root" ${CLEAN_SYSTEM_MIRROR:+"$CLEAN_SYSTEM_MIRROR"} >"$folder/logs/debootstrap.log" 2>&1 ||
    {
        tail -n 5 "$folder/logs/debootstrap.log" >&2
        rm -rf --one-file-system "$folder"
        mistake "debootstrap failed; a newer one may know $suite"
    }
root=$folder/root
cp /etc/resolv.conf "$root/etc/"
chroot "$root" useradd --create-home --shell /bin/bash student
echo 'student ALL=(ALL) NOPASSWD:ALL' >"$root/etc/sudoers.d/student"

# What the commands need from here: the repository, and what variables of pip, proxies and certificates name.
mkdir "$root/host"
git bundle create --quiet "$root/host/gr-semisac.bundle" HEAD --branches
variables=(HOME=/home/student USER=student LOGNAME=student LANG=C.UTF-8 TERM=dumb
    PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin)
folders=()
while read -r name; do
    value=${!name}
    if [ -f "$value" ]; then
        cp "$value" "$root/host/"
        value=/host/$(basename "$value")
    elif [ -d "$value" ]; then
        folders+=("$value")
        value=/host/$(basename "$value")
        mkdir -p "$root$value"
    fi
    variables+=("$name=$value")
done < <(compgen -e | grep -Ei '^(pip_.+|ssl_cert_file|requests_ca_bundle|(https?|no)_proxy)$' || true)

{
    printf '%s\n' "${readme[@]//<address of this repository>//host/gr-semisac.bundle}"
    printf '%s\n' "$@"
} >"$root/host/commands"
cat >"$root/host/run" <<'RUN'
# one command a line, in one shell, so that `cd` holds; times and results as they come
cd && number=0 failed=0
while read -r line <&3; do
    number=$((number + 1)) begin=$SECONDS result=passed
    eval "$line" >"/host/$number.log" 2>&1 </dev/null || { result=FAILED failed=1; }
    printf '%-8s %5d s  %s\n' "$result" $((SECONDS - begin)) "$line"
    grep -E '^[0-9]+ (passed|failed)|tests passed|tests failed|^(passed|FAILED)  ' "/host/$number.log" | sed 's/^/                    /'
done 3</host/commands
exit $failed
RUN
chown -R --reference="$root/home/student" "$root/host"

# Mounts live in a name space of their own and go with it, however this ends.
code=0
unshare --mount --pid --fork --kill-child bash -euc '
    root=$1
    shift
    while [ "$1" != -- ]; do
        mount --bind -o ro "$1" "$root/host/$(basename "$1")"
        shift
    done
    shift
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/dev/shm"
    exec chroot --userspec=student "$root" env -i "$@" bash /host/run
' clean "$root" "${folders[@]}" -- "${variables[@]}" || code=1
cp "$root"/host/*.log "$folder/logs/"

if [ "$code" -ne 0 ]; then
    echo "==> failed; logs in $folder/logs, one a command; remove $folder when you have looked"
elif [ "${CLEAN_SYSTEM_KEEP:-0}" != 1 ]; then
    rm -rf --one-file-system "$folder"
fi
exit "$code"
