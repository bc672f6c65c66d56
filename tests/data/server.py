"""A web server on this machine that behaves as badly as asked: the first part of the path says how."""
import contextlib
import http.server
import re
import threading
import time


class Handler(http.server.BaseHTTPRequestHandler):
    """/good/F  /slow/F in small pieces  /stall/F stops for ever half way  /cut/F breaks off half way through what is asked
    /no-ranges/F always the whole  /wrong/F other bytes of the same length  /gone/F 404  /odd/F another range than asked for"""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        _, manner, name = self.path.split("/", 2)
        asked = self.headers.get("Range")
        self.server.requests.append((manner, name, asked))
        data = self.server.files.get(name)
        if data is None or manner == "gone":
            return self.send_error(404)
        if manner == "wrong":
            data = bytes(255 - byte for byte in data)
        start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and manner != "no-ranges" else 0
        if start and start >= len(data):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        if start:
            shown = start + 1 if manner == "odd" else start
            self.send_header("Content-Range", f"bytes {shown}-{len(data) - 1}/{len(data)}")
        body = data[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if manner == "slow":
            for at in range(0, len(body), max(1, len(body) // 20)):
                self.wfile.write(body[at:at + max(1, len(body) // 20)])
                time.sleep(self.server.pause)
        elif manner in ("cut", "stall"):
            self.wfile.write(body[:(len(body) + 1) // 2])
            if manner == "stall":
                self.server.over.wait(5)
            self.close_connection = True
        else:
            self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    pause = 0.005

    def handle_error(self, request, client):
        pass                    # a client that went away is part of the test


@contextlib.contextmanager
def serving(files):
    """A running server of {name: bytes}: `.url`, `.requests` [(manner, name, Range header)]."""
    with Server(("127.0.0.1", 0), Handler) as server:
        server.files, server.requests, server.over = files, [], threading.Event()
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()
