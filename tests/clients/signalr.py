"""The SignalR client `signalrcore` over one transport and one encoding: python signalr.py URL TRANSPORT ENCODING"""

import json
import queue
import sys
import urllib.request

from signalrcore.hub_connection_builder import HubConnectionBuilder
from signalrcore.types import HttpTransportType, HubProtocolEncoding

PATIENCE = 30

url, transport, encoding = sys.argv[1:]
opened, joined, statuses, errors = (queue.Queue() for _ in range(4))
connection = (
    HubConnectionBuilder()
    .with_url(f"{url}/api/tickerq/hub", options={"transport": HttpTransportType[transport]})
    .with_hub_protocol(HubProtocolEncoding[encoding])
    .build()
)
connection.on_open(lambda: opened.put(True))
connection.on_error(errors.put)
connection.on("JobStatusChanged", statuses.put)
connection.start()
opened.get(timeout=PATIENCE)

connection.send("JoinGroup", ["job-updates"], joined.put)
joined.get(timeout=PATIENCE)
request = urllib.request.Request(
    f"{url}/api/tickerq/jobs",
    data=json.dumps({"type": "NoopJob"}).encode(),
    headers={"Content-Type": "application/json"},
)
with urllib.request.urlopen(request) as response:
    created = json.load(response)["jobId"]
received = [statuses.get(timeout=PATIENCE)[:2] for _ in range(3)]
assert received == [[created, status] for status in ("pending", "running", "completed")], received
connection.stop()
assert errors.empty(), errors.get()
print("ok")
