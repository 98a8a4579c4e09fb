# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154,SC2016,SC2317  # shares row.sh's variables; --run expands; prepare is called
# How each plugin is served and held against the original's: serve_NAME. Without
# a serve_NAME here a plugin fails its row, so that a new one is not overlooked.
# "known bytes" are those that are known from elsewhere than from Debian's server.

# copy_out ARG...: what our server serves, in the file copy.
copy_out() {
  rm -f copy
  # shellcheck disable=SC2016  # expanded by the command of --run
  server ours "$@" --run 'nbdcopy "$uri" copy' || fail "with $*: no copy"
}

# ---- disks in memory, made of numbers

serve_memory() {
  both --store -- 3M
  both --store -- 3M allocator=malloc
  # 1.32's extents of this one crash now and then, behind Debian's server too.
  copy=no both --no-extents --store -- 3M allocator=zstd
  how='three allocators, written and read back'
}
serve_data() {
  both --store --expect "$img" -- "data= <$img "
  both -- 'data= ( 0x55 0xAA )*512 @1048576 "end"' size=2M
  how='known bytes, written and read back'
}
serve_pattern() {
  /usr/bin/python3 -c '
import struct, sys
sys.stdout.buffer.write(b"".join(struct.pack(">Q", i) for i in range(0, 1 << 20, 8)))' >known
  both --expect "$scratch/known" -- 1M
  how='known bytes'
}
serve_null() { both --write -- 1M; how='written and read'; }
serve_full() { both --write -- 1M; how='read; writes are refused alike'; }
serve_zero() { both --; how='an empty disk'; }
serve_random() { both --write -- 1M seed=42; how="the same seed; wrong writes are refused alike"; }
serve_sparse-random() {
  # What a read gives that begins within a block is, in 1.32's, other bytes.
  both --aligned --write -- 16M seed=42 runlength=1048576 percent=50
  both --aligned -- 1M seed=42 random-content=true percent=100
  how="the same seed; wrong writes are refused alike"
}
serve_info() {
  printf 'a näme' >known
  export=a%20n%C3%A4me both --expect "$scratch/known" --
  export=YSBuw6RtZQ%3D%3D both --expect "$scratch/known" -- mode=base64exportname
  # Numbers that are other ones on each run, in as many bytes.
  for mode in address time uptime conntime; do both --no-data -- mode=$mode; done
  how='export names are known bytes; clocks by their size'
}

# ---- files

serve_file() {
  prepare() { cp "$img" disk; }
  both --store --expect "$img" -- disk
  both --store --expect "$img" -- file=disk cache=none
  prepare() { mkdir d; cp "$img" d/one; truncate -s 5000000 d/two; }
  export=one both --store --expect "$img" -- dir=d
  how='known bytes, written and read back; a folder of exports'
}
serve_split() {
  prepare() { split -n 3 "$img" part-; }
  # Behind any server 1.32's plugin runs in circles when asked to cache, and
  # writes wrongly across the end of a part: so the same, not what was written.
  both --no-cache --write --expect "$img" -- part-aa part-ab part-ac
  how='known bytes; writes do what they do there'
}
serve_partitioning() {
  prepare() { cp "$img" a; head -c 100000 "$img" >b; }
  both -- a b partition-type=mbr
  server ours "$img" partition-type=gpt --run "nbdcopy \"\$uri\" $scratch/gpt"
  cmp "$img" <(dd if="$scratch/gpt" bs=1M skip=1 count=1 status=none) || fail 'gpt: other bytes'
  how='MBR as the original; GPT by known bytes'
}
serve_floppy() {
  mkdir d
  cp "$img" d/data.bin
  both -- "$scratch/d"
  copy_out d
  grep -qa 'DATA    BIN' copy || fail 'the file is not in the folder of the disk'
  how='the same FAT disk'
}
serve_iso() {
  needs xorriso xorriso
  mkdir d
  cp "$img" d/data.bin
  both --no-data -- "$scratch/d"
  copy_out d
  xorriso -osirrox on -indev copy -extract /data.bin out >&2
  cmp "$img" out || fail 'the file in the disk has other bytes'
  how='the file in it is known bytes'
}
serve_linuxdisk() {
  needs debugfs e2fsprogs
  mkdir d
  cp "$img" d/data.bin
  both --no-data -- "$scratch/d"
  copy_out d
  dd if=copy of=partition bs=1M skip=1 status=none
  debugfs -R "dump /data.bin $scratch/out" partition 2>/dev/null
  cmp "$img" out || fail 'the file in the disk has other bytes'
  how='the file in it is known bytes'
}
serve_tmpdisk() {
  needs mke2fs e2fsprogs
  both --store --expect "$img" -- 1M base="$img" command='cp "$base" "$disk"'
  both --no-data -- 8M label=table
  copy_out 8M label=table
  e2fsck -fn copy >&2 || fail 'the file system is damaged'
  how='known bytes, written and read back; a file system'
}
serve_ondemand() {
  needs mke2fs e2fsprogs
  prepare() { mkdir d; cp "$img" d/known; }
  export=known both --store --expect "$img" -- dir=d 1M
  mkdir e
  server ours dir=e 8M --run 'nbdcopy "nbd+unix:///new?socket=$unixsocket" copy'
  cmp copy e/new || fail 'the file system is not that in its folder'
  e2fsck -fn copy >&2 || fail 'the file system is damaged'
  how='known bytes, written and read back; a file system'
}
serve_example1() { both -- ; how='the same disk'; }
serve_example2() { both --expect "$img" -- file="$img"; how='known bytes'; }
serve_example3() { both --store -- size=1M; how='written and read back'; }

# ---- from elsewhere, over loopback

serve_curl() {
  "$here/ranges.py" "$scratch" "$scratch/port" &
  started+=($!)
  until_true 60 test -s port
  both --expect "$img" -- "http://127.0.0.1:$(cat port)/img"
  how='known bytes, by HTTP on loopback'
}

# An SSH server of our own, whose idea of where users live is another: Dropbear
# reads the keys that it lets in from the home folder in the passwd file.
start_ssh_server() {
  local port
  mkdir -m 700 home home/.ssh
  dropbearkey -t ed25519 -f host.key >host.pub
  dropbearkey -t rsa -s 2048 -f user.dropbear | grep ^ssh-rsa >home/.ssh/authorized_keys
  chmod 600 home/.ssh/authorized_keys
  dropbearconvert dropbear openssh user.dropbear user.key >&2
  chmod 600 user.key
  echo "$(id -un):x:$(id -u):$(id -g):test:$scratch/home:/bin/sh" >passwd
  echo "$(id -gn):x:$(id -g):" >group
  for _ in 1 2 3 4 5; do
    port=$((20000 + RANDOM % 10000))
    LD_PRELOAD=libnss_wrapper.so NSS_WRAPPER_PASSWD=$scratch/passwd \
      NSS_WRAPPER_GROUP=$scratch/group dropbear -F -E -s -r host.key -p "127.0.0.1:$port" \
      -P "$scratch/ssh.pid" 2>ssh.log &
    started+=($!)
    # It writes its pid when it listens, and ends when it cannot.
    until_true 60 eval "test -s ssh.pid || ! kill -0 $! 2>/dev/null"
    if kill -0 $! 2>/dev/null; then
      awk -v "host=[127.0.0.1]:$port" '/^ssh-/ { print host, $1, $2 }' host.pub >known_hosts
      ssh_port=$port
      return
    fi
  done
  fail "no SSH server: $(cat ssh.log)"
}
serve_ssh() {
  needs dropbear dropbear-bin
  [ -x /usr/lib/sftp-server ] || needs sftp-server openssh-sftp-server
  start_ssh_server
  prepare() { cp "$img" "$scratch/remote"; }
  both --store --expect "$img" -- "$scratch/remote" host=127.0.0.1 port="$ssh_port" config= \
    user="$(id -un)" identity="$scratch/user.key" known-hosts="$scratch/known_hosts"
  how='known bytes, by SFTP on loopback, written and read back'
}
serve_nbd() {
  prepare() { cp "$img" disk; }
  # shellcheck disable=SC2016  # a server of ours under each of the two
  server() {
    local program=$BUILD/bin/nbdkit
    [ "$1" = ours ] || program=$original
    PROGRAM=$program SO=$so RUN=${*: -1} timeout 150 "$BUILD/bin/nbdkit" -U - file disk \
      --run '"$PROGRAM" -U - "$SO" uri="$uri" --run "$RUN"'
  }
  both --store --expect "$img" --
  how='known bytes, through a server of ours, written and read back'
}
serve_torrent() {
  # Whoever has the whole file needs no peer: it is checked and served.
  /usr/bin/python3 - "$img" >t.torrent <<'PYTHON'
import hashlib, sys
data, piece = open(sys.argv[1], "rb").read(), 1 << 16
sums = b"".join(hashlib.sha1(data[i:i + piece]).digest() for i in range(0, len(data), piece))
sys.stdout.buffer.write(b"d4:infod6:lengthi%de4:name3:img12:piece lengthi%de6:pieces%d:%see"
                        % (len(data), piece, len(sums), sums))
PYTHON
  prepare() { mkdir cache; cp "$img" cache/img; }
  # It can miss the word that a piece is there, and then waits for ever, in a
  # pthread_cond_wait of its own: once in hundreds of runs on a busy machine.
  tries=4 limit=30 both --expect "$img" -- "$scratch/t.torrent" cache=cache listen-interfaces=127.0.0.1:0
  how='known bytes, a torrent that is complete from the start'
}
serve_cdi() {
  needs jq jq
  mkdir bin
  # What the plugin runs, but for the network: an image whose one layer is img.
  cat >bin/podman <<'SHELL'
#!/bin/sh
# podman pull NAME; podman save --format oci-dir -o DIRECTORY NAME
[ "$1" = pull ] && exit 0
mkdir "$5"
cp "$LAYER" "$5/abc"
echo '{"layers":[{"digest":"sha256:abc"}]}' >"$5/manifest.json"
SHELL
  chmod +x bin/podman
  LAYER=$img PATH=$scratch/bin:$PATH both --expect "$img" -- docker://a/b
  how='known bytes, with a stand-in for podman, which needs a registry'
}
serve_libvirt() {
  # libvirt's own test driver knows the disk's size and cannot read it. A real
  # driver needs a libvirtd with a guest.
  cat >node.xml <<XML
<node><domain type='test'><name>guest</name><memory>8192</memory><os><type>hvm</type></os>
<devices><disk type='file' device='disk'><source file='$img'/><target dev='sda'/></disk></devices>
</domain></node>
XML
  both --head -- connect="test://$scratch/node.xml" domain=guest disk=sda
  not_served 'opens, gives the size, fails reads alike; for data it needs a libvirtd with a guest'
}
serve_guestfs() {
  local who
  for who in ours theirs; do
    LIBGUESTFS_BACKEND=direct server $who disk="$img" export=/dev/sda mount=x \
      --run 'nbdinfo --size "$uri"' >/dev/null 2>$who.log && fail "$who: served without an appliance"
    grep -q 'error: guestfs_' $who.log || fail "$who: does not get as far as libguestfs"
  done
  not_served 'runs into guestfs_launch; for data it needs QEMU and a Linux kernel for its appliance'
}

# ---- programs as disks

# The disk of DISK-FILE, in the language of the plugin: known bytes, written and
# read back, and the errno of a read that fails.
language() {
  local script=$here/$1
  prepare() { cp "$img" disk; }
  both --store --expect "$img" -- "$script" file=disk
  copy=no both -- "$script" file=disk bad=70000
  how='known bytes, written and read back; an error'
}
serve_sh() { language disk.sh; }
serve_lua() { language disk.lua; }
serve_tcl() { language disk.tcl; }
serve_ruby() {
  needs systemd-socket-activate systemd
  # Ruby 3.1 bears calls only from the thread that loaded it, and either server
  # serves in that thread with -s alone. So inetd's way: a server for each client.
  server() {
    local program=$BUILD/bin/nbdkit status=0 inetd
    [ "$1" = ours ] || program=$original
    systemd-socket-activate --inetd --accept -l "$PWD/socket" \
      "$program" -s "$so" "${@:2:$#-3}" 2>"$PWD/log" &
    inetd=$!
    started+=("$inetd")
    until_true 60 test -S socket
    # shellcheck disable=SC2034  # for the command
    unixsocket=$PWD/socket timeout 150 sh -c "${*: -1}" || status=$?
    kill "$inetd"
    [ "$status" = 0 ] || cat log >&2
    return "$status"
  }
  language disk.rb
}
serve_python() { language disk-v1.py; language disk.py; }
serve_perl() {
  language disk.pl
  local example4=${so%/*}/nbdkit-example4-plugin
  [ ! -e "$example4" ] || both -- "$example4" size=1048576
}
serve_cc() {
  needs gcc gcc
  [ -e /usr/include/nbdkit-plugin.h ] || needs nbdkit-plugin.h nbdkit-plugin-dev
  language disk.c
}
serve_eval() {
  prepare() { cp "$img" disk; }
  # shellcheck disable=SC2016  # expanded by the plugin's shell
  both --store --expect "$img" -- config='ln -sf "$(realpath "$3")" "$tmpdir/$2"' disk="$img" \
    get_size='stat -Lc %s "$tmpdir/disk"' \
    pread='dd if="$tmpdir/copy" skip=$4 count=$3 iflag=skip_bytes,count_bytes status=none' \
    pwrite='dd of="$tmpdir/copy" seek=$4 oflag=seek_bytes conv=notrunc status=none' \
    get_ready='cp "$tmpdir/disk" "$tmpdir/copy"' can_write='exit 0' flush='exit 0' can_flush='exit 0'
  copy=no both -- get_size='echo 1M' pread='echo ENOMEM >&2; exit 1'
  how='known bytes, written and read back; an error'
}
