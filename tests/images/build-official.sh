#!/usr/bin/env bash
# Builds an image laid out like the official httpd:2.4 image, where no registry
# can be reached:   build-official.sh [CACHE-DIRECTORY]   (or WSLB_IMAGE_CACHE=...)
# Tag: wslb/httpd:2.4-official-layout. The upstream release in Debian's source
# package (without Debian's patches, which move paths) is configured as the
# official image's Dockerfile does and put on a slim Debian root.
# The private apt folder keeps deb-src out of the machine's own sources.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"
# shellcheck source=root.sh
. "$here/root.sh"
WSLB_IMAGE_CACHE=${1:-$WSLB_IMAGE_CACHE}

tag=wslb/httpd:2.4-official-layout
name=httpd-official
prefix=/usr/local/apache2
need_root
need_debian
need_engine
cache_lock
version=$(need_candidate apache2)
# The key names the binary package's version, which is known without a look at
# the source archive; the image's wslb.httpd-source label tells what it holds.
key=for-$(cache_key "$version" "${BASH_SOURCE[0]}" "$here/root.sh")
cached_image "$tag" "$name" "$key" && exit 0

apt_install mmdebstrap debian-archive-keyring dpkg-dev gcc make bzip2 \
    libapr1-dev libaprutil1-dev libbrotli-dev libcurl4-openssl-dev libjansson-dev liblua5.4-dev \
    libnghttp2-dev libpcre2-dev libssl-dev libxml2-dev zlib1g-dev

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

# 1. The source.
mkdir -p "$work"/apt/lists/partial "$work"/apt/parts "$work"/source
debian_sources deb-src >"$work/apt/sources.list"
private_apt=(-q -o "Dir::Etc::sourcelist=$work/apt/sources.list" -o "Dir::Etc::sourceparts=$work/apt/parts"
    -o "Dir::State::lists=$work/apt/lists" -o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache="
    -o "APT::Sandbox::User=root" -o "Acquire::Retries=2" -o "Acquire::Languages=none")
apt-get "${private_apt[@]}" update >"$work/apt.log" 2>&1 || {
    tail -n 5 "$work/apt.log" >&2
    die "the list of Debian's source packages could not be fetched."
}
# Newest first; the security archive may list a source package that its mirror
# does not serve, and then the release's own, a little older, is taken.
source_version=
while read -r candidate_version; do
    if (cd "$work/source" && apt-get "${private_apt[@]}" source --download-only "apache2=$candidate_version") \
        >"$work/apt.log" 2>&1; then
        source_version=$candidate_version
        break
    fi
    log "the source of apache2 $candidate_version is listed but cannot be fetched"
    rm -rf -- "$work/source"
    mkdir "$work/source"
done < <(apt-cache "${private_apt[@]}" showsrc apache2 | sed -n 's/^Version: //p' | sort -Vru)
[[ -n $source_version ]] || {
    tail -n 5 "$work/apt.log" >&2
    die "no source package of apache2 could be fetched."
}
orig=$(find "$work/source" -name 'apache2_*.orig.tar.*' ! -name '*.asc')
[[ -f $orig ]] || die "the source package apache2 $source_version holds no upstream release."
mkdir "$work/build"
tar -xf "$orig" -C "$work/build" --strip-components=1
upstream=${source_version%%-*}

# 2. Compile, with the official Dockerfile's ./configure line.
log "compiling httpd $upstream"
(
    cd "$work/build"
    arch=$(dpkg-architecture --query DEB_BUILD_GNU_TYPE)
    CFLAGS=$(dpkg-buildflags --get CFLAGS)
    CPPFLAGS=$(dpkg-buildflags --get CPPFLAGS)
    LDFLAGS=$(dpkg-buildflags --get LDFLAGS)
    nice -n 10 ./configure --build="$arch" --prefix="$prefix" \
        --enable-mods-shared=reallyall --enable-mpms-shared=all --enable-pie --with-lua=/usr \
        CFLAGS="-pipe $CFLAGS -g0" CPPFLAGS="$CPPFLAGS" LDFLAGS="-Wl,--as-needed $LDFLAGS"
    nice -n 10 make -j "$(nproc)"
    make install DESTDIR="$work/stage"
) >"$work/build.log" 2>&1 || {
    tail -n 20 "$work/build.log" >&2
    die "httpd $upstream could not be compiled."
}
stage=$work/stage$prefix
[[ -x $stage/bin/httpd ]] || die "make install left no $prefix/bin/httpd."
rm -rf -- "${stage:?}/man" "$stage/manual"
find "$stage/modules" "$stage/bin" -type f -exec sh -c 'strip --strip-unneeded "$1" 2>/dev/null || :' _ {} \;
sed -ri \
    -e 's!^(\s*CustomLog)\s+\S+!\1 /proc/self/fd/1!g' \
    -e 's!^(\s*ErrorLog)\s+\S+!\1 /proc/self/fd/2!g' \
    -e 's!^(\s*TransferLog)\s+\S+!\1 /proc/self/fd/1!g' \
    "$stage/conf/httpd.conf" "$stage/conf/extra/httpd-ssl.conf"
mkdir -p "$work/stage/usr/local/bin"
cat >"$work/stage/usr/local/bin/httpd-foreground" <<'EOF'
#!/bin/sh
set -e

# Apache gets grumpy about PID files pre-existing
rm -f /usr/local/apache2/logs/httpd.pid

exec httpd -DFOREGROUND "$@"
EOF
chmod 755 "$work/stage/usr/local/bin/httpd-foreground"

# 3. The Debian packages that hold the libraries it needs, and nothing else.
mapfile -t libs < <(find "$stage/bin" "$stage/modules" -type f -exec ldd {} \; 2>/dev/null |
    awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u)
((${#libs[@]})) || die "ldd found no library that httpd needs."
packages=$(for lib in "${libs[@]}"; do
    real=$(readlink -f "$lib")
    dpkg -S "$real" 2>/dev/null || dpkg -S "${real#/usr}" 2>/dev/null || dpkg -S "$lib" 2>/dev/null ||
        die "no Debian package holds $lib."
done | cut -d: -f1 | sort -u | paste -sd,)
log "making the root file system with $packages"
tar -C "$work/stage" --owner=root:0 --group=root:0 -cf "$work/stage.tar" .
make_root "$work/root.tar" "$packages,libaprutil1-ldap,libldap-common,ca-certificates" \
    --customize-hook="tar-in $work/stage.tar /"
image_from_root "$work/root.tar" "$tag" "$key" <<EOF
LABEL wslb.httpd-source="apache2 $source_version"
ENV HTTPD_PREFIX=$prefix HTTPD_VERSION=$upstream
ENV PATH=$prefix/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
WORKDIR $prefix
STOPSIGNAL SIGWINCH
EXPOSE 80
CMD ["httpd-foreground"]
EOF
docker run --rm --network none "$tag" httpd -t -f "$prefix/conf/httpd.conf" -C 'ServerName localhost' >"$work/t.log" 2>&1 || {
    cat "$work/t.log" >&2
    die "httpd -t fails in the new image."
}
save_image "$tag" "$name" "$key"
