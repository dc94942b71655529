"""ClickHouse as a library in a process of its own (clickhouse.c)."""
import os
import shutil
import subprocess
import tempfile


class ClickHouseError(Exception):
    pass


class ClickHouse:
    def __init__(self, library):
        self.directory = tempfile.mkdtemp(prefix="weir-clickhouse-", dir=os.environ.get("WEIR_WORK"))
        program = os.path.join(self.directory, "clickhouse")
        source = os.path.join(os.path.dirname(__file__), "clickhouse.c")
        subprocess.run(["cc", "-std=gnu17", "-O1", source, "-o", program, "-ldl"], check=True)
        # Two threads for all Kafka tables would be the default.
        self.process = subprocess.Popen(
            [program, library, "--path=" + os.path.join(self.directory, "data"),
             "--background_message_broker_schedule_pool_size=16"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(os.path.join(self.directory, "log"), "wb"))

    def query(self, sql):
        """Rows as tuples of text; None is NULL."""
        self.process.stdin.write(sql.encode() + b"\0")
        self.process.stdin.flush()
        head = self.process.stdout.readline().split()
        if not head:
            raise ClickHouseError("ClickHouse has ended")
        text = self.process.stdout.read(int(head[1])).decode()
        if head[0] != b"ok":
            raise ClickHouseError(text)
        return [tuple(None if v == "\\N" else v for v in line.split("\t")) for line in text.splitlines()]

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)
