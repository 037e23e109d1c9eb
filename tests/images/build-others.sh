#!/usr/bin/env bash
# Builds images that stand in for the official ones of nginx and HAProxy, from Debian's own packages:
#   build-others.sh [CACHE-DIRECTORY]        (or WSLB_IMAGE_CACHE=...)
# Tags: nginx:stable and haproxy:lts. As in those, the program is on PATH, and the system is a slim Debian.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"
# shellcheck source=root.sh
. "$here/root.sh"
WSLB_IMAGE_CACHE=${1:-$WSLB_IMAGE_CACHE}

need_root
need_debian
need_engine
cache_lock
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
for tag in nginx:stable haproxy:lts; do
    package=${tag%:*}
    name=$package-debian
    version=$(need_candidate "$package")
    key=$(cache_key "$version" "${BASH_SOURCE[0]}" "$here/root.sh")
    cached_image "$tag" "$name" "$key" && continue
    apt_install mmdebstrap debian-archive-keyring
    make_root "$work/$package.tar" "$package,ca-certificates"
    image_from_root "$work/$package.tar" "$tag" "$key" <<EOF
LABEL wslb.package="$package $version"
CMD ["sh"]
EOF
    save_image "$tag" "$name" "$key"
done
