#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
. "${here:?}/lib.sh"
take_device
if connect -N disk 2>/dev/null; then fail "a device without TLS from a server that requires it"; fi
connect -N disk -x -certfile "${pki:?}/client-cert.pem" -keyfile "${pki:?}/client-key.pem" \
  -cacertfile "${pki:?}/ca-cert.pem" -tlshostname localhost
mkfs.ext4 -q "$device"
mount_device
head -c 4M /dev/urandom >data
cp data "$mnt/data"
drop_caches
cmp data "$mnt/data"
unmount
check_ext4
disconnect
