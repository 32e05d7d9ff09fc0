"""Verification of webhooks."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from typing import Mapping, Optional, Union


def verify_webhook(body: Union[bytes, str], signature: Optional[str], secret: str) -> bool:
    """``True`` if this ``X-TickerQ-Signature`` signs the exact bytes of a body. Compares in constant time."""
    if not signature:
        return False
    data = body.encode() if isinstance(body, str) else body
    expected = "sha256=" + hmac.new(secret.encode(), data, hashlib.sha256).hexdigest()
    return hmac.compare_digest(signature.strip().encode(), expected.encode())


def verify_standard_webhook(
    body: Union[bytes, str],
    headers: Mapping[str, str],
    secret: str,
    *,
    tolerance: float = 300.0,
    now: Optional[float] = None,
) -> bool:
    """``True`` if a request has a valid Standard Webhooks signature and its time differs by at most ``tolerance``
    seconds."""
    given = {name.lower(): value for name, value in headers.items()}
    try:
        identity, timestamp = given["webhook-id"], given["webhook-timestamp"]
        signatures = given["webhook-signature"].split(" ")
        if abs((time.time() if now is None else now) - int(timestamp)) > tolerance:
            return False
        key = base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()
    except (KeyError, ValueError, binascii.Error):
        return False
    data = body.encode() if isinstance(body, str) else body
    signed = f"{identity}.{timestamp}.".encode() + data
    expected = b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    return any(hmac.compare_digest(signature.encode(), expected) for signature in signatures)
