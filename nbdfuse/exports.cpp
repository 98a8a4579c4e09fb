// SPDX-License-Identifier: BSD-3-Clause
#include "exports.hpp"

#include <algorithm>
#include <climits>

#include "base/error.hpp"
#include "base/log.hpp"
#include "connect.hpp"
#include "mount-point.hpp"

namespace nbdfuse {

std::string file_name_of(const std::string& export_name) {
  if (export_name.empty()) return kDefaultFileName;
  const bool dots = export_name == "." || export_name == "..";
  std::string name;
  for (const char c : export_name) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '/' || c == '%' || byte < ' ' || byte == 0x7f || (dots && name.empty())) {
      name += fmt::format("%{:02X}", byte);
    } else {
      name += c;
    }
  }
  return name.size() <= NAME_MAX ? name : "";
}

Files list_files(Loops& loops, const RemoteSettings& settings) {
  if (!has_address(settings.target.mode)) {
    nbd::fail("--all-exports needs a server with an address, which {} has not",
              describe(settings.target));
  }
  Files files;
  // Sorted, so the default export comes first and keeps its name.
  for (const Listed& listed : list_exports(settings.target, settings.read_only)) {
    const std::string name = file_name_of(listed.name);
    const bool taken = std::any_of(files.begin(), files.end(),
                                   [&](const auto& file) { return file->name() == name; });
    if (name.empty() || taken) {
      nbd::log::error("export \"{}\" is left out: {}", listed.name,
                      taken ? "there is a file of its name" : "its name is too long");
      continue;
    }
    RemoteSettings its_own = settings;
    its_own.export_name = listed.name;
    files.push_back(std::make_unique<File>(name, listed.facts, [&loops, its_own] {
      return std::make_unique<NbdRemote>(loops, its_own);
    }));
  }
  if (files.empty()) nbd::fail("{} lists no exports", describe(settings.target));
  return files;
}

}  // namespace nbdfuse
