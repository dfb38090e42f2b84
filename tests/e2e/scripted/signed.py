"""AWS's signatures, worked out anew from what arrived. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>"""

import hashlib
import hmac
import re
from urllib.parse import quote

from .model import need

ACCESS_KEY, SECRET_KEY, REGION, SERVICE = "AKIASCRIPTED", "scripted-secret", "eu-west-1", "bedrock"
AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 Credential=(\S+?)/(\d{8})/(\S+), ?SignedHeaders=(\S+), ?Signature=(\w+)")


def check(request, body):
    given = AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    need(given, "no AWS signature")
    key, day, scope, names, signature = given.groups()
    need(key == ACCESS_KEY and scope == f"{REGION}/{SERVICE}/aws4_request", f"signed for {key} {scope}")
    need({"host", "x-amz-date"} <= set(names.split(";")), f"signed headers {names}")
    # Segments are written in percent signs once for the address, and again for the signature.
    path = quote(request.raw_path.split("?")[0], safe="/-_.~")
    headers = "".join(f"{name}:{' '.join(request.headers[name].split())}\n" for name in names.split(";"))
    digest = hashlib.sha256(body).hexdigest()
    canonical = "\n".join([request.method, path, request.query_string, headers, names, digest])
    told = "\n".join([
        "AWS4-HMAC-SHA256", request.headers["x-amz-date"], f"{day}/{scope}", hashlib.sha256(canonical.encode()).hexdigest(),
    ])
    secret = f"AWS4{SECRET_KEY}".encode()
    for part in (day, *scope.split("/"), told):
        secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
    need(secret.hex() == signature, "the signature does not match")
