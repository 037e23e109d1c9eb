#!/usr/bin/env bash
# A Docker engine for a machine that has none:
#   engine.sh up       install docker.io where it is missing, start dockerd, wait
#   engine.sh down     stop exactly the dockerd that 'up' started
#   engine.sh status   exit 0 when an engine answers, 3 when none does
# WSLB_ENGINE_DIR      state, log and images (default /var/lib/wslb-engine)
# WSLB_ENGINE_SOCKET   socket to serve       (default /var/run/docker.sock)
# WSLB_ENGINE_TIMEOUT  seconds to wait       (default 60)
# WSLB_ENGINE_BRIDGE   name of a bridge of its own, and no firewall rules: for a second engine beside another one.
#                      (Not --bridge=none: that deletes docker0 under the other engine's feet.)
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"

dir=${WSLB_ENGINE_DIR:-/var/lib/wslb-engine}
socket=${WSLB_ENGINE_SOCKET:-/var/run/docker.sock}
timeout=${WSLB_ENGINE_TIMEOUT:-60}
network=()
bridge=${WSLB_ENGINE_BRIDGE:-}
[[ -z $bridge ]] || network=("--bridge=$bridge" --iptables=false)
pidfile=$dir/docker.pid
logfile=$dir/dockerd.log
execroot=$dir/exec

answers() { timeout 5 docker -H "unix://$socket" info >/dev/null 2>&1; }

# our_pid FILE PROGRAM: the pid in FILE when it is PROGRAM running for $dir.
our_pid() {
    local pid
    pid=$(cat "$1" 2>/dev/null) || return 1
    [[ $pid =~ ^[0-9]+$ && -r /proc/$pid/cmdline ]] || return 1
    # A zombie has an empty command line, and so does not match.
    tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | awk -v dir="$dir" -v prog="$2" '
        NR == 1 && $0 ~ ("(^|/)" prog "$") { p = 1 }
        index($0, dir "/") { d = 1 }
        END { exit !(p && d) }' || return 1
    printf '%s' "$pid"
}

wait_gone() { # PID SECONDS
    local deadline=$((SECONDS + $2))
    while [[ -n $(tr -d '\0' 2>/dev/null <"/proc/$1/cmdline") ]]; do
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

children_of() { awk -v ppid="$1" '{ sub(/^.*\) /, ""); if ($2 == ppid) { split(FILENAME, f, "/"); print f[3] } }' /proc/[0-9]*/stat 2>/dev/null || true; }

# A dockerd that died (kill -9, out of memory) takes its containerd along but
# leaves the containers running, each under a shim that names our socket; they
# are ended here, each by its own process id.
clear_leftovers() {
    local pid shim child mnt
    while read -r shim; do
        [[ $(tr '\0' '\n' 2>/dev/null <"/proc/$shim/cmdline" | head -n1) == *containerd-shim* ]] || continue
        log "ending a container that a dead dockerd left (shim $shim)"
        for child in $(children_of "$shim"); do
            kill -KILL "$child" 2>/dev/null || true
        done
        sleep 0.2
        kill -KILL "$shim" 2>/dev/null || true
    done < <(grep -lsF -- "$execroot/containerd/containerd.sock" /proc/[0-9]*/cmdline | cut -d/ -f3)
    if pid=$(our_pid "$execroot/containerd/containerd.pid" containerd); then
        log "ending the containerd ($pid) of a dead dockerd"
        kill -TERM "$pid" 2>/dev/null || true
        wait_gone "$pid" 10 || kill -KILL "$pid" 2>/dev/null || true
    fi
    while read -r mnt; do
        umount -l "$mnt" 2>/dev/null || true
    done < <(awk -v d="$dir/" 'index($5, d) == 1 { print $5 }' /proc/self/mountinfo | sort -r)
    rm -f -- "$pidfile" "$execroot/containerd/containerd.pid"
    if [[ -n $bridge && -d /sys/class/net/$bridge ]]; then
        ip link delete "$bridge"
    fi
}

up() {
    need_root
    mkdir -p "$dir"
    exec 8>"$dir/.lock"
    flock -w 300 8 || die "another engine.sh has held $dir/.lock for 5 minutes."
    if have docker && answers; then
        log "an engine already answers on $socket"
        return 0
    fi
    need_debian
    if ! have dockerd; then
        apt_install docker.io
        have dockerd || die "docker.io is installed, but dockerd is not on the PATH."
        # Where a service manager runs, the package has started its own engine.
        sleep 1
        if answers; then
            log "the docker.io package's own service answers on $socket"
            return 0
        fi
    fi
    have docker || apt_install docker.io
    have iptables || apt_install iptables

    if ! our_pid "$pidfile" dockerd >/dev/null; then
        clear_leftovers
        if [[ -S $socket ]]; then
            rm -f -- "$socket"
        fi
        if [[ -n $bridge && ! -d /sys/class/net/$bridge ]]; then
            have ip || apt_install iproute2
            ip link add "$bridge" type bridge
            ip address add 192.168.253.1/29 dev "$bridge"
            ip link set "$bridge" up
        fi
        # Fresh log for each start; the one before is kept.
        [[ -f $logfile ]] && mv -f -- "$logfile" "$logfile.1"
        log "starting dockerd (log: $logfile)"
        setsid -f dockerd --data-root "$dir/data" --exec-root "$execroot" --pidfile "$pidfile" \
            -H "unix://$socket" --log-level warn --shutdown-timeout 10 "${network[@]}" \
            </dev/null >"$logfile" 2>&1 8>&-
    fi

    local deadline=$((SECONDS + timeout)) started=$SECONDS
    until answers; do
        if ((SECONDS - started >= 2)) && ! our_pid "$pidfile" dockerd >/dev/null; then
            tail -n 15 "$logfile" >&2 || true
            clear_leftovers
            die "dockerd ended while starting; its log is $logfile."
        fi
        if ((SECONDS >= deadline)); then
            tail -n 15 "$logfile" >&2 || true
            die "dockerd did not answer on $socket within $timeout seconds; its log is $logfile."
        fi
        sleep 0.1
    done
    log "engine $(docker -H "unix://$socket" version -f '{{.Server.Version}}') answers on $socket"
}

down() {
    need_root
    local pid
    if ! pid=$(our_pid "$pidfile" dockerd); then
        [[ -d $dir ]] && clear_leftovers
        log "no dockerd that this script started is running"
        return 0
    fi
    kill -TERM "$pid"
    if ! wait_gone "$pid" 30; then
        log "dockerd ($pid) did not stop within 30 seconds, so it is killed"
        kill -KILL "$pid" 2>/dev/null || true
        wait_gone "$pid" 5 || true
    fi
    clear_leftovers
    log "dockerd ($pid) stopped"
}

status() {
    local pid
    if pid=$(our_pid "$pidfile" dockerd); then
        log "dockerd $pid was started by this script (log: $logfile)"
    else
        log "no dockerd that this script started is running"
    fi
    if have docker && answers; then
        docker -H "unix://$socket" info -f 'engine {{.ServerVersion}}, storage {{.Driver}}, cgroups v{{.CgroupVersion}}, images {{.Images}}, running containers {{.ContainersRunning}}'
        return 0
    fi
    log "no engine answers on $socket"
    return 3
}

case ${1:-} in
    up | down | status) "$1" ;;
    *) die "usage: engine.sh up|down|status" ;;
esac
