#!/usr/bin/env bash
# image.sh: sees to it that a Docker engine runs and that it holds the image apache/kafka of the version in pom.xml;
# prints the image's name.
#
# Where images can be pulled, that is the official one. Where they cannot, it is built from what package mirrors have:
# Debian (debootstrap), a JRE and the published jars (jars.sh). The built one has what the tests use of the official
# one: /etc/kafka/docker/run, which makes a.b=c of the variable KAFKA_A_B=c and starts the broker, the user appuser and
# Kafka's tools in /opt/kafka/bin.
#
#   image.sh [--build]     --build: do not try to pull, and build it anew
#
# It needs Docker. If its engine does not run, root starts it. To build it also needs root, debootstrap, Java and Maven.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
version=$(sed -n 's|.*<kafka.version>\(.*\)</kafka.version>.*|\1|p' "$here/pom.xml")
tag=apache/kafka:$version
engine_within=60 # seconds until a started engine answers
pull_within=600  # seconds for the whole image
engine_log=/var/log/dockerd.log

fail() { echo "image.sh: $*" >&2; exit 1; }
need() { command -v "$1" >/dev/null || fail "$1 is needed $2: install it (Debian: $3)"; }
root() { [ "$(id -u)" = 0 ] || fail "only root can $1"; }

build=''
case ${1:-} in
'') ;;
--build) build=yes ;;
*) echo "image.sh: unknown option $1; see the head of $0" >&2; exit 2 ;;
esac

# --- the engine

start_engine() {
  local why
  why=$(docker info 2>&1 >/dev/null | tail -1 || true)
  command -v dockerd >/dev/null && [ -z "${DOCKER_HOST:-}" ] && [ "$(id -u)" = 0 ] ||
    fail "no Docker engine answers ($why): start it, let this user use it (group docker), or set DOCKER_HOST"
  # A pid file that a crash has left keeps the engine from starting.
  local pid
  pid=$(cat /var/run/docker.pid 2>/dev/null || true)
  [ -z "$pid" ] || [[ $(readlink "/proc/$pid/exe" 2>/dev/null) == */dockerd ]] || rm -f /var/run/docker.pid
  setsid nohup dockerd >"$engine_log" 2>&1 </dev/null &
  local deadline=$((SECONDS + engine_within))
  until docker info >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || fail "the Docker engine does not answer within $engine_within s; see $engine_log"
    sleep 0.5
  done
}

# --- the image

# build_base makes an image of Debian with a JRE, from the mirror that this machine uses itself.
build_base() { # name, codename
  local mirror # not all of these files need be there
  mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} 2>/dev/null |
    awk '$1 == "deb" && /debian/ { print $2; exit } $1 == "URIs:" && /debian/ { print $2; exit }' || true)
  debootstrap --variant=minbase --include=ca-certificates,bash "$2" "$work/root" ${mirror:+"$mirror"} >"$work/log" 2>&1 ||
    fail "debootstrap failed: $(tail -5 "$work/log")"
  # The engine's own mount of /proc would be missing here, and the JRE's installation reads it.
  mount --bind /proc "$work/root/proc"
  local done=''
  chroot "$work/root" sh -c 'export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends default-jre-headless &&
    apt-get clean && rm -rf /var/lib/apt/lists/*' >"$work/log" 2>&1 && done=yes
  umount "$work/root/proc"
  [ -n "$done" ] || fail "the JRE could not be installed: $(tail -5 "$work/log")"
  tar -C "$work/root" --exclude='./proc/*' --exclude='./sys/*' --exclude='./dev/*' -c . |
    docker import -c 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - "$1" >/dev/null
}

build_image() {
  [ -r /etc/debian_version ] || fail "$tag can neither be pulled nor, on a system that is not Debian, be built; load it from elsewhere: docker save, docker load"
  root "build the image"
  need debootstrap "to build the image" debootstrap
  local codename base
  codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
  base=understudy/debian-jre:$codename
  work=$(mktemp -d)
  trap 'umount "$work/root/proc" 2>/dev/null || true; rm -rf --one-file-system "$work"' EXIT
  docker image inspect "$base" >/dev/null 2>&1 || build_base "$base" "$codename"
  cp -r "$here/image" "$work/context"
  cp -r "$("$here/jars.sh")" "$work/context/libs"
  # The builder of Debian's own package; BuildKit would need a plugin that it lacks.
  DOCKER_BUILDKIT=0 docker build -q -t "$tag" --build-arg BASE="$base" "$work/context" >"$work/log" 2>&1 ||
    fail "docker build failed: $(tail -5 "$work/log")"
}

need docker "to run brokers in containers" docker.io
docker info >/dev/null 2>&1 || start_engine
if [ -n "$build" ]; then
  build_image
elif ! docker image inspect "$tag" >/dev/null 2>&1; then
  timeout "$pull_within" docker pull -q "$tag" >/dev/null 2>&1 || {
    echo "image.sh: $tag cannot be pulled; building it from the published jars" >&2
    build_image
  }
fi
echo "$tag"
