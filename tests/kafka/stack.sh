#!/bin/sh
# A real Apache Kafka for tests: one broker, KRaft, no scripts of the distribution.
#
#   stack.sh up      start it (does nothing if it runs); prints the bootstrap address
#   stack.sh down    stop it, data stays
#   stack.sh kill    kill -9
#   stack.sh wipe    stop it and remove its data
#
# WEIR_CACHE (/var/cache/weir): jars, from Maven Central.  WEIR_STACK (/tmp/weir-stack): data, log, pid.
# WEIR_STACK_PORT (19092): the broker; the next port is its controller.
# Prints "SKIP: reason" and exits with 77 where Java or Maven or the jars cannot be had.
set -eu

version=4.3.1
cache=${WEIR_CACHE:-/var/cache/weir}
work=${WEIR_STACK:-/tmp/weir-stack}
port=${WEIR_STACK_PORT:-19092}
jars=$cache/kafka-$version
address=127.0.0.1:$port

skip() {
    echo "SKIP: $1"
    exit 77
}

java_kafka() {
    java -Xms64m -Xmx192m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData \
        -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$jars/*" "$@"
}

fetch() {
    [ -e "$jars/.complete" ] && return
    command -v mvn >/dev/null || skip "no Kafka jars in $jars and no Maven to get them (apt-get install maven)"
    mkdir -p "$jars" 2>/dev/null || skip "cannot write to $cache (set WEIR_CACHE)"
    cat >"$jars/kafka.xml" <<XML
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>t</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$version</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>$version</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>connect-runtime</artifactId><version>$version</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
XML
    mvn -B -q -U -f "$jars/kafka.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$jars" \
        >"$jars/mvn.log" 2>&1 || skip "Maven could not get Kafka $version (see $jars/mvn.log)"
    touch "$jars/.complete"
}

configure() {
    mkdir -p "$work"
    cat >"$work/kafka.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((port + 1))
listeners=PLAINTEXT://$address,CONTROLLER://127.0.0.1:$((port + 1))
advertised.listeners=PLAINTEXT://$address
controller.listener.names=CONTROLLER
log.dirs=$work/kafka
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
log.cleaner.dedupe.buffer.size=2097152
num.network.threads=2
num.io.threads=2
log.index.size.max.bytes=1048576
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
PROPERTIES
    [ -e "$work/kafka/meta.properties" ] ||
        java_kafka kafka.tools.StorageTool format -t "$(head -c16 /dev/urandom | base64 | tr +/ -_ | tr -d =)" \
            -c "$work/kafka.properties" >"$work/format.log" 2>&1
}

# The pid file may be stale, and its number may belong to someone else by now.
pid() {
    [ -s "$work/kafka.pid" ] || return 1
    p=$(cat "$work/kafka.pid")
    tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null | grep -q "$work/kafka.properties" && echo "$p"
}

# Bash's and Python's sockets are not everywhere; the broker's own log tells.
ready() {
    for _ in $(seq 600); do
        pid >/dev/null || skip "Kafka ended while starting (see $work/kafka.log)"
        if command -v kcat >/dev/null; then
            kcat -b "$address" -L -m 2 2>/dev/null | grep -q ' 1 brokers' && return
        else
            grep -qs "Kafka Server started" "$work/kafka.log" && return
        fi
        sleep 0.1
    done
    skip "Kafka did not get ready within a minute (see $work/kafka.log)"
}

up() {
    command -v java >/dev/null || skip "no Java (apt-get install openjdk-17-jre-headless)"
    if ! pid >/dev/null; then
        fetch
        configure
        setsid java -Xms64m -Xmx192m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData \
            -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.log.kafka.server=info \
            -cp "$jars/*" kafka.Kafka "$work/kafka.properties" >"$work/kafka.log" 2>&1 </dev/null &
        echo $! >"$work/kafka.pid"
        sleep 0.2
    fi
    ready
    echo "$address"
}

stop() {
    p=$(pid) || return 0
    kill "-$1" "$p" 2>/dev/null || true
    while pid >/dev/null; do sleep 0.1; done
    rm -f "$work/kafka.pid"
}

case ${1:-} in
up) up ;;
down) stop TERM ;;
kill) stop KILL ;;
wipe)
    stop KILL
    rm -rf "$work"
    ;;
*)
    echo "usage: stack.sh up|down|kill|wipe" >&2
    exit 2
    ;;
esac
