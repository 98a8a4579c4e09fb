// SPDX-License-Identifier: BSD-3-Clause
#include <exception>

#include <nbdkit/sdk.hpp>

#include "base/log.hpp"
#include "server/life.hpp"

int main(int argc, char** argv) {
  nbd::log::set_program("nbdkit");
  try {
    return nbdkit::run(nbdkit::parse_options(argc, argv));
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
