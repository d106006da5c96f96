#!/usr/bin/env python3
"""Serves chdb, a current ClickHouse in process, over ClickHouse's HTTP protocol.

    chdb_server.py --port 8123 --dir DATA

It is there for tests and knows what a ClickHouse driver sends:

- the statement in the body, or in "query" with the data of an INSERT in the body;
- "database", "default_format", "param_*", and any other parameter as a setting
  of that request alone;
- bodies compressed with gzip or deflate. ClickHouse's own block compression
  (compress=1, decompress=1), external tables and sessions are refused with code 48;
- failures with ClickHouse's code in X-ClickHouse-Exception-Code.

Statements run one at a time; others wait. SIGTERM ends it in an orderly way.
"""

import argparse
import re
import signal
import socket
import struct
import sys
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from chdb import ChdbError
from chdb.session import Session

MAX_BODY = 512 << 20

# What a driver asks first. It reads the answer as a block of the protocol
# revision that it knows itself, and every later block as one of the revision
# that it is told here: 0, the plain Native format, which is all that chdb writes.
HELLO = "SELECT displayName(), version(), revision(), timezone()"
HELLO_REVISION = 0

# Parameters that are not settings.
PLAIN = {
    "query", "database", "default_format", "query_id", "quota_key", "user", "password",
    "client_protocol_version", "wait_end_of_query", "buffer_size", "send_progress_in_http_headers",
}
REFUSED = {
    "compress": "compressed blocks; connect with compress=none",
    "decompress": "compressed blocks; connect with compress=none",
    "session_id": "sessions",
}

INSERT_DATA = re.compile(r"(\s*INSERT\s.*?)\s+FORMAT\s+(\w+)\s*", re.IGNORECASE | re.DOTALL)
SETTING = re.compile(r"[A-Za-z_]\w*")
CODE = re.compile(r"Code: (\d+)\.")


class Failure(Exception):
    """A failure that has a ClickHouse code."""

    def __init__(self, code, name, message):
        super().__init__(f"Code: {code}. DB::Exception: {message}. ({name})")


def not_implemented(what):
    return Failure(48, "NOT_IMPLEMENTED", f"This server has no {what}")


class Engine:
    """The database in a directory. Runs one statement at a time."""

    def __init__(self, path):
        self._path = path
        self._lock = threading.Lock()
        # Held open so that the engine outlives the sessions of the requests.
        self._main = Session(path)
        row = self._main.query("SELECT hostName(), version(), timezone()", "TSV").bytes()
        self.name, self.version, self.timezone = row.decode().rstrip("\n").split("\t")

    def run(self, request):
        """Runs a request in a session of its own and returns the answer's bytes."""
        with self._lock:
            session = Session(self._path)
            try:
                return self._run(session, request)
            finally:
                session.close()

    @staticmethod
    def _run(session, request):
        if request.database:
            session.query("USE " + quote(request.database, "`"))
        if request.settings:
            session.query("SET " + ", ".join(f"{k} = {quote(v)}" for k, v in request.settings.items()))
        if request.insert:
            statement, data_format = request.insert
            with session.send_insert(statement, data_format) as insert:
                insert.append(request.data)
                insert.finish()
            return b""
        return session.query(request.sql, request.format, params=request.params).bytes()

    def close(self):
        """Waits for the running statement and closes the database."""
        with self._lock:
            self._main.close()


def quote(text, mark="'"):
    return mark + text.replace("\\", "\\\\").replace(mark, "\\" + mark) + mark


class Request:
    """What one HTTP request asks for."""

    def __init__(self, values, body):
        self.database = values.get("database", "")
        self.format = values.get("default_format", "TabSeparated")
        self.params = {k[len("param_"):]: v for k, v in values.items() if k.startswith("param_")}
        self.settings = self._settings(values)
        self.insert, self.data, self.sql = None, b"", ""
        query = values.get("query", "")
        match = INSERT_DATA.fullmatch(query)
        if match:
            self.insert, self.data = match.groups(), body
            return
        try:
            self.sql = f"{query}\n{body.decode()}" if query else body.decode()
        except UnicodeDecodeError as error:
            raise Failure(62, "SYNTAX_ERROR", f"The statement is not UTF-8: {error}") from None

    @staticmethod
    def _settings(values):
        settings = {}
        for key, value in values.items():
            if key in REFUSED and value not in ("", "0"):
                raise not_implemented(REFUSED[key])
            if key in PLAIN or key in REFUSED or key.startswith("param_"):
                continue
            if not SETTING.fullmatch(key):
                raise Failure(115, "UNKNOWN_SETTING", f"Unknown setting '{key}'")
            settings[key] = value
        return settings


def native(columns):
    """A Native block of one row, as of revision 54454, from (name, type, data)."""
    block = b"\x01\x00\x02\xff\xff\xff\xff\x00" + bytes([len(columns), 1])
    for name, kind, data in columns:
        block += native_string(name) + native_string(kind) + b"\x00" + data
    return block


def native_string(text):
    data = text.encode()
    if len(data) > 127:
        raise ValueError("only short strings are needed here")
    return bytes([len(data)]) + data


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    # Head and body leave in one piece, not held back by delayed acknowledgements.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self):
        if urlsplit(self.path).path == "/ping":
            self._answer(200, b"Ok.\n", {})
            return
        self.do_POST()

    def do_POST(self):
        values = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        headers = {"X-ClickHouse-Query-Id": values.get("query_id", "")}
        try:
            status, answer = 200, self._run(values)
        except (ChdbError, RuntimeError, Failure) as error:
            status, answer = 500, str(error).encode()
            code = CODE.search(str(error))
            headers["X-ClickHouse-Exception-Code"] = code.group(1) if code else "1001"
            self.log_error("%s", error)
        self._answer(status, answer, headers)

    def _run(self, values):
        body = self._body()
        if self.headers.get_content_maintype() == "multipart":
            raise not_implemented("external tables")
        request, engine = Request(values, body), self.server.engine
        if request.sql.strip() == HELLO:
            return native([
                ("displayName()", "String", native_string(engine.name)),
                ("version()", "String", native_string(engine.version)),
                ("revision()", "UInt32", struct.pack("<I", HELLO_REVISION)),
                ("timezone()", "String", native_string(engine.timezone)),
            ])
        return engine.run(request)

    def _body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            body = self._chunks()
        else:
            body = self._read(int(self.headers.get("Content-Length", 0)))
        encoding = self.headers.get("Content-Encoding", "")
        if not encoding:
            return body
        if encoding not in ("gzip", "deflate"):
            raise not_implemented(f"encoding '{encoding}'")
        try:
            # 32: finds out itself which of the two it is.
            return zlib.decompress(body, 32 + zlib.MAX_WBITS)
        except zlib.error as error:
            raise Failure(354, "ZLIB_INFLATE_FAILED", str(error)) from None

    def _chunks(self):
        parts, total = [], 0
        while True:
            size = int(self.rfile.readline(100).split(b";")[0], 16)
            if size == 0:
                break
            total += size
            if total > MAX_BODY:
                self._read(total)
            parts.append(self._read(size))
            self.rfile.readline(100)
        while self.rfile.readline(1000).strip():
            pass
        return b"".join(parts)

    def _read(self, size):
        if size > MAX_BODY:
            # What follows on this connection is the rest of the body.
            self.close_connection = True
            raise Failure(241, "MEMORY_LIMIT_EXCEEDED", f"The body is longer than {MAX_BODY} bytes")
        data = self.rfile.read(size)
        if len(data) < size:
            raise ConnectionError("the client closed the connection within a body")
        return data

    def _answer(self, status, body, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_request(self, code="-", size="-"):
        """Only failures are worth a line."""


class Server(ThreadingHTTPServer):
    """Accepts connections, each served by a thread of its own."""

    request_queue_size = 128
    daemon_threads = True

    def __init__(self, address, engine):
        self.engine = engine
        super().__init__(address, Handler)

    def handle_error(self, request, client_address):
        """A client that left is no failure of the server's."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, socket.timeout)):
            super().handle_error(request, client_address)


def main():
    parser = argparse.ArgumentParser(description="ClickHouse's HTTP protocol in front of chdb")
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    parser.add_argument("--dir", required=True, help="directory of the data")
    args = parser.parse_args()

    # Blocked before any thread starts, so that all threads leave them to sigwait.
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    engine = Engine(args.dir)
    server = Server(("127.0.0.1", args.port), engine)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    signal.sigwait(ends)
    server.shutdown()
    server.server_close()
    engine.close()


if __name__ == "__main__":
    main()
