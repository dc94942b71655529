"""A minimal client of the PostgreSQL protocol (simple queries, text format), for the tests.

Rows are kept as the raw bodies of DataRow messages: two answers are equal when the multisets of these bytes are,
which costs nothing per value. The same code talks to weir and to PostgreSQL.
"""
import collections
import socket
import struct


class SqlError(Exception):
    def __init__(self, sqlstate, message):
        super().__init__(f"{sqlstate}: {message}")
        self.sqlstate = sqlstate
        self.message = message


class Disconnected(Exception):
    """The server has gone; whether the statement took effect is unknown."""


class Answer:
    def __init__(self):
        self.names = []
        self.oids = []
        self.raw = []  # bodies of DataRow
        self.tag = ""

    def bag(self):
        return collections.Counter(self.raw)

    def rows(self):
        return [decode(body) for body in self.raw]


def decode(body):
    """The values of one row: str, or None for NULL."""
    (count,) = struct.unpack_from("!H", body)
    at, out = 2, []
    for _ in range(count):
        (length,) = struct.unpack_from("!i", body, at)
        at += 4
        if length < 0:
            out.append(None)
        else:
            out.append(body[at:at + length].decode())
            at += length
    return tuple(out)


def conninfo(text):
    return dict(part.split("=", 1) for part in text.split())


class Link:
    def __init__(self, host="127.0.0.1", port=5432, user="root", dbname="dev", timeout=60, **_):
        try:
            self.socket = socket.create_connection((host, int(port)), timeout=timeout)
        except OSError as e:
            raise Disconnected(str(e)) from e
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        body = struct.pack("!i", 196608) + b"".join(
            s.encode() + b"\0" for s in ("user", user, "database", dbname, "client_encoding", "UTF8")) + b"\0"
        self._send(struct.pack("!i", len(body) + 4) + body)
        self._finish(Answer())

    def close(self):
        self.socket.close()

    def query(self, sql):
        """Runs one simple query (may hold several statements); the last answer; raises SqlError, Disconnected."""
        data = sql.encode() + b"\0"
        self._send(b"Q" + struct.pack("!i", len(data) + 4) + data)
        return self._finish(Answer())

    def copy_in(self, sql, rows):
        """COPY FROM STDIN; rows: an iterable of bytes chunks."""
        data = sql.encode() + b"\0"
        self._send(b"Q" + struct.pack("!i", len(data) + 4) + data)
        return self._finish(Answer(), rows)

    def rows(self, sql):
        return self.query(sql).rows()

    def value(self, sql):
        return self.rows(sql)[0][0]

    def _send(self, data):
        try:
            self.socket.sendall(data)
        except OSError as e:
            raise Disconnected(str(e)) from e

    def _more(self):
        try:
            data = self.socket.recv(1 << 18)
        except OSError as e:
            raise Disconnected(str(e)) from e
        if not data:
            raise Disconnected("connection closed")
        return data

    def _finish(self, answer, copy=None):
        """Reads up to ReadyForQuery."""
        error = None
        buffer, at = self.buffer, 0
        while True:
            while len(buffer) - at < 5 or len(buffer) - at < 1 + struct.unpack_from("!I", buffer, at + 1)[0]:
                if at:
                    buffer, at = buffer[at:], 0
                buffer += self._more()
            kind = buffer[at]
            (length,) = struct.unpack_from("!I", buffer, at + 1)
            body = buffer[at + 5:at + 1 + length]
            at += 1 + length
            if kind == 68:  # D
                answer.raw.append(body)
            elif kind == 84:  # T
                answer.names, answer.oids, answer.raw = [], [], []
                (count,) = struct.unpack_from("!H", body)
                p = 2
                for _ in range(count):
                    end = body.index(0, p)
                    answer.names.append(body[p:end].decode())
                    answer.oids.append(struct.unpack_from("!I", body, end + 7)[0])
                    p = end + 19
            elif kind == 67:  # C
                answer.tag = body[:-1].decode()
            elif kind == 69:  # E
                fields = {f[:1]: f[1:].decode() for f in body.split(b"\0") if f}
                error = SqlError(fields.get(b"C", "?????"), fields.get(b"M", ""))
            elif kind == 71:  # G: the server waits for COPY data
                for chunk in copy or ():
                    self._send(b"d" + struct.pack("!i", len(chunk) + 4) + chunk)
                self._send(b"c" + struct.pack("!i", 4))
            elif kind == 82 and struct.unpack_from("!i", body)[0] != 0:
                raise SqlError("28000", "the server wants a password")
            elif kind == 90:  # Z
                self.status = body[:1].decode()
                self.buffer = buffer[at:]
                break
        if error:
            raise error
        return answer
