#!/usr/bin/python3
"""Where the fuzz targets begin: fuzz_seeds.py DIRECTORY makes a folder of inputs per target that are right as they are."""
import glob
import json
import os
import struct
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def varint(n):
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7f | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def blob(data):
    return varint(len(data)) + data


# ---- statements


def statements():
    """The SQL of the sql-tests, a record each, and whole scripts."""
    for path in sorted(glob.glob(os.path.join(ROOT, "sql-tests", "*", "*.slt"))):
        with open(path, encoding="utf-8") as file:
            for record in file.read().split("\n\n"):
                lines = [line for line in record.split("\n") if not line.startswith("#")]
                if lines and lines[0].startswith(("statement", "query")):
                    sql = "\n".join(lines[1:]).split("\n----")[0]
                    if len(sql) > 60:  # the short ones say nothing that the long ones do not
                        yield sql.encode()
    for path in ("demo/pipeline.sql", "tests/format/first/content.sql", "tests/format/shared/content.sql"):
        path = os.path.join(ROOT, path)
        if os.path.exists(path):
            with open(path, "rb") as file:
                yield file.read()


# ---- messages


def messages():
    """Recorded ones, for each of the decoders."""
    for path in sorted(glob.glob(os.path.join(ROOT, "connectors", "testdata", "*.jsonl"))):
        with open(path, encoding="utf-8") as file:
            for line in list(file)[:3]:
                message = json.loads(line)
                key, value = (message.get(part) for part in ("key", "value"))
                for decoder in range(4):
                    yield bytes([decoder]) + (key.encode() + b"\xff" if key else b"") + (value or "").encode()


# ---- clients


def packet(kind, body=b""):
    return kind + struct.pack("!i", len(body) + 4) + body


def clients():
    """Conversations; an odd first byte stands for a good startup packet."""
    def text(t):
        return t.encode() + b"\0"
    parse = packet(b"P", text("s") + text("SELECT $1") + struct.pack("!hi", 1, 23))
    bind = packet(b"B", text("") + text("s") + struct.pack("!hhhi", 1, 0, 1, 1) + b"7" + struct.pack("!hh", 1, 1))
    execute = packet(b"D", b"P" + text("")) + packet(b"E", text("") + struct.pack("!i", 2))
    yield b"\1" + packet(b"Q", text("SELECT 1; SELECT 2")) + packet(b"X")
    yield b"\1" + parse + bind + execute + packet(b"S")
    yield b"\1" + parse + packet(b"D", b"S" + text("s")) + packet(b"C", b"S" + text("s")) + packet(b"H") + packet(b"S")
    yield b"\1" + packet(b"Q", text("COPY t FROM STDIN")) + packet(b"d", b"1\ta\n2\t\\N\n") + packet(b"c")
    yield b"\1" + packet(b"Q", text("COPY t FROM STDIN")) + packet(b"d", b"1\t") + packet(b"f", text("no more"))
    yield b"\0" + struct.pack("!ii", 8, 80877103) + struct.pack("!ii", 41, 196608) + b"user\0root\0database\0dev\0\0" + b"\0" * 9
    yield b"\0" + struct.pack("!iiii", 16, 80877102, 1, 2)


# ---- records of the store (state/record_fuzz.c)


def entry(key, payload, weight=1):
    zigzag = weight << 1 if weight >= 0 else (-weight << 1) - 1
    return varint(len(key)) + varint(len(key)) + varint(len(payload)) + varint(zigzag) + key + payload


def block(rows):
    data, offsets = b"", []
    for row in rows:
        offsets.append(len(data))
        data += entry(*row)
    data += b"\0" * (-len(data) % 4)
    return data + b"".join(struct.pack("<I", at) for at in offsets + [len(offsets)])


def index(keys):
    offsets, at = [], 0
    for key in keys + [b""]:
        offsets.append(at)
        at += len(key)
    return struct.pack("<I", len(keys)) + b"".join(struct.pack("<I", at) for at in offsets) + b"".join(keys)


def manifest(runs):
    out = varint(1) + varint(7) + varint(0) + b"\1" + varint(len(runs))
    for least, most in runs:
        out += b"".join(varint(n) for n in (3, 6, 1, 1000, 90000, 70000, 9, 1)) + bytes(8) + blob(least) + blob(most)
    return out


def records():
    rows = [(b"key%03d" % i, b"payload" * (i % 5), i - 3) for i in range(20)]
    honest = b"".join(bytes([len(k), len(p), w & 255]) + k + p for k, p, w in rows)
    made = [block(rows), index([k for k, _, _ in rows]), bytes(range(64)) * 2, struct.pack("<IQ", 1, 5) + entry(b"k", b"p"), honest,
            manifest([(b"a", b"m"), (b"n", b"z" * 200)]), b"\1" + bytes(8)]
    for which, record in enumerate(made):
        key = bytes(20) if which == 6 else b"key010"
        yield bytes([which, len(key)]) + key + record


# ---- catalog objects (catalog/object_fuzz.c)


def objects():
    def string(t):
        return varint(0) if t is None else varint(len(t) + 1) + t.encode()
    column = varint(1) + string("id") + bytes([2, 0]) + varint(0) + varint(0) + b"\1\0" + string("0")
    options = varint(1) + string("connector") + string("kafka")
    yield (varint(1) + varint(7) + b"\1" + string("public") + string("t") + varint(2) + column + column + varint(1) + varint(0) + b"\0\1" + options +
           string("DEBEZIUM") + string("JSON") + options + string("CREATE TABLE t (id int)") + string(None) + string("public") +
           string("UTC") + varint(2) + varint(3) + varint(4) + varint(9) + bytes(8) + b"\0")


SEEDS = {"parse_fuzz": statements, "decoder_fuzz": messages, "wire_fuzz": clients, "record_fuzz": records, "object_fuzz": objects}


def main():
    for target, make in SEEDS.items():
        folder = os.path.join(sys.argv[1], target)
        os.makedirs(folder, exist_ok=True)
        for number, seed in enumerate(make()):
            with open(os.path.join(folder, f"seed-{number:04}"), "wb") as file:
                file.write(seed)


if __name__ == "__main__":
    main()
