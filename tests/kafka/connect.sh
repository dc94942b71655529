#!/bin/sh
# Kafka Connect with Debezium's connectors for tests, beside the broker of stack.sh.
#
#   connect.sh up      start it (does nothing if it runs); prints its REST address
#   connect.sh down    stop it
#
# WEIR_STACK, WEIR_STACK_PORT and WEIR_CACHE as in stack.sh; the worker listens three ports above the broker.
# Prints "SKIP: reason" and exits with 77 where a part cannot be had.
set -eu

here=$(dirname "$0")
cache=${WEIR_CACHE:-/var/cache/weir}
work=${WEIR_STACK:-/tmp/weir-stack}
port=${WEIR_STACK_PORT:-19092}
rest=127.0.0.1:$((port + 3))

skip() {
    echo "SKIP: $1"
    exit 77
}

pid() {
    [ -s "$work/connect.pid" ] || return 1
    p=$(cat "$work/connect.pid")
    tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null | grep -q "$work/connect.properties" && echo "$p"
}

# Scanning for plugins costs a quarter of a minute and half a gigabyte; service files name them at once.
configure() {
    cat >"$work/connect.properties" <<PROPERTIES
bootstrap.servers=127.0.0.1:$port
group.id=connect
listeners=http://$rest
plugin.path=$1
plugin.discovery=service_load
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
config.storage.topic=_connect_configs
offset.storage.topic=_connect_offsets
status.storage.topic=_connect_status
config.storage.replication.factor=1
offset.storage.replication.factor=1
status.storage.replication.factor=1
offset.storage.partitions=1
status.storage.partitions=1
offset.flush.interval.ms=1000
scheduled.rebalance.max.delay.ms=0
PROPERTIES
}

up() {
    "$here/stack.sh" up >/dev/null || { "$here/stack.sh" up; exit 77; }
    if ! pid >/dev/null; then
        plugins=$("$here/parts.sh" debezium) || { echo "$plugins"; exit 77; }
        configure "$plugins"
        jars=$(ls -d "$cache"/kafka-* | tail -n 1)
        setsid java -Xms64m -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData \
            -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$jars/*" \
            org.apache.kafka.connect.cli.ConnectDistributed "$work/connect.properties" >"$work/connect.log" 2>&1 </dev/null &
        echo $! >"$work/connect.pid"
        sleep 0.2
    fi
    for _ in $(seq 900); do
        pid >/dev/null || skip "Kafka Connect ended while starting (see $work/connect.log)"
        curl -sf "http://$rest/connectors" >/dev/null && break
        sleep 0.1
    done
    curl -sf "http://$rest/connectors" >/dev/null || skip "Kafka Connect did not get ready (see $work/connect.log)"
    echo "http://$rest"
}

down() {
    p=$(pid) || return 0
    kill "$p" 2>/dev/null || true
    for _ in $(seq 100); do
        pid >/dev/null || break
        sleep 0.1
    done
    p=$(pid) && kill -9 "$p" 2>/dev/null
    rm -f "$work/connect.pid"
}

case ${1:-} in
up) up ;;
down) down ;;
*)
    echo "usage: connect.sh up|down" >&2
    exit 2
    ;;
esac
