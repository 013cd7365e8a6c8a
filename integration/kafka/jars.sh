#!/usr/bin/env bash
# jars.sh: prints a folder with the jars of the Apache Kafka that pom.xml names.
#
# The first time Maven fetches them (55 MB) into ${UNDERSTUDY_KAFKA_JARS:-~/.cache/understudy/kafka}, and again when
# pom.xml has changed. Nothing else is downloaded, nothing is installed.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
jars=${UNDERSTUDY_KAFKA_JARS:-${XDG_CACHE_HOME:-$HOME/.cache}/understudy/kafka}

fail() { echo "jars.sh: $*" >&2; exit 1; }

[ ! -d "$jars" ] || cmp -s "$jars/pom.xml" "$here/pom.xml" || rm -rf "$jars"
if [ ! -d "$jars" ]; then
  command -v mvn >/dev/null || fail "Maven is needed to fetch the jars of Apache Kafka: install it (Debian: maven), or set UNDERSTUDY_KAFKA_JARS to a folder that another machine has filled"
  new=$jars.$$ # so that the folder is whole or not there
  mkdir -p "$new"
  mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$new" >&2 ||
    { rm -rf "$new"; fail "Maven could not fetch the jars; its words are above"; }
  cp "$here/pom.xml" "$new/pom.xml"
  mv "$new" "$jars"
fi
echo "$jars"
