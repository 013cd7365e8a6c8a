"""Send one command and wait for what becomes of it.

    pip install kafka-python msgpack
    python producer.py 127.0.0.1:17500 main videohub-1 5 12
"""
import sys
import time
import uuid
from datetime import datetime, timezone

import msgpack
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

PATIENCE = 10  # seconds


def command(device, kind, wish):
    """To try again, send this very record again: the same ce_id and ce_time
    make a repeat of it, whatever became of the first one."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(uuid.uuid4()),
        "ce_source": "/script/evening",
        "ce_type": kind,
        "ce_time": datetime.now(timezone.utc).isoformat(),
        "ce_subject": device,
        "content-type": "application/msgpack",
    }
    return {
        "key": device.encode(),
        "value": msgpack.packb(wish),
        "headers": [(name, text.encode()) for name, text in headers.items()],
    }


def await_outcome(brokers, at, offset, uid):
    """The outcome is in the partition of the command, behind it."""
    consumer = KafkaConsumer(bootstrap_servers=brokers, fetch_max_wait_ms=100)
    consumer.assign([at])
    consumer.seek(at, offset)
    highest = 0  # what an older primary wrote too late counts for nobody
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for record in consumer.poll(timeout_ms=200).get(at, []):
            headers = {name: text.decode() for name, text in record.headers}
            kind, epoch = headers.get("ce_type"), int(headers.get("ce_epoch", 0))
            if kind == "epoch.opened.v1":
                highest = max(highest, epoch)
            if kind not in ("action.outcome.v1", "command.answer.v1") or epoch < highest:
                continue
            outcome = msgpack.unpackb(record.value)
            if outcome["uid"] == uid:
                return outcome
    raise TimeoutError(f"no outcome of {uid} yet; ask again, or send it again")


def main(brokers, landscape, device, destination, source):
    topic = f"understudy.{landscape}.log"
    wish = {"destination": int(destination), "source": int(source)}
    record = command(device, "crosspoint.take.v1", wish)
    uid = dict(record["headers"])["ce_id"].decode()
    producer = KafkaProducer(bootstrap_servers=brokers, acks="all")
    logged = producer.send(topic, **record).get(timeout=PATIENCE)
    outcome = await_outcome(brokers, TopicPartition(topic, logged.partition), logged.offset, uid)
    print(uid, outcome["outcome"], outcome.get("reason", ""), outcome.get("detail", ""))


if __name__ == "__main__":
    main(*sys.argv[1:])
