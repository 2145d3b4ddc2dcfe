"""A validating admission webhook that a real API server calls over HTTPS."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable, Sequence
from threading import Thread
from typing import Any, Self

import orjson
import trustme

from tests.loopback.server import LoopbackHandler, LoopbackServer

Json = dict[str, Any]
Decision = Callable[[Json], str]
"""The reason to deny a request, "" to allow it."""


class AdmissionWebhook:
    """The webhook `probes.example.com`.

    `decide` gets the request of the review and may wait. `requests` are the requests so far, as `VERB RESOURCE NAMESPACE`.
    """

    def __init__(self, decide: Decision) -> None:
        self.decide = decide
        self.requests: list[str] = []
        self._authority = trustme.CA()
        self._server = _WebhookServer(("127.0.0.1", 0), _WebhookHandler)
        self._server.webhook = self
        self._server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert("127.0.0.1").configure_cert(self._server.tls)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
        self._thread.join(10)

    def configuration(self, namespace: str, *rules: Json) -> Json:
        """The ValidatingWebhookConfiguration for requests in one namespace."""
        bundle = base64.b64encode(self._authority.cert_pem.bytes()).decode()
        client = {"url": f"https://127.0.0.1:{self._server.server_address[1]}/", "caBundle": bundle}
        return webhook_configuration(namespace, client, rules)


def webhook_configuration(namespace: str, client: Json, rules: Sequence[Json]) -> Json:
    """A ValidatingWebhookConfiguration that fails requests if the webhook does not answer."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": f"probes-{namespace}"},
        "webhooks": [
            {
                "name": "probes.example.com",
                "clientConfig": client,
                "rules": list(rules),
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "failurePolicy": "Fail",
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "timeoutSeconds": 10,
            }
        ],
    }


def rule(resource: str, *operations: str) -> Json:
    """A rule of a webhook or policy for one resource."""
    plural, _, group = resource.partition(".")
    return {"operations": list(operations), "apiGroups": [group], "apiVersions": ["v1"], "resources": [plural]}


class _WebhookServer(LoopbackServer):
    webhook: AdmissionWebhook
    tls: ssl.SSLContext


class _WebhookHandler(LoopbackHandler):
    server: _WebhookServer

    def setup(self) -> None:
        super().setup()
        self.secure(self.server.tls)
        self.open_files()

    def do_POST(self) -> None:  # noqa: N802 - the name that the base class requires
        review = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
        request, webhook = review["request"], self.server.webhook
        webhook.requests.append(f"{request['operation']} {request['resource']['resource']} {request['namespace']}")
        reason = webhook.decide(request)
        answer: Json = {"uid": request["uid"], "allowed": not reason}
        if reason:
            answer["status"] = {"message": reason}
        body = orjson.dumps({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": answer})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
