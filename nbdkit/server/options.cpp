// SPDX-License-Identifier: BSD-3-Clause
#include "server/options.hpp"

#include <getopt.h>

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "base/error.hpp"
#include "server/option-table.hpp"

namespace nbdkit {

namespace {

// getopt's numbers for long options: the row's index above every character.
constexpr int kFirstLong = 256;

std::string getopt_short_options() {
  // No '+': options may follow the plugin and its parameters. ':': a missing
  // argument is told apart from an unknown option.
  std::string out = ":";
  for (const OptionRow& row : option_table()) {
    if (row.short_name == 0) continue;
    out += row.short_name;
    if (row.argument != nullptr) out += ':';
  }
  return out;
}

std::vector<option> getopt_long_options() {
  std::vector<option> out;
  int number = kFirstLong;
  for (const OptionRow& row : option_table()) {
    for (const char* name : row.long_names) {
      if (name == nullptr) continue;
      const int has_argument = row.argument != nullptr ? required_argument : no_argument;
      out.push_back({name, has_argument, nullptr, number});
    }
    ++number;
  }
  out.push_back({});
  return out;
}

const OptionRow& row_of(int found) {
  if (found >= kFirstLong) return option_table()[static_cast<size_t>(found - kFirstLong)];
  for (const OptionRow& row : option_table()) {
    if (row.short_name == found) return row;
  }
  nbd::fail("option -{} has no row", static_cast<char>(found));  // ours: the table is wrong
}

// What getopt stumbled over; word: where it was.
[[noreturn]] void complain(int found, const std::string& word) {
  const std::string option = optopt > 0 && optopt < kFirstLong
                                 ? fmt::format("-{}", static_cast<char>(optopt))
                                 : word.substr(0, word.find('='));
  if (found == ':') nbd::fail("option {} needs an argument", option);
  if (optopt >= kFirstLong) nbd::fail("option {} takes no argument, but got: {}", option, word);
  nbd::fail("unknown option {}", option);
}

struct Given {
  const char* name;
  bool given;
};

// At most one of these has been given.
void refuse_together(std::initializer_list<Given> options) {
  const Given* first = nullptr;
  for (const Given& o : options) {
    if (!o.given) continue;
    if (first != nullptr) nbd::fail("{} and {} cannot be used together", first->name, o.name);
    first = &o;
  }
}

void check_together(const Options& o) {
  const Given ip{"-i", !o.ip_address.empty()};
  const Given port{"-p", !o.port.empty()};
  const Given unix_socket{"-U", !o.unix_socket.empty()};
  const Given vsock{"--vsock", o.vsock};
  const Given single{"-s", o.single};
  refuse_together({single, unix_socket, vsock, ip});
  for (const Given& other :
       {port, Given{"--run", !o.run.empty()}, Given{"--dump-plugin", o.dump_plugin},
        Given{"--print-uri", o.print_uri}, Given{"--selinux-label", !o.selinux_label.empty()}}) {
    refuse_together({single, other});
  }
  refuse_together({unix_socket, port});
  if (o.oldstyle && o.tls == TlsMode::require) {
    nbd::fail("--tls=require cannot be used together with the oldstyle protocol");
  }
  if (!o.export_name.empty() && o.oldstyle) {
    nbd::fail("an export name cannot be used with the oldstyle protocol: \"{}\"", o.export_name);
  }
}

bool is_listed(const OptionRow& row) { return row.help != nullptr; }

std::string one_a_line(std::vector<std::string> words) {
  std::sort(words.begin(), words.end());
  std::string out;
  for (const std::string& word : words) out += word + "\n";
  return out;
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options o;
  const std::string shorts = getopt_short_options();
  const std::vector<option> longs = getopt_long_options();
  optind = 0;  // so that tests may parse more than once
  opterr = 0;
  for (;;) {
    const int found = ::getopt_long(argc, argv, shorts.c_str(), longs.data(), nullptr);
    if (found == -1) break;
    if (found == ':' || found == '?') complain(found, argv[optind - 1]);
    row_of(found).apply(o, optarg != nullptr ? optarg : "");
  }
  if (optind < argc) o.plugin = argv[optind++];
  while (optind < argc) o.parameters.emplace_back(argv[optind++]);
  check_together(o);
  return o;
}

std::string usage() {
  std::string out =
      "nbdkit [OPTIONS] [--filter=FILTER ...] PLUGIN [[KEY=]VALUE ... | @FILE]\n"
      "\n"
      "Serve a network block device from PLUGIN.\n"
      "\n";
  for (const OptionRow& row : option_table()) {
    if (!is_listed(row)) continue;
    std::string names = row.short_name != 0 ? fmt::format("-{}, ", row.short_name) : "    ";
    names += fmt::format("--{}", row.long_names[0]);
    if (row.argument != nullptr) names += fmt::format("={}", row.argument);
    out += fmt::format("  {:<26} {}\n", names, row.help);
  }
  out +=
      "\n"
      "For the parameters of a plugin and of filters: nbdkit --filter=FILTER PLUGIN --help\n"
      "Manual page: nbdkit(1)\n";
  return out;
}

std::string list_short_options() {
  std::vector<std::string> out;
  for (const OptionRow& row : option_table()) {
    if (is_listed(row) && row.short_name != 0) out.push_back(fmt::format("-{}", row.short_name));
  }
  return one_a_line(std::move(out));
}

std::string list_long_options() {
  std::vector<std::string> out;
  for (const OptionRow& row : option_table()) {
    if (!is_listed(row)) continue;
    for (const char* name : row.long_names) {
      if (name != nullptr) out.push_back(fmt::format("--{}", name));
    }
  }
  return one_a_line(std::move(out));
}

}  // namespace nbdkit
