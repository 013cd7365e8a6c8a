#!/usr/bin/env bash
# jars.sh: prints a folder with the jars of the Apache Kafka that pom.xml names.
#
#   jars.sh [POM]     another pom.xml than the one beside this script
#
# The first time Maven fetches them (55 MB) into ${UNDERSTUDY_KAFKA_JARS:-~/.cache/understudy/kafka}, and again when
# pom.xml has changed; those of another POM into the same name with its version behind it. Nothing else is downloaded,
# nothing is installed.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
pom=${1:-$here/pom.xml}
jars=${UNDERSTUDY_KAFKA_JARS:-${XDG_CACHE_HOME:-$HOME/.cache}/understudy/kafka}
[ $# -eq 0 ] || jars+=-$(sed -n 's|.*<kafka.version>\(.*\)</kafka.version>.*|\1|p' "$pom")

fail() { echo "jars.sh: $*" >&2; exit 1; }

[ ! -d "$jars" ] || cmp -s "$jars/pom.xml" "$pom" || rm -rf "$jars"
if [ ! -d "$jars" ]; then
  command -v mvn >/dev/null || fail "Maven is needed to fetch the jars of Apache Kafka: install it (Debian: maven), or set UNDERSTUDY_KAFKA_JARS to a folder that another machine has filled"
  new=$jars.$$ # so that the folder is whole or not there
  mkdir -p "$new"
  mvn -q -B -f "$pom" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$new" >&2 ||
    { rm -rf "$new"; fail "Maven could not fetch the jars; its words are above"; }
  cp "$pom" "$new/pom.xml"
  mv "$new" "$jars"
fi
echo "$jars"
