#!/usr/bin/env bash
# kafka.sh: one Apache Kafka (KRaft) of one to three brokers on 127.0.0.1, from the published jars; no containers.
#
#   kafka.sh run   [OPTIONS] -- COMMAND...  start it, run COMMAND with UNDERSTUDY_KAFKA=host:port,..., end it
#   kafka.sh start [OPTIONS]                start it and print its brokers as host:port,...
#   kafka.sh stop  [--dir D]                end all its brokers and remove D
#   kafka.sh kill  I [SIGNAL] [--dir D]     send a signal to broker I: KILL (default), TERM, STOP, CONT
#   kafka.sh up    I [--dir D]              start broker I again, on its data
#
#   --brokers N      1 to 3 (default 1)
#   --port P         broker I takes P+10*(I-1) for clients and the next one for its controller (default 27092)
#   --dir D          folder of its data, new for each start (default /tmp/understudy-kafka-P)
#   --set KEY=VALUE  a broker setting, over those written below
#
# It needs Java 17 or newer, and for the first start Maven (see jars.sh).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
start_within=90 # seconds until all brokers answer
stop_within=20  # seconds until a broker that was told to end is killed

fail() { echo "kafka.sh: $*" >&2; exit 1; }
usage() { echo "kafka.sh: $*; see the head of $0" >&2; exit 2; }

# --- the command line

action=${1:-} broker='' signal=KILL
[ $# -gt 0 ] && shift
case $action in
run | start | stop) ;;
kill | up)
  broker=${1:-}
  [[ $broker =~ ^[1-3]$ ]] || usage "$action: which broker, 1 to 3?"
  shift
  if [ "$action" = kill ] && [[ ${1:-} =~ ^[A-Z]+$ ]]; then signal=$1; shift; fi ;;
*) usage "give run, start, stop, kill or up" ;;
esac

brokers=1 port=27092 dir='' settings=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  [ $# -gt 1 ] || usage "$1 needs a value"
  case $1 in
  --brokers) brokers=$2 ;;
  --port) port=$2 ;;
  --dir) dir=$2 ;;
  --set) settings+=("$2") ;;
  *) usage "unknown option $1" ;;
  esac
  shift 2
done
[ "${1:-}" = -- ] && shift
[[ $brokers =~ ^[1-3]$ ]] || usage "--brokers $brokers: give 1 to 3"
[[ $port =~ ^[0-9]{4,5}$ ]] || usage "--port $port: give a number of four or five digits"
dir=${dir:-${TMPDIR:-/tmp}/understudy-kafka-$port}
[ "$action" != run ] || [ $# -gt 0 ] || usage "run: which command? give it behind --"

# --- what it needs

need_java() {
  command -v java >/dev/null || fail "Java is needed: install a JDK or JRE, 17 or newer (Debian: openjdk-17-jre-headless)"
  local version
  version=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -1)
  [ "${version:-0}" -ge 17 ] || fail "Java 17 or newer is needed, and $(command -v java) is ${version:-of an unknown version}"
}

free() { # port
  ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null || fail "port $1 is in use; choose others with --port"
}

# --- one broker

configure() { # broker
  local at=$((port + 10 * ($1 - 1))) replicas=1 in_sync=1
  if [ "$brokers" = 3 ]; then replicas=3 in_sync=2; fi
  cat <<EOC
process.roles=broker,controller
node.id=$1
controller.quorum.voters=$voters
listeners=CLIENTS://127.0.0.1:$at,CONTROLLER://127.0.0.1:$((at + 1))
advertised.listeners=CLIENTS://127.0.0.1:$at
listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=CLIENTS
controller.listener.names=CONTROLLER
log.dirs=$dir/$1/data
auto.create.topics.enable=false
unclean.leader.election.enable=false
default.replication.factor=$replicas
min.insync.replicas=$in_sync
offsets.topic.replication.factor=$replicas
transaction.state.log.replication.factor=$replicas
transaction.state.log.min.isr=$in_sync
group.initial.rebalance.delay.ms=0
EOC
  # Kafka's 9 s until a dead broker counts as gone are long for control; far below 2 s a starved one fences itself.
  if [ "$brokers" -gt 1 ]; then printf '%s\n' broker.session.timeout.ms=2000 broker.heartbeat.interval.ms=300; fi
  printf '%s\n' ${settings[@]+"${settings[@]}"}
}

launch() { # broker
  set -m # a process group of its own: Ctrl-C is for us, and we end it in good order
  nohup java -Xms256m -Xmx512m -Dlog4j2.level=WARN -cp "$(cat "$dir/jars")/*" kafka.Kafka "$dir/$1/server.properties" \
    >>"$dir/$1/log" 2>&1 </dev/null &
  echo $! >"$dir/$1/pid"
  set +m
}

# running says whether broker I lives, and that the process is not another one under its old id.
running() { # broker
  [ -e "$dir/$1/pid" ] && [[ $(ps -o args= -p "$(cat "$dir/$1/pid")" 2>/dev/null) == *"$dir/$1/server.properties"* ]]
}

send() { # broker signal
  if running "$1"; then kill "-$2" "$(cat "$dir/$1/pid")"; fi
}

# --- all of them

each() { for f in "$dir"/[1-3]; do [ ! -d "$f" ] || "$1" "$(basename "$f")" "${@:2}"; done; }

count=0
count_one() { count=$((count + 1)); }
check_one() { running "$1" || fail "broker $1 has ended; its last words:"$'\n'"$(tail -5 "$dir/$1/log")"; }

await_ready() {
  count=0 && each count_one
  local deadline=$((SECONDS + start_within))
  until [ "$(java -cp "$(cat "$dir/jars")/*" org.apache.kafka.tools.BrokerApiVersionsCommand \
    --bootstrap-server "$(cat "$dir/brokers")" 2>/dev/null | grep -c '(id: ')" = "$count" ]; do
    each check_one
    [ "$SECONDS" -lt "$deadline" ] || fail "not all brokers answer within $start_within s; see $dir/*/log"
    sleep 0.2
  done
}

start() {
  need_java
  [ ! -e "$dir" ] || fail "$dir is there already: end that Kafka with '$0 stop --dir $dir', or choose another folder with --dir"
  local jars
  jars=$("$here/jars.sh")
  voters='' addresses=''
  local i at
  for i in $(seq "$brokers"); do
    at=$((port + 10 * (i - 1)))
    free "$at" && free $((at + 1))
    voters+=${voters:+,}$i@127.0.0.1:$((at + 1)) addresses+=${addresses:+,}127.0.0.1:$at
  done
  mkdir -p "$dir"
  echo "$jars" >"$dir/jars"
  echo "$addresses" >"$dir/brokers"
  # An identity of its own for each cluster: a broker that is left of an earlier one cannot join.
  local cluster
  cluster=u$(head -c 15 /dev/urandom | base64 | tr +/ -_)A
  for i in $(seq "$brokers"); do
    mkdir "$dir/$i"
    configure "$i" >"$dir/$i/server.properties"
    java -cp "$jars/*" kafka.tools.StorageTool format -t "$cluster" -c "$dir/$i/server.properties" >"$dir/$i/log" 2>&1 ||
      fail "the folder of broker $i cannot be prepared:"$'\n'"$(tail -5 "$dir/$i/log")"
    launch "$i"
  done
  await_ready
}

await_end() { # broker
  local deadline=$((SECONDS + stop_within))
  while running "$1"; do
    if [ "$SECONDS" -ge "$deadline" ]; then send "$1" KILL; fi
    sleep 0.1
  done
}

stop() {
  each send CONT && each send TERM && each await_end
  rm -rf "$dir"
}

case $action in
start)
  start
  cat "$dir/brokers" ;;
stop)
  [ -e "$dir/brokers" ] || fail "no Kafka of ours in $dir"
  stop ;;
kill)
  running "$broker" || fail "broker $broker of $dir does not run"
  send "$broker" "$signal" ;;
up)
  [ -d "$dir/$broker" ] || fail "no broker $broker in $dir"
  ! running "$broker" || fail "broker $broker of $dir runs already"
  launch "$broker"
  await_ready ;;
run)
  [ ! -e "$dir" ] || fail "$dir is there already: end that Kafka with '$0 stop --dir $dir', or choose another folder with --dir"
  trap 'status=$?; trap "" INT TERM HUP; stop; exit $status' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  start
  UNDERSTUDY_KAFKA=$(cat "$dir/brokers") "$@" ;;
esac
