"""Publishes as services on librdkafka do: publish.py <brokers> <topic> <admin>."""

import json
import sys

from confluent_kafka import Producer

brokers, topic, admin = sys.argv[1:]
producer = Producer({"bootstrap.servers": brokers})
failed = []


def delivered(error, message):
    if error is not None:
        failed.append(error)


event = {"id": "librdkafka-json", "type": "CLAIM_FILED", "targets": [f"admin:{admin}"], "title": "반품 접수 🔥"}
producer.produce(topic, f"{admin}:파이썬에서 보낸 글", on_delivery=delivered)
producer.produce(topic, json.dumps(event), on_delivery=delivered)  # \uXXXX: plain ASCII
event |= {"id": "librdkafka-utf8"}
producer.produce(topic, json.dumps(event, ensure_ascii=False), key=f"admin:{admin}", on_delivery=delivered)
if producer.flush(30) or failed:
    sys.exit(f"not published: {failed}")
