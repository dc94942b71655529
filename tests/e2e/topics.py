"""Kafka for the end-to-end tests: topics, a transactional writer, what a read_committed consumer sees."""
import collections
import json
import os
import subprocess
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

BOOTSTRAP = os.environ.get("WEIR_KAFKA", "")
STACK = os.path.join(os.path.dirname(__file__), "..", "kafka", "stack.sh")

Message = collections.namedtuple("Message", "partition offset key value commit timestamp")


def broker(verb):
    """up, down, kill: the broker under test."""
    done = subprocess.run([STACK, verb], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    if done.returncode:
        raise RuntimeError(f"stack.sh {verb}: {done.stdout}")


def quiet(_):
    """librdkafka reports a broker that is away on purpose."""


def create(partitions, *names):
    admin = AdminClient({"bootstrap.servers": BOOTSTRAP, "error_cb": quiet, "log_level": 0})
    for future in admin.create_topics([NewTopic(name, partitions, 1) for name in names]).values():
        future.result(30)


class Writer:
    """Writes in transactions; what is aborted must never be seen."""

    def __init__(self, name):
        self.producer = Producer({"bootstrap.servers": BOOTSTRAP, "transactional.id": name, "linger.ms": 2,
                                  "transaction.timeout.ms": 60000, "error_cb": quiet, "log_level": 0})
        self.producer.init_transactions(30)

    def begin(self):
        self.producer.begin_transaction()

    def put(self, topic, key, value, partition=-1):
        key = key if key is None or isinstance(key, bytes) else json.dumps(key).encode()
        value = value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
        while True:
            try:
                return self.producer.produce(topic, key=key, value=value, partition=partition)
            except BufferError:
                self.producer.poll(0.05)

    def commit(self):
        self.producer.commit_transaction(30)

    def abort(self):
        self.producer.flush(30)  # an abort of what has not been sent confuses librdkafka's sequence numbers
        self.producer.abort_transaction(30)


def consumer(**more):
    return Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": f"reader-{os.getpid()}-{time.monotonic_ns()}",
                     "isolation.level": "read_committed", "enable.partition.eof": True, "enable.auto.commit": False,
                     "error_cb": quiet, "log_level": 0, **more})


def assign(reader, topic):
    partitions = reader.list_topics(topic, 10).topics[topic].partitions
    reader.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in partitions])
    return len(partitions)


def unpack(message):
    headers = dict(message.headers() or [])
    commit = headers.get("weir.commit", b"0 0 -").split()
    return Message(message.partition(), message.offset(), message.key(), message.value(), int(commit[0]),
                   message.timestamp()[1])


def contents(topic):
    """All committed messages, by partition and offset."""
    reader = consumer()
    open_ends, found = assign(reader, topic), []
    until = time.monotonic() + 120
    while open_ends:
        if time.monotonic() > until:
            raise RuntimeError(f"topic {topic} could not be read to its end")
        for message in reader.consume(1000, 1):
            if message.error() is None:
                found.append(unpack(message))
            elif message.error().code() == KafkaError._PARTITION_EOF:
                open_ends -= 1
    reader.close()
    return sorted(found, key=lambda message: message[:2])
