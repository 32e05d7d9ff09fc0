"""A webhook receiver in Python 3, without a library.

    TICKERQ_SECRET=webhook-secret-key python3 verify.py 8080
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

SECRET = os.environ["TICKERQ_SECRET"]
KEY = base64.b64decode(SECRET[6:]) if SECRET.startswith("whsec_") else SECRET.encode()


def verify(body: bytes, headers) -> bool:
    """True if one of the signatures is by this key over the exact bytes of `body`, at most five minutes ago."""
    name, sent, signatures = (headers.get("webhook-" + part, "") for part in ("id", "timestamp", "signature"))
    if not sent.isdecimal() or abs(time.time() - int(sent)) > 300:
        return False
    code = hmac.new(KEY, f"{name}.{sent}.".encode() + body, hashlib.sha256).digest()
    expected = b"v1," + base64.b64encode(code)
    return any(hmac.compare_digest(expected, given.encode()) for given in signatures.split(" "))


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not verify(body, self.headers):
            self.send_response(401)
            self.end_headers()
            return
        payload = json.loads(body)  # verify first, then parse
        print(self.headers["webhook-id"], payload["event"], payload["data"].get("jobId"), flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = HTTPServer(("127.0.0.1", int(sys.argv[1] if len(sys.argv) > 1 else 8080)), Receiver)
    print("listening", flush=True)
    server.serve_forever()
