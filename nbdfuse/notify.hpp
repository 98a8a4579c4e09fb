// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string_view>

namespace nbdfuse {

// Tells who started us, if it waits for that as systemd does (sd_notify(3), the
// socket in $NOTIFY_SOCKET): "READY=1". Failure to do so is logged, no more.
void notify_supervisor(std::string_view state);

}  // namespace nbdfuse
