# shellcheck shell=bash
# Shared by engine.sh, compose.sh and the build-*.sh scripts; sourced, not run.

WSLB_IMAGE_CACHE=${WSLB_IMAGE_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/wslb/images}
export DEBIAN_FRONTEND=noninteractive

log() { printf '[%s] %s\n' "${0##*/}" "$*" >&2; }
die() {
    printf '[%s] error: %s\n' "${0##*/}" "$*" >&2
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

need_root() { [[ $(id -u) -eq 0 ]] || die "this script must run as root."; }

need_debian() {
    [[ -r /etc/os-release ]] || die "this script needs Debian, and /etc/os-release is missing."
    # shellcheck disable=SC1091
    OS_ID=$(. /etc/os-release && printf '%s' "${ID:-}")
    # shellcheck disable=SC1091,SC2034
    OS_CODENAME=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
    [[ $OS_ID == debian ]] || die "this script needs Debian, and this machine says it is '${OS_ID:-unknown}'."
}

# Refresh the package lists at most once per process.
APT_FRESH=
apt_refresh() {
    [[ -n $APT_FRESH ]] && return 0
    apt-get -q -o Acquire::Retries=2 update >/dev/null || die "apt-get update failed, so no package can be installed."
    APT_FRESH=1
}

# Install only what is missing (apt itself is not even started otherwise).
apt_install() {
    local pkg missing=()
    for pkg in "$@"; do
        # shellcheck disable=SC2016
        [[ $(dpkg-query -W -f='${db:Status-Status}' "$pkg" 2>/dev/null) == installed ]] || missing+=("$pkg")
    done
    ((${#missing[@]})) || return 0
    log "installing ${missing[*]}"
    apt_refresh
    local out
    out=$(apt-get -q -y -o DPkg::Lock::Timeout=300 --no-install-recommends install "${missing[@]}" 2>&1) || {
        printf '%s\n' "$out" | tail -n 20 >&2
        die "apt-get could not install ${missing[*]}."
    }
}

# The version that apt would install, "" when apt knows none.
candidate() { LC_ALL=C apt-cache policy "$1" 2>/dev/null | sed -n 's/^  Candidate: //p' | grep -vFx '(none)' || true; }

need_candidate() {
    local version
    version=$(candidate "$1")
    if [[ -z $version ]]; then
        apt_refresh
        version=$(candidate "$1")
    fi
    [[ -n $version ]] || die "apt knows no package named $1."
    printf '%s' "$version"
}

need_engine() {
    have docker || die "the docker command is missing; run engine.sh up first."
    docker info >/dev/null 2>&1 || die "no Docker engine answers; run engine.sh up first."
}

# Cache ---------------------------------------------------------------------
# cache_key VERSION FILE...: version plus a hash of the scripts that build it.
cache_key() {
    local version=$1
    shift
    printf '%s-%s-%s' "${version//[^A-Za-z0-9.+~-]/_}" "$(dpkg --print-architecture)" \
        "$(cat -- "$@" | sha256sum | cut -c1-12)"
}

cache_lock() {
    mkdir -p "$WSLB_IMAGE_CACHE" || die "cannot create the cache directory $WSLB_IMAGE_CACHE."
    exec 9>"$WSLB_IMAGE_CACHE/.lock"
    flock -w 900 9 || die "another build has held the lock on $WSLB_IMAGE_CACHE for 15 minutes."
}

# cached_image TAG NAME KEY: succeed when TAG of exactly KEY is in the engine,
# loading it from the cache when need be.
cached_image() {
    local tag=$1 file="$WSLB_IMAGE_CACHE/$2-$3.tar.gz"
    if [[ $(docker image inspect -f '{{index .Config.Labels "wslb.cache-key"}}' "$tag" 2>/dev/null) == "$3" ]]; then
        # Present in the engine, but the cache may have been cleared since.
        [[ -f $file ]] || save_image "$tag" "$2" "$3"
        log "$tag is already in the engine"
        return 0
    fi
    [[ -f $file ]] || return 1
    if docker load -q -i "$file" >/dev/null 2>&1 &&
        [[ $(docker image inspect -f '{{index .Config.Labels "wslb.cache-key"}}' "$tag" 2>/dev/null) == "$3" ]]; then
        log "$tag loaded from $file"
        return 0
    fi
    log "the cached $file could not be loaded; building anew"
    rm -f -- "$file"
    return 1
}

save_image() {
    local tag=$1 name=$2 key=$3 file
    file="$WSLB_IMAGE_CACHE/$name-$key.tar.gz"
    docker save "$tag" | gzip -1 >"$file.partial" || die "docker save of $tag failed."
    mv -- "$file.partial" "$file"
    # One entry for each image: older ones would never be used again.
    find "$WSLB_IMAGE_CACHE" -maxdepth 1 -name "$name-*.tar.gz" ! -name "${file##*/}" -delete
    log "$tag cached as $file"
}
