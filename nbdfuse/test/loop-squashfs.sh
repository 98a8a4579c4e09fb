#!/usr/bin/env bash
# A squashfs in an .xz file on a web server, mounted without unpacking it.
. "${0%/*}/lib.sh"
need_loop
need mksquashfs xz python3
can_mount squashfs || skip "this kernel has no squashfs"
can_serve() { "$1" --dump-plugin curl && "$1" --filter=xz null 0 --run true; }
web=
for candidate in "$nbdkit" "${OTHER_NBDKIT:-/usr/bin/nbdkit}"; do
  if can_serve "$candidate" >/dev/null 2>&1; then web=$candidate; break; fi
done
[[ -n $web ]] || skip "no nbdkit with plugin curl and filter xz (package nbdkit)"

cleanup_more() {
  mountpoint -q "$tmp/fs" && umount -l "$tmp/fs"
  [[ -z ${http_pid-} ]] || kill "$http_pid" 2>/dev/null
}
mkdir "$tmp/fs" "$tmp/www"
mksquashfs "$SOURCE/nbdfuse" "$tmp/www/root.squashfs" -quiet -no-progress
xz --block-size=65536 "$tmp/www/root.squashfs"
# A server that understands ranges, which Python's own does not.
cat >"$tmp/web.py" <<'P'
import http.server, os, re, sys
class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, with_body):
        data = open("." + self.path, "rb").read()
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range") or "")
        first, last = map(int, wanted.groups()) if wanted else (0, len(data) - 1)
        body = data[first:last + 1]
        self.send_response(206 if wanted else 200)
        self.send_header("Accept-Ranges", "bytes")
        if wanted:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)
    def do_GET(self): self.answer(True)
    def do_HEAD(self): self.answer(False)
    def log_message(self, *a): pass
os.chdir(sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
P
python3 "$tmp/web.py" "$tmp/www" >"$tmp/port" &
http_pid=$!
until_true test -s "$tmp/port" || fail "no web server"

start_nbdfuse -r "$dir/disk" \
  [ "$web" -f curl --filter=xz "http://127.0.0.1:$(cat "$tmp/port")/root.squashfs.xz" ]
mount -o loop,ro "$dir/disk" "$tmp/fs"
diff -r "$SOURCE/nbdfuse" "$tmp/fs" || fail "not the same tree"
umount "$tmp/fs"
"$nbdfuse" --unmount "$dir"
nbdfuse_status
[[ $(cat "$tmp/status") == 0 ]] || fail "exit status $(cat "$tmp/status")"
