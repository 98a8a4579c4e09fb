// SPDX-License-Identifier: BSD-3-Clause
//
// What can run a guest kernel here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace testkit::vm {

enum class Backend {
  uml,   // User Mode Linux: a process like any other, no privileges; one processor, and no
         // programs built with AddressSanitizer or ThreadSanitizer (39-bit addresses)
  qemu,  // QEMU that translates instructions: runs everything, several times slower
  kvm    // QEMU on a processor that runs guests itself
};

std::string_view name_of(Backend backend);

// Those to try, the best first: what `name` says, or for "auto" (also: "") what $TESTKIT_VM_BACKEND
// says, or all that may work here. Throws an Error for another name.
std::vector<Backend> backends_for(std::string_view name);

// Why it cannot work here, as a sentence; empty if nothing speaks against it.
std::string why_not(Backend backend);

}  // namespace testkit::vm
