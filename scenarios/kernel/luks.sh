#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
. "${here:?}/lib.sh"
take_device
name=testkit-$$
clean_up_more() { [ ! -e /dev/mapper/$name ] || cryptsetup close $name; }
connect
cryptsetup -q luksFormat --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "$device" key
cryptsetup open --key-file key "$device" $name
repeat "a secret of this scenario" 4M | dd of=/dev/mapper/$name bs=64k iflag=fullblock conv=fsync status=none
cryptsetup close $name
disconnect
! grep -qa "a secret of this scenario" disk.img || fail "the server has it in plain text"
connect
if echo wrong | cryptsetup open --key-file - "$device" $name 2>/dev/null; then fail "any key opens it"; fi
cryptsetup open --key-file key "$device" $name
equal "with the key" "a secret of this scenario" "$(head -n 1 /dev/mapper/$name)"
cryptsetup close $name
disconnect
