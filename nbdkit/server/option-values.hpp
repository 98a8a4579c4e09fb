// SPDX-License-Identifier: BSD-3-Clause
//
// The values of options: checked, in the form in which Options has them. Each
// throws an Error that names the option and the value.
#pragma once

#include <string>

#include "server/options.hpp"

namespace nbdkit {

// For options that make no sense with an empty value.
std::string not_empty(const char* option, const char* what, const std::string& value);

std::string absolute_path(const std::string& path);  // an empty one stays so

void set_log(Options& o, const std::string& value);
std::string instance_name(const std::string& value);
std::string port_or_service(const std::string& value);
std::string socket_path(const std::string& value);
std::string export_name(const std::string& value);
unsigned threads(const std::string& value);
std::chrono::nanoseconds handshake_time(const std::string& value);
TlsMode tls_mode(const std::string& value);
std::string tls_path(const char* option, const std::string& value);
uint64_t handshake_mask(const std::string& value);

}  // namespace nbdkit
