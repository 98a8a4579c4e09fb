#!/usr/bin/env bash
# The server is killed in the middle of writes to ext4 on a loop device, again and
# again, and started anew. What was fsync'ed is there, and e2fsck finds nothing.
# Then everything dies at once, as in a power cut: the journal makes good what is
# half done, and what was fsync'ed is there again.
. "${0%/*}/lib.sh"
need_loop
need mkfs.ext4 e2fsck

loop=
cleanup_more() {
  mountpoint -q "$tmp/fs" && umount -l "$tmp/fs"
  [[ -z $loop ]] || losetup -d "$loop" 2>/dev/null
  [[ -z ${writer-} ]] || kill -KILL "$writer" 2>/dev/null
}
truncate -s 128M "$tmp/image"
mkdir "$tmp/fs"

# Writes files of random bytes, one after another, and says of each that it is on disk.
write_files() {
  local i
  for ((i = 0; ; i++)); do
    head -c $((RANDOM * 8 + 1)) /dev/urandom >"$tmp/fs/$1$i" || return
    sync "$tmp/fs/$1$i" || return
    sha256sum "$tmp/fs/$1$i" >>"$tmp/sums" || return
  done 2>/dev/null
}
enough() { (($(wc -l <"$tmp/sums") >= $1)); }
touch "$tmp/sums"

start_server file "$tmp/image"
start_nbdfuse --reconnect --cache="${cache:-none}" "$dir" --unix "$sock"
loop=$(losetup -f --show "$dir/nbd") || skip "no loop device is free"
mkfs.ext4 -q "$loop"
mount "$loop" "$tmp/fs"
write_files a &
writer=$!
for round in 1 2 3 4; do
  sleep 0.1
  kill_server
  sleep 0.05
  start_server file "$tmp/image"
  until_true enough $((round * 5)) || fail "writing does not go on"
done
kill "$writer"
wait "$writer" 2>/dev/null || true
until_true umount -q "$tmp/fs" || fail "cannot unmount" # its last child may still write
e2fsck -fn "$loop" >"$tmp/check.log" 2>&1 || fail "$(cat "$tmp/check.log")"
mount "$loop" "$tmp/fs"
sha256sum --quiet -c "$tmp/sums" || fail "what was fsync'ed is lost"
echo "$(wc -l <"$tmp/sums") files are there after 4 restarts of the server"

# All that there is between the file system and the image is gone at once.
: >"$tmp/sums"
write_files b &
writer=$!
until_true enough 5 || fail "writing does not begin"
kill -KILL "$server_pid" "$nbdfuse_pid"
wait "$server_pid" "$nbdfuse_pid" 2>/dev/null || true
server_pid='' nbdfuse_pid=''
wait "$writer" || true
writer=
umount "$tmp/fs" || umount -l "$tmp/fs"
losetup -d "$loop"
loop=
umount -l "$dir"

start_server file "$tmp/image"
start_nbdfuse "$dir" --unix "$sock"
mount -o loop "$dir/nbd" "$tmp/fs" # replays the journal
sha256sum --quiet -c "$tmp/sums" || fail "what was fsync'ed is lost"
umount "$tmp/fs"
until_true "$nbdfuse" --unmount "$dir"
nbdfuse_status
e2fsck -fn "$tmp/image" >"$tmp/check.log" 2>&1 || fail "$(cat "$tmp/check.log")"
echo "$(wc -l <"$tmp/sums") files are there after the power cut"
