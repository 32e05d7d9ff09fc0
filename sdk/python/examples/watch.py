"""Prints live updates: python examples/watch.py http://localhost:5000 KEY"""

import sys

from tickerq import TickerQClient

url, key = (sys.argv[1:] + ["http://localhost:5000", ""])[:2]
for message in TickerQClient(url, key).subscribe(["job-status", "system-health"]):
    if message.type == "job-status-changed":
        print(message.data["jobId"], message.data["status"], flush=True)
    elif message.type == "job-progress":
        print(message.data["jobId"], message.data["progress"], flush=True)
    elif message.type == "disconnected":
        print(message.data["reason"], "- reconnecting", flush=True)
    else:
        print(message.type, flush=True)
