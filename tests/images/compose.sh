#!/usr/bin/env bash
# Makes 'docker compose' (v2) work, and prints on standard output the command
# that does:   compose.sh [CACHE-DIRECTORY]      (or WSLB_IMAGE_CACHE=...)
# Where the plugin is missing it is taken from the cache, or built from its Go
# module (about two minutes on two cores), or, without a Go toolchain, Debian's
# docker-compose is installed: v1 on Debian 12, and v1 is 'docker-compose'.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"
WSLB_IMAGE_CACHE=${1:-$WSLB_IMAGE_CACHE}

module=github.com/docker/compose/v2
version=${WSLB_COMPOSE_VERSION:-v2.40.3}
plugins=/usr/local/lib/docker/cli-plugins

have docker || die "the docker command is missing; run engine.sh up first."
works() { docker compose version >/dev/null 2>&1; }
if works; then
    echo "docker compose"
    exit 0
fi
need_root
cache_lock
cached=$WSLB_IMAGE_CACHE/docker-compose-$version-$(uname -m)
if [[ ! -x $cached ]] && have go; then
    log "building docker compose $version from its Go module"
    work=$(mktemp -d)
    trap 'rm -rf -- "$work"' EXIT
    export GOMODCACHE=$work/mod GOCACHE=$work/cache GOFLAGS="-modcacherw -mod=mod -buildvcs=false" CGO_ENABLED=0
    # Not 'go install': it refuses a module whose go.mod has exclude directives.
    if (
        cd "$work"
        src=$(go mod download -json "$module@$version" | sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p')
        [[ -d $src ]] || exit 1
        cp -r -- "$src" src
        chmod -R u+w src
        cd src
        nice -n 10 go build -trimpath -ldflags "-s -w -X $module/internal.Version=$version" -o ../docker-compose ./cmd
    ) >"$work/log" 2>&1; then
        mv -- "$work/docker-compose" "$cached.partial"
        chmod 755 "$cached.partial"
        mv -- "$cached.partial" "$cached"
    else
        tail -n 5 "$work/log" >&2
        log "docker compose $version could not be built; trying Debian's package"
    fi
fi
if [[ -x $cached ]]; then
    mkdir -p "$plugins"
    install -m 755 "$cached" "$plugins/docker-compose"
    works || die "docker compose $version is installed in $plugins, but docker does not find it."
    echo "docker compose"
    exit 0
fi
need_debian
apt_install docker-compose
if works; then
    echo "docker compose"
elif have docker-compose; then
    echo "docker-compose"
else
    die "docker-compose is installed, but no compose command works."
fi
