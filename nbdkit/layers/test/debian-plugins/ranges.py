#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""usage: ranges.py DIRECTORY PORT-FILE: files over HTTP on 127.0.0.1, with
ranges, on a free port which it writes to PORT-FILE (http.server alone
knows none)."""
import http.server
import os
import re
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.wfile.write(self.answer())

    def answer(self):
        with open(os.path.join(sys.argv[1], os.path.basename(self.path)), "rb") as file:
            data = whole = file.read()
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if wanted:
            first, last = map(int, wanted.groups())
            data = whole[first:last + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(whole)}")
        else:
            self.send_response(200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        return data

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(sys.argv[2] + ".new", "w") as port:
    print(server.server_port, file=port)
os.rename(sys.argv[2] + ".new", sys.argv[2])
server.serve_forever()
