// SPDX-License-Identifier: BSD-3-Clause
#include "control/control.hpp"

#include <nbdkit/sdk.hpp>

#include "control/hub.hpp"

namespace nbd::filters {

namespace {
// The number changes with anything that modules share by it.
Hub& hub() { return shared_object<Hub>("filters/control 1"); }
}  // namespace

Control::Control(std::string filter) { hub().add_filter(this, std::move(filter)); }

Control::~Control() {
  cleanup();
  hub().remove_filter(this);
}

void Control::add(Command command) { hub().add_command(this, std::move(command)); }

bool Control::config(std::string_view key, std::string_view value) {
  if (key != "control") return false;
  hub().set_path(absolute_path(value));
  return true;
}

void Control::after_fork() { hub().open(); }

void Control::cleanup() noexcept { hub().close(); }

bool Control::is_used() const { return hub().has_path(); }

std::string Control::name() const { return hub().name_of(this); }

}  // namespace nbd::filters
