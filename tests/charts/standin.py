"""A stand-in for Kubernetes' API server on loopback: it keeps objects and hands them out. No cluster: nothing acts on them.

It serves what Helm asks for: discovery, and create, read, list, apply, patch, replace and delete of objects by their path.
"""

import copy
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import yaml

# Group and version: resource, kind.
KINDS = {
    "v1": [("configmaps", "ConfigMap"), ("pods", "Pod"), ("secrets", "Secret"), ("serviceaccounts", "ServiceAccount"), ("services", "Service")],
    "apps/v1": [("deployments", "Deployment"), ("statefulsets", "StatefulSet")],
    "policy/v1": [("poddisruptionbudgets", "PodDisruptionBudget")],
    "networking.k8s.io/v1": [("networkpolicies", "NetworkPolicy")],
    "cilium.io/v2": [("ciliumnetworkpolicies", "CiliumNetworkPolicy")],
    "monitoring.coreos.com/v1alpha1": [("alertmanagerconfigs", "AlertmanagerConfig")],
    "monitoring.coreos.com/v1": [("podmonitors", "PodMonitor"), ("prometheusrules", "PrometheusRule"), ("servicemonitors", "ServiceMonitor")],
}
VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]
PATH = re.compile(r"^/(?:api/(?P<core>v1)|apis/(?P<group>[^/]+/[^/]+))/namespaces/(?P<namespace>[^/]+)/(?P<resource>[a-z]+)(?:/(?P<name>[^/]+))?$")


def merged(old, new):
    """A JSON merge patch (RFC 7396)."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    out = {key: value for key, value in old.items() if key not in new}
    out.update({key: merged(old.get(key), value) for key, value in new.items() if value is not None})
    return out


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, body, status=200):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def refuse(self, status, reason):
        self.answer({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": status, "message": f"{reason}: {self.path}"}, status)

    def body(self):
        return yaml.safe_load(self.rfile.read(int(self.headers.get("content-length", 0))) or b"null")

    def discovery(self, path):
        groups = {}
        for known in sorted(version for version in KINDS if "/" in version):
            group, version = known.split("/")
            groups.setdefault(group, []).append({"groupVersion": known, "version": version})
        if path == "/version":
            return {"major": "1", "minor": "36", "gitVersion": "v1.36.0"}
        if path == "/api":
            return {"kind": "APIVersions", "versions": ["v1"]}
        if path == "/apis":
            each = [{"name": group, "versions": versions, "preferredVersion": versions[0]} for group, versions in groups.items()]
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": each}
        known = KINDS.get(path.removeprefix("/apis/").removeprefix("/api/"))
        resources = [{"name": name, "singularName": kind.lower(), "namespaced": True, "kind": kind, "verbs": VERBS} for name, kind in known or []]
        return known and {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": path.split("/", 2)[2], "resources": resources}

    def do_GET(self):
        path, _, query = self.path.partition("?")
        where = PATH.match(path)
        if path == "/openapi/v2":
            # A document without definitions: what there is to be said of the objects kubernetes-validate says.
            self.send_response(200)
            self.send_header("content-type", "application/com.github.proto-openapi.spec.v2.v1.0+protobuf")
            self.send_header("content-length", "0")
            return self.end_headers()
        if not where:
            found = self.discovery(path)
            return self.answer(found) if found else self.refuse(404, "NotFound")
        with self.server.lock:
            kept = self.server.kept
            if where["name"]:
                found = kept.get(path)
                return self.answer(found) if found else self.refuse(404, "NotFound")
            inside = [each for at, each in sorted(kept.items()) if at.startswith(path + "/")]
        wanted = dict(re.findall(r"(\w+)(?:=|%3D)([\w.-]+)(?:,|%2C|&|$)", query.partition("labelSelector=")[2]))
        fits = lambda each: wanted.items() <= each["metadata"].get("labels", {}).items()
        return self.answer({"kind": "List", "apiVersion": where["core"] or where["group"], "metadata": {"resourceVersion": "1"}, "items": [each for each in inside if fits(each)]})

    def do_POST(self):
        path, body = self.path.partition("?")[0], self.body()
        at = f"{path}/{body['metadata']['name']}"
        with self.server.lock:
            if at in self.server.kept:
                return self.refuse(409, "AlreadyExists")
            return self.answer(self.keep(at, body), 201)

    def do_PUT(self):
        path, body = self.path.partition("?")[0], self.body()
        with self.server.lock:
            if path not in self.server.kept:
                return self.refuse(404, "NotFound")
            return self.answer(self.keep(path, body))

    def do_PATCH(self):
        path, body = self.path.partition("?")[0], self.body()
        applies = "apply" in self.headers.get("content-type", "")
        with self.server.lock:
            old = self.server.kept.get(path)
            if old is None and not applies:
                return self.refuse(404, "NotFound")
            # Helm owns all fields here, so that what it applies is all there is.
            return self.answer(self.keep(path, body if applies else merged(old, body)))

    def do_DELETE(self):
        path = self.path.partition("?")[0]
        self.body()
        with self.server.lock:
            gone = self.server.kept.pop(path, None)
        return self.answer({"kind": "Status", "status": "Success"}) if gone else self.refuse(404, "NotFound")

    def keep(self, at, body):
        kept = copy.deepcopy(body)
        self.server.count += 1
        kept["metadata"].update(resourceVersion=str(self.server.count), uid=at, namespace=PATH.match(at)["namespace"])
        self.server.kept[at] = kept
        return kept


class Server:
    """The stand-in while it serves."""

    def __enter__(self):
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.lock, self.http.kept, self.http.count = threading.Lock(), {}, 0
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.kubeconfig = yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "clusters": [{"name": "it", "cluster": {"server": self.url}}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it", "namespace": "mail"}}],
            "users": [{"name": "it", "user": {}}],
        })
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()

    def objects(self):
        """All but Helm's own records."""
        with self.http.lock:
            kept = copy.deepcopy(self.http.kept)
        return [each for _, each in sorted(kept.items()) if each.get("type") != "helm.sh/release.v1"]
