"""A stand-in for the hub's HTTP interface, run as a program: REPOSITORY FOLDER [TOKEN]; prints its port.

Serves FOLDER as the newest revision of REPOSITORY; with TOKEN, as a gated repository does, only to
requests that carry it.
"""

import hashlib
import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

REPOSITORY, FOLDER = sys.argv[1], Path(sys.argv[2])
TOKEN = sys.argv[3] if len(sys.argv) > 3 else None
REVISION = "0123456789abcdef0123456789abcdef01234567"


def entries() -> list[dict[str, object]]:
    listed: list[dict[str, object]] = []
    for path in sorted(path for path in FOLDER.rglob("*") if path.is_file()):
        entry: dict[str, object] = {"rfilename": str(path.relative_to(FOLDER)), "size": path.stat().st_size}
        if path.suffix == ".safetensors":
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            entry["lfs"] = {"sha256": sha256, "size": path.stat().st_size, "pointerSize": 100}
        listed.append(entry)
    return listed


class Handler(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        if TOKEN is not None and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.send_response(401)
            self.send_header("X-Error-Code", "GatedRepo")
            self.end_headers()
            return
        prefix = f"/{REPOSITORY}/resolve/{REVISION}/"
        if self.path.startswith(f"/api/models/{REPOSITORY}"):
            content = json.dumps(self.listing()).encode()
        elif self.path.startswith(prefix):
            content = (FOLDER / self.path.removeprefix(prefix)).read_bytes()
        else:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", REVISION)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def listing(self) -> object:
        if "/tree/" in self.path:
            return [
                {"type": "file", "path": entry["rfilename"], "size": entry["size"], "oid": "0" * 40}
                for entry in entries()
            ]
        return {"id": REPOSITORY, "sha": REVISION, "siblings": entries()}

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


server = HTTPServer(("127.0.0.1", 0), Handler)
sys.stdout.write(f"{server.server_port}\n")
sys.stdout.flush()
server.serve_forever()
