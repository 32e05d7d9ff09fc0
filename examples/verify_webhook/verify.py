"""A webhook receiver in Python 3, without a library.

    TICKERQ_SECRET=webhook-secret-key python3 verify.py 8080
"""

import hashlib
import hmac
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

SECRET = os.environ["TICKERQ_SECRET"]


def verify(body: bytes, signature: str) -> bool:
    """`true` if `signature` signs the exact bytes of `body` with this secret."""
    expected = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode())


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not verify(body, self.headers.get("X-TickerQ-Signature", "")):
            self.send_response(401)
            self.end_headers()
            return
        told = json.loads(body)  # verified first, parsed then
        print(self.headers["webhook-id"], told["event"], told["data"].get("jobId"), flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = HTTPServer(("127.0.0.1", int(sys.argv[1] if len(sys.argv) > 1 else 8080)), Receiver)
    print("listening", flush=True)
    server.serve_forever()
