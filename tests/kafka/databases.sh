#!/bin/sh
# Source databases for Debezium: PostgreSQL 15 with logical decoding, MariaDB with row based binary logs.
#
#   databases.sh up DIR PGPORT MARIAPORT    start both over DIR
#   databases.sh down DIR                   stop them
#
# The database is `shop`; users are postgres without password, and root without and dbz with the password dbz.
# Prints "SKIP: reason" and exits with 77 where a part cannot be had.
set -eu

bin=/usr/lib/postgresql/15/bin

skip() {
    echo "SKIP: $1"
    exit 77
}

# PostgreSQL refuses to run as root.
as() {
    if [ "$(id -u)" = 0 ]; then su postgres -s /bin/sh -c "$1"; else sh -c "$1"; fi
}

postgres() { # port
    [ -x "$bin/postgres" ] || skip "no PostgreSQL 15 (apt-get install postgresql-15)"
    mkdir -p "$dir/pg"
    [ "$(id -u)" != 0 ] || chown postgres "$dir/pg"
    [ -e "$dir/pg/data" ] ||
        as "$bin/initdb -D $dir/pg/data -U postgres --locale=C.UTF-8 -E UTF8 -A trust -N >$dir/pg/initdb.log 2>&1"
    as "$bin/pg_ctl -D $dir/pg/data -w -s -l $dir/pg/log -o '-p $1 -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
        -c wal_level=logical -c max_replication_slots=32 -c max_wal_senders=32 -c fsync=off -c shared_buffers=32MB -c timezone=UTC' start"
}

mariadb() { # port
    command -v mariadbd >/dev/null || skip "no MariaDB (apt-get install mariadb-server)"
    user=$([ "$(id -u)" = 0 ] && echo --user=mysql || true)
    mkdir -p "$dir/maria"
    if [ ! -e "$dir/maria/data" ]; then
        [ "$(id -u)" != 0 ] || chown mysql "$dir/maria"
        # shellcheck disable=SC2086
        mariadb-install-db --no-defaults $user --datadir="$dir/maria/data" --auth-root-authentication-method=normal \
            --skip-test-db >"$dir/maria/install.log" 2>&1
    fi
    # shellcheck disable=SC2086
    setsid mariadbd --no-defaults $user --datadir="$dir/maria/data" --port="$1" --bind-address=127.0.0.1 \
        --socket="$dir/maria/socket" --pid-file="$dir/maria/pid" --server-id=1 --log-bin=binlog --binlog-format=ROW \
        --binlog-row-image=FULL --default-time-zone=+00:00 --innodb-buffer-pool-size=16M --skip-name-resolve \
        >"$dir/maria/log" 2>&1 </dev/null &
    for _ in $(seq 300); do
        mariadb-admin --no-defaults -u root --socket="$dir/maria/socket" ping >/dev/null 2>&1 && break
        sleep 0.1
    done
    mariadb-admin --no-defaults -u root --socket="$dir/maria/socket" ping >/dev/null 2>&1 ||
        skip "MariaDB did not get ready (see $dir/maria/log)"
    command mariadb --no-defaults -u root --socket="$dir/maria/socket" -e "
        CREATE DATABASE IF NOT EXISTS shop;
        CREATE USER IF NOT EXISTS dbz@'127.0.0.1' IDENTIFIED BY 'dbz';
        GRANT SELECT, RELOAD, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT, LOCK TABLES ON *.* TO dbz@'127.0.0.1';"
}

dir=${2:-}
case ${1:-} in
up)
    mkdir -p "$dir"
    chmod 755 "$dir"
    postgres "$3"
    mariadb "$4"
    ;;
down)
    [ ! -e "$dir/pg/data/postmaster.pid" ] || as "$bin/pg_ctl -D $dir/pg/data -m immediate -s stop" || true
    [ ! -s "$dir/maria/pid" ] || kill "$(cat "$dir/maria/pid")" 2>/dev/null || true
    ;;
*)
    echo "usage: databases.sh up DIR PGPORT MARIAPORT | down DIR" >&2
    exit 2
    ;;
esac
