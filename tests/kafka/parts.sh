#!/bin/sh
# Parts of the end-to-end tests that come from package registries, kept in WEIR_CACHE (/var/cache/weir).
#
#   parts.sh python      an interpreter with confluent-kafka (PyPI); prints its path
#   parts.sh debezium    Debezium's connectors for PostgreSQL and MariaDB (Maven Central); prints the plugin directory
#   parts.sh clickhouse  ClickHouse as a library (npm); prints the path of libchdb.so
#
# Prints "SKIP: reason" and exits with 77 where a part cannot be had.
set -eu

cache=${WEIR_CACHE:-/var/cache/weir}
debezium=3.5.0.Final
chdb=26.7.3-stable.1
confluent=2.16.1

skip() {
    echo "SKIP: $1"
    exit 77
}

python() {
    venv=$cache/python-confluent-$confluent
    if [ ! -e "$venv/.complete" ]; then
        mkdir -p "$cache" 2>/dev/null || skip "cannot write to $cache (set WEIR_CACHE)"
        /usr/bin/python3 -m venv "$venv" >"$venv.log" 2>&1 || skip "no Python venv (apt-get install python3-venv)"
        "$venv/bin/pip" install -q "confluent-kafka==$confluent" >>"$venv.log" 2>&1 ||
            skip "pip could not get confluent-kafka $confluent (see $venv.log)"
        touch "$venv/.complete"
    fi
    echo "$venv/bin/python"
}

# What the worker itself brings must not be in a plugin's directory.
debezium() {
    plugins=$cache/debezium-$debezium
    if [ ! -e "$plugins/.complete" ]; then
        command -v mvn >/dev/null || skip "no Debezium in $plugins and no Maven to get it (apt-get install maven)"
        for source in postgres mariadb; do
            mkdir -p "$plugins/$source" 2>/dev/null || skip "cannot write to $cache (set WEIR_CACHE)"
            cat >"$plugins/$source.xml" <<XML
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>t</groupId><artifactId>$source</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>io.debezium</groupId><artifactId>debezium-connector-$source</artifactId><version>$debezium</version></dependency>
  </dependencies>
</project>
XML
            mvn -B -q -U -f "$plugins/$source.xml" dependency:copy-dependencies -DincludeScope=runtime \
                -DexcludeGroupIds=org.apache.kafka,org.slf4j,org.xerial.snappy,com.github.luben,org.lz4 \
                -DoutputDirectory="$plugins/$source" >"$plugins/$source.log" 2>&1 ||
                skip "Maven could not get Debezium $debezium (see $plugins/$source.log)"
        done
        touch "$plugins/.complete"
    fi
    echo "$plugins"
}

clickhouse() {
    root=$cache/chdb-$chdb
    library=$root/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so
    if [ ! -e "$root/.complete" ]; then
        command -v npm >/dev/null || skip "no ClickHouse in $root and no npm to get it (apt-get install npm)"
        mkdir -p "$root" 2>/dev/null || skip "cannot write to $cache (set WEIR_CACHE)"
        npm install --prefix "$root" --ignore-scripts --no-audit --no-fund "@chdb/lib-linux-x64-gnu@$chdb" \
            >"$root/npm.log" 2>&1 || skip "npm could not get ClickHouse $chdb (see $root/npm.log)"
        [ -e "$library" ] || library=$(find "$root" -name libchdb.so | head -n 1)
        [ -n "$library" ] || skip "the npm package of ClickHouse $chdb holds no libchdb.so"
        touch "$root/.complete"
    fi
    [ -e "$library" ] || library=$(find "$root" -name libchdb.so | head -n 1)
    echo "$library"
}

case ${1:-} in
python | debezium | clickhouse) "$1" ;;
*)
    echo "usage: parts.sh python|debezium|clickhouse" >&2
    exit 2
    ;;
esac
