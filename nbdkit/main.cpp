// SPDX-License-Identifier: BSD-3-Clause
#include <exception>

#include <nbdkit/sdk.hpp>

#include "base/log.hpp"
#include "server/life.hpp"
#include "server/script-plugin.hpp"

int main(int argc, char** argv) {
  nbd::log::set_program("nbdkit");
  try {
    const nbdkit::Options options = nbdkit::parse_options(argc, argv);
    nbdkit::become_script_plugin(options, {argv, static_cast<size_t>(argc)});
    return nbdkit::run(options);
  } catch (const nbd::Reported&) {  // by whoever failed
    return 1;
  } catch (const std::exception& e) {
    nbd::log::error(std::string_view(e.what()));
    return 1;
  } catch (...) {  // a filter may throw what it likes
    nbd::log::error("an exception of unknown type ended the server");
    return 1;
  }
}
