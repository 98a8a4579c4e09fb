// SPDX-License-Identifier: BSD-3-Clause
//
// A Remote made of libnbd connections to one export: as many as were asked for
// if the server lets clients have several (multi-conn), else one.
#pragma once

#include <memory>
#include <vector>

#include "connection.hpp"
#include "options.hpp"
#include "remote.hpp"

namespace nbdfuse {

class NbdRemote final : public Remote {
 public:
  // Connects. Throws an Error with libnbd's reason.
  NbdRemote(const Target& target, unsigned connections, bool read_only);

  // Starts a thread for each connection; nothing is submitted before. Not in the
  // constructor: children, and the mask of signals, are to be settled first.
  void start();

  const Export& exported() const override { return export_; }
  void submit(Request& request) noexcept override;

 private:
  Export export_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

// What an open handle tells of its export, made sound: sizes that a server may
// get wrong are checked here and trusted from then on.
Export describe_export(nbd_handle* handle, bool read_only);

}  // namespace nbdfuse
