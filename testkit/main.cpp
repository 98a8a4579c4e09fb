// SPDX-License-Identifier: BSD-3-Clause
//
// testkit: finds the bugs in an NBD client. The command line; commands.cpp does
// the work.
#include <CLI/CLI.hpp>
#include <exception>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/parse.hpp"
#include "bench/command.hpp"
#include "bench/loop-server.hpp"
#include "commands.hpp"
#include "scenario/schema.hpp"
#include "vm/cells.hpp"
#include "vm/command.hpp"

namespace {

void add_run_options(CLI::App& run, testkit::RunSettings& settings) {
  run.add_option("PATH", settings.paths, "scenario files, or folders of them")->required();
  run.add_option("-j,--jobs", settings.jobs, "cells to run at a time (default 1)")
      ->check(CLI::Range(1, 1024));
  run.add_option("--transport", settings.transports, "only these: tcp, unix, vsock")
      ->delimiter(',')
      ->check(CLI::IsMember({"tcp", "unix", "vsock"}));
  run.add_option("--filter", settings.filter, "only scenarios whose id or name matches GLOB")
      ->type_name("GLOB");
  run.add_option("--tag", settings.tags, "only scenarios with one of these tags")->delimiter(',');
  run.add_option("--cell", settings.cell, "only the cell of this number")
      ->check(CLI::PositiveNumber);
  run.add_option("--seed", settings.seed, "repeat the random choices of an earlier run");
  run.add_option("--timeout", settings.timeout,
                 "limit of a cell without one of its own (default 60s)")
      ->type_name("TIME");
  run.add_option("--nbdkit", settings.nbdkit, "the server to test against (also $TESTKIT_NBDKIT)")
      ->type_name("PROGRAM");
  run.add_option("--junit", settings.junit, "write a JUnit XML report")->type_name("FILE");
  run.add_option("--tap", settings.tap, "write a TAP 14 report")->type_name("FILE");
  run.add_option("--json", settings.json, "write a JSON report")->type_name("FILE");
  run.add_option("--html", settings.html, "write a page to look at in a browser")
      ->type_name("FILE");
  run.add_flag("--trace", settings.trace,
               "record what goes over the wire in cells without wire faults, too");
  run.add_option("--keep-logs", settings.keep_logs, "keep logs and outputs in this folder")
      ->type_name("DIR");
  run.add_option("--shard", settings.shard, "of every N cells run the Kth, from 1 on")
      ->type_name("K/N");
  run.add_option("--retries", settings.retries,
                 "run a cell that fails again, so often (default 0)");
  run.add_option("--guest", settings.guest,
                 "cells run in a guest: auto (those that this kernel cannot run; the default), "
                 "never, all; cells that ask something of the kernel: only, without")
      ->check(CLI::IsMember({"auto", "never", "all", "only", "without"}));
  run.add_flag("--list", settings.list, "list the cells, run nothing");
  run.add_flag("-q,--quiet", settings.quiet, "print only what failed, and the totals");
}

void add_serve_options(CLI::App& serve, testkit::ServeSettings& settings) {
  serve.add_option("SCENARIO", settings.path, "a scenario file")->required();
  serve.add_option("--cell", settings.cell, "the cell of the matrix (default the first that fits)");
  serve.add_option("--transport", settings.transport, "tcp, unix or vsock")
      ->check(CLI::IsMember({"tcp", "unix", "vsock"}));
  serve.add_option("--seed", settings.seed, "repeat the random choices of an earlier run");
  serve.add_option("--nbdkit", settings.nbdkit, "the server (also $TESTKIT_NBDKIT)")
      ->type_name("PROGRAM");
  serve.add_option("--keep-logs", settings.keep_logs, "keep logs and the trace in this folder")
      ->type_name("DIR");
}

void add_bench_options(CLI::App& bench, testkit::bench::BenchSettings& settings) {
  bench
      .add_option("--server", settings.servers,
                  "a server to start, with $unixsocket or $port in its command; :loop is built in")
      ->type_name("'[@NAME ]CMD'");
  bench.add_option("--uri", settings.uris, "a server that runs")->type_name("'[@NAME ]URI'");
  bench
      .add_option("-w,--workload", settings.workloads,
                  "read write rw randread randwrite randrw blockstatus connect idle start, then "
                  "bs= depth= connections= range= writes= replies= pin=")
      ->type_name("W[:KEY=VALUE,...]")
      ->required();
  bench.add_option("--time", settings.time, "of each round (default 1s)")->type_name("TIME");
  bench.add_option("--rounds", settings.rounds, "how often each server's turn comes (default 3)")
      ->check(CLI::Range(1, 1000));
  bench.add_option("--threads", settings.threads, "of the client (default half of the processors)")
      ->check(CLI::Range(1, 256));
  bench.add_flag("--verify", settings.verify,
                 "write a pattern first, and compare what is read; destroys the disk's data");
  bench
      .add_option("--before", settings.before, "run this before each round, once all else is ready")
      ->type_name("CMD");
  bench.add_option("--tls-psk", settings.tls_psk, "talk TLS, with the first USER:HEX of this file")
      ->type_name("FILE");
  bench
      .add_option("--tls-priority", settings.tls_priority,
                  "of GnuTLS, for the client (default TLS 1.3 with AES-128-GCM)")
      ->type_name("PRIORITY");
  bench.add_option("--json", settings.json, "write a JSON report")->type_name("FILE");
  bench.add_option("--html", settings.html, "write a page with plots")->type_name("FILE");
  bench.add_option("--markdown", settings.markdown, "write the tables")->type_name("FILE");
  bench.add_flag("-q,--quiet", settings.quiet, "print no tables");
}

void add_proxy_options(CLI::App& proxy, testkit::ProxySettings& settings) {
  proxy.add_option("--listen", settings.listen, "where clients connect")
      ->type_name("URI")
      ->required();
  proxy.add_option("--to", settings.server, "the server")->type_name("URI")->required();
  proxy.add_option("--faults", settings.faults, "wire faults: a JSON file")->type_name("FILE");
  auto* tls = proxy
                  .add_option("--tls-certificates", settings.tls_folder,
                              "end the clients' TLS with server-cert.pem, server-key.pem and "
                              "ca-cert.pem in this folder; the server is talked to plainly")
                  ->type_name("DIR");
  proxy.add_flag("--tls-psk", settings.tls_psk, "... with the keys in its keys.psk")->needs(tls);
  proxy.add_option("--trace", settings.trace, "write what goes by as JSON lines")
      ->type_name("FILE");
  proxy.add_option("--seed", settings.seed, "repeat the random choices of an earlier run");
}

void add_vm_options(CLI::App& vm, testkit::vm::VmSettings& settings) {
  vm.add_option("--backend", settings.backend,
                "what runs the guest: auto (default), uml, qemu, kvm (also $TESTKIT_VM_BACKEND)")
      ->check(CLI::IsMember({"auto", "uml", "qemu", "kvm"}));
  vm.add_option("--timeout", settings.timeout, "limit of the command (default 600s)")
      ->type_name("TIME");
  vm.add_option("--cd", settings.directory, "where the command runs (default here)")
      ->type_name("DIR");
  vm.add_option("--share", settings.shares, "a folder in which changes stay")
      ->type_name("DIR")
      ->allow_extra_args(false);
  vm.add_option("--modules", settings.modules, "kernel modules to load besides the usual ones")
      ->delimiter(',')
      ->allow_extra_args(false);
  vm.add_flag("--prepare", settings.prepare, "only fetch what is needed");
  vm.add_flag("-v,--verbose", settings.verbose, "tell what runs the guest, and times");
  vm.add_option("COMMAND", settings.command, "what runs in the guest, and its arguments");
  vm.positionals_at_end();
}

struct LoopOptions {
  std::string socket_path, port, size = "1G";
};

void add_loop_options(CLI::App& loop, LoopOptions& options) {
  auto* unix_option = loop.add_option("-U,--unix", options.socket_path, "the socket to listen on");
  loop.add_option("-p,--port", options.port, "the port of 127.0.0.1 to listen on")
      ->excludes(unix_option);
  loop.add_option("--size", options.size, "of the disk (default 1G)");
}

[[noreturn]] void run_loop_server(const LoopOptions& options) {
  testkit::bench::LoopServer server{options.socket_path, 0,
                                    nbd::parse_size("--size", options.size)};
  if (options.socket_path.empty() && options.port.empty()) {
    nbd::fail("bench-server: give --unix or --port");
  }
  if (!options.port.empty()) {
    server.port = static_cast<uint16_t>(nbd::parse_int("--port", options.port, 1, 65535));
  }
  testkit::bench::serve_loop(server);
}

int run(int argc, char** argv) {
  CLI::App app(
      "testkit: finds the bugs in an NBD client by running scenarios against captive servers");
  app.require_subcommand(1);
  app.set_version_flag("--version", "testkit " TESTKIT_VERSION);

  testkit::RunSettings settings;
  CLI::App* run_command = app.add_subcommand("run", "run scenarios");
  add_run_options(*run_command, settings);

  std::vector<std::string> paths;
  CLI::App* check_command = app.add_subcommand("check", "look for mistakes in scenario files");
  check_command->add_option("PATH", paths, "scenario files, or folders of them")->required();

  CLI::App* schema_command = app.add_subcommand("schema", "print the JSON Schema of scenarios");

  testkit::ServeSettings serve_settings;
  CLI::App* serve_command =
      app.add_subcommand("serve", "start the server side of a scenario, for a client of your own");
  add_serve_options(*serve_command, serve_settings);

  testkit::ProxySettings proxy_settings;
  CLI::App* proxy_command =
      app.add_subcommand("proxy", "stand between a client and a server, and do what goes wrong");
  add_proxy_options(*proxy_command, proxy_settings);

  testkit::bench::BenchSettings bench_settings;
  CLI::App* bench_command = app.add_subcommand("bench", "measure and compare servers");
  add_bench_options(*bench_command, bench_settings);

  testkit::vm::VmSettings vm_settings;
  CLI::App* vm_command = app.add_subcommand("vm", "run a command under a guest kernel");
  add_vm_options(*vm_command, vm_settings);

  std::string cells_file;
  CLI::App* cells_command = app.add_subcommand("run-cells", "the end of run that is in a guest");
  cells_command->group("");  // not for people
  cells_command->add_option("FILE", cells_file)->required();

  LoopOptions loop_options;
  CLI::App* loop_command =
      app.add_subcommand("bench-server", "the least server there can be, to compare with");
  add_loop_options(*loop_command, loop_options);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? testkit::kExitPass : testkit::kExitUsage;
  }
  if (loop_command->parsed()) run_loop_server(loop_options);
  if (schema_command->parsed()) {
    fmt::print("{}", testkit::schema_text());
    return testkit::kExitPass;
  }
  if (serve_command->parsed()) return testkit::serve_scenario(serve_settings);
  if (proxy_command->parsed()) return testkit::run_proxy(proxy_settings);
  if (cells_command->parsed()) return testkit::vm::run_cells(cells_file);
  if (vm_command->parsed()) return testkit::vm::run_vm(vm_settings);
  // Bad input of a bench is an error like any other; 2 is for scenario files.
  try {
    if (bench_command->parsed()) return testkit::bench::run_bench(bench_settings);
  } catch (const nbd::Error& error) {
    nbd::log::error(std::string_view(error.what()));
    return testkit::kExitFailed;
  }
  return run_command->parsed() ? testkit::run_scenarios(settings) : testkit::check_scenarios(paths);
}

}  // namespace

int main(int argc, char** argv) {
  nbd::log::set_program("testkit");
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    nbd::log::error(std::string_view(error.what()));
    return testkit::kExitUsage;
  }
}
