# shellcheck shell=bash
# Root file systems of this machine's own Debian release, and images made of
# them; sourced by the build-*.sh scripts. Its text is part of the cache key.

# debian_sources deb|deb-src: one-line apt sources for this machine's own
# Debian archives, and for no third-party one.
debian_sources() {
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg lines
    # shellcheck disable=SC2016
    lines=$(apt-get indextargets --format '$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)' 'Created-By: Packages' |
        awk -F'|' -v type="$1" -v key="$keyring" '
            $4 == "Debian" { print type " [signed-by=" key "] " $1 " " $2 " " $3 }' | sort -u)
    [[ -n $lines ]] || die "this machine's apt has no Debian archive configured."
    printf '%s\n' "$lines"
}

# make_root TARBALL PACKAGES [mmdebstrap option...]: a slim Debian root of this
# machine's own release. (mmdebstrap, not debootstrap: it takes the security
# archive into account and needs about half the time.)
make_root() {
    local out=$1 include=$2 logfile
    shift 2
    logfile=$out.log
    debian_sources deb >"$out.sources.list"
    # shellcheck disable=SC2016
    nice -n 10 mmdebstrap --mode=root --variant=minbase --format=tar \
        --include="$include" \
        --aptopt='Acquire::Retries "2"' \
        --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/info/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        --customize-hook='rm -f "$1/etc/resolv.conf" "$1/etc/hostname"' \
        "$@" "$OS_CODENAME" "$out" - <"$out.sources.list" >"$logfile" 2>&1 || {
        tail -n 20 "$logfile" >&2
        die "mmdebstrap could not make the root file system."
    }
}

# image_from_root TARBALL TAG KEY <Dockerfile-lines: import, then add metadata
# (docker import alone cannot set STOPSIGNAL or LABEL).
image_from_root() {
    local tarball=$1 tag=$2 key=$3 id lines
    lines=$(cat)
    id=$(docker import "$tarball" "$tag-root") || die "docker import of $tag failed."
    log "imported the root file system of $tag as ${id:7:12}"
    printf 'FROM %s\nLABEL wslb.cache-key="%s"\n%s\n' "$tag-root" "$key" "$lines" |
        DOCKER_BUILDKIT=0 docker build -q -t "$tag" - >/dev/null 2>&1 ||
        die "docker build of $tag failed."
    docker rmi "$tag-root" >/dev/null
}
