"""A stand-in for the Hugging Face hub on this machine: the few endpoints that creating a repository and uploading to it use."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import yaml

TOKEN = "hf_standin"


@dataclass
class Hub:
    """What was put there: repositories with their settings, files by (repository, branch, path), requests in order."""

    address: str = ""
    repositories: dict[str, dict] = field(default_factory=dict)
    branches: list[str] = field(default_factory=list)
    files: dict[tuple[str, str, str], bytes] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    odd: dict[str, tuple[bytes, int]] = field(default_factory=dict)  # answers that are not the hub's own, by end of the path


@contextmanager
def hub() -> Iterator[Hub]:
    """The stand-in, while it lasts."""
    there = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") == "chunked":
                parts = []
                while size := int(self.rfile.readline().strip(), 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def answer(self, content: object, code: int = 200) -> None:
            self.send(json.dumps(content).encode(), code)

        def send(self, text: bytes, code: int) -> None:
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def do(self) -> None:
            body = self.body()
            path = self.path.split("?")[0]
            there.asked.append(f"{self.command} {path}")
            if path.startswith("/object/"):
                there.objects[path.removeprefix("/object/")] = body
                return self.answer({})
            if self.headers.get("Authorization") not in (f"Bearer {TOKEN}", f"Basic {TOKEN}"):
                return self.answer({"error": "Invalid credentials"}, 401)
            for end, (content, code) in there.odd.items():
                if path.endswith(end):
                    return self.send(content, code)
            if path == "/api/whoami-v2":
                return self.answer({"type": "user", "name": "ann", "orgs": [], "auth": {"type": "access_token"}})
            if path == "/api/validate-yaml":  # the hub's own rules are not known here: that it is YAML with a mapping
                head = yaml.safe_load(json.loads(body)["content"].split("---\n")[1])
                return self.answer({"errors": [], "warnings": []}, 200 if isinstance(head, dict) else 400)
            if path == "/api/repos/create":
                asked = json.loads(body)
                name = f"{asked.get('organization') or 'ann'}/{asked['name']}"
                if name.startswith("other/"):
                    return self.answer({"error": "You don't have the rights to create a model under this namespace"}, 403)
                if name in there.repositories:
                    error = {"error": "You already created this model repo", "url": f"{there.address}/{name}"}
                    return self.answer(error, 409)
                there.repositories[name] = asked
                return self.answer({"url": f"{there.address}/{name}", "name": name, "id": name})
            if path.endswith("/info/lfs/objects/batch"):
                found = json.loads(body)["objects"]
                link = {one["oid"]: {"upload": {"href": f"{there.address}/object/{one['oid']}"}} for one in found}
                objects = [{**one, "actions": link[one["oid"]]} for one in found]
                return self.answer({"transfer": "basic", "objects": objects})
            parts = path.strip("/").split("/")  # api models OWNER NAME VERB [BRANCH]
            name, verb, rest = "/".join(parts[2:4]), parts[4] if len(parts) > 4 else "", "/".join(parts[5:])
            if verb == "branch":
                if rest in there.branches:
                    return self.answer({"error": "Reference already exists"}, 409)
                there.branches.append(rest)
                return self.answer({})
            if verb == "preupload":
                modes = [
                    {"path": one["path"], "uploadMode": "lfs" if one["path"].endswith(".safetensors") else "regular",
                     "shouldIgnore": False, "oid": None}
                    for one in json.loads(body)["files"]
                ]  # fmt: skip
                return self.answer({"files": modes})
            if verb == "commit":
                for line in body.decode().splitlines():
                    one = json.loads(line)
                    if one["key"] == "header":
                        there.commits.append(one["value"]["summary"])
                    if one["key"] == "file":
                        there.files[name, rest, one["value"]["path"]] = base64.b64decode(one["value"]["content"])
                    if one["key"] == "deletedFile":
                        del there.files[name, rest, one["value"]["path"]]
                    if one["key"] == "lfsFile":
                        content = there.objects[one["value"]["oid"]]
                        assert hashlib.sha256(content).hexdigest() == one["value"]["oid"]
                        there.files[name, rest, one["value"]["path"]] = content
                url = f"{there.address}/{name}/commit/{'0' * 40}"
                return self.answer({"success": True, "commitOid": "0" * 40, "commitUrl": url, "hookOutput": ""})
            if verb == "tree":
                held = {file: content for (*where, file), content in there.files.items() if where == [name, rest]}
                listed = [{"type": "file", "path": file, "size": len(held[file]), "oid": "0"} for file in held]
                return self.answer(listed)
            if verb in ("", "revision"):
                known = name in there.repositories
                return self.answer(
                    {"id": name, "sha": "0" * 40, "siblings": []} if known else {"error": "no"}, 200 if known else 404
                )
            self.answer({"error": f"the stand-in knows no {self.command} {path}"}, 501)

        do_GET = do_POST = do_PUT = do_HEAD = do  # noqa: N815

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    there.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield there
    finally:
        server.shutdown()
        server.server_close()
