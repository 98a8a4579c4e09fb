// SPDX-License-Identifier: BSD-3-Clause
//
// Plugins that are scripts: an executable file nbdkit-NAME-plugin in the folder
// of the plugins, or a file given by its path that starts with "#!".
//
// The server becomes the script, with the same command line. The script's first
// line runs nbdkit again, now with the plugin of the script's language:
//
//   nbdkit -r hello size=1M
//   nbdkit-hello-plugin -r size=1M            exec'ed here
//   nbdkit sh nbdkit-hello-plugin -r size=1M  by "#!/usr/bin/env -S nbdkit sh"
#pragma once

#include <span>

#include "server/options.hpp"

namespace nbdkit {

// Does not return if options.plugin is a script; throws an Error if it cannot
// be run. words: the whole command line after parse_options(), which leaves the
// options in front. To be called before the process has anything to lose:
// descriptors, threads, children.
void become_script_plugin(const Options& options, std::span<char* const> words);

}  // namespace nbdkit
