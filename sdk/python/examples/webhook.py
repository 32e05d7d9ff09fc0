"""Receives webhooks and verifies their signatures: python examples/webhook.py SECRET"""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from tickerq import verify_webhook


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        # The bytes as received: JSON that was parsed and serialized again may differ.
        body = self.rfile.read(int(self.headers["Content-Length"]))
        is_genuine = verify_webhook(body, self.headers["X-TickerQ-Signature"], sys.argv[1])
        self.send_response(200 if is_genuine else 401)
        self.end_headers()
        if is_genuine:
            print(body.decode(), flush=True)


server = HTTPServer(("127.0.0.1", 0), Receiver)
print(f"http://127.0.0.1:{server.server_port}/", flush=True)
server.serve_forever()
