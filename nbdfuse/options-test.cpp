// SPDX-License-Identifier: BSD-3-Clause
#include "options.hpp"

#include <catch2/catch.hpp>

#include "fuse-options.hpp"

using Catch::Contains;
using nbdfuse::Mode;
using Words = std::vector<std::string>;

namespace {

nbdfuse::Options parse(Words words) {
  words.insert(words.begin(), "nbdfuse");
  return nbdfuse::parse_options(words);
}

}  // namespace

TEST_CASE("options stand before the mount point and the URI after it") {
  const auto o = parse({"-r", "-C", "8", "--pidfile", "/run/pid", "-v", "dir/disk", "nbd://host"});
  CHECK(o.read_only);
  CHECK(o.connections == 8);
  CHECK(o.pidfile == "/run/pid");
  CHECK(o.verbose);
  CHECK(o.mount_point == "dir/disk");
  CHECK(o.target.mode == Mode::uri);
  CHECK(o.target.words == Words{"nbd://host"});
}

TEST_CASE("without options the defaults hold") {
  const auto o = parse({"dir", "nbd://host"});
  CHECK_FALSE(o.read_only);
  CHECK_FALSE(o.verbose);
  CHECK_FALSE(o.one_at_a_time);
  CHECK(o.connections == 4);
  CHECK(o.pidfile.empty());
  CHECK(o.answer.empty());
}

TEST_CASE("options have the spellings of libnbd's nbdfuse") {
  for (const char* name : {"-r", "--readonly", "--read-only"}) {
    CHECK(parse({name, "d", "u"}).read_only);
  }
  for (const char* name : {"-v", "-d", "--verbose", "--verb"}) {
    CHECK(parse({name, "d", "u"}).verbose);
  }
  for (const char* name : {"-P", "--pidfile", "--pid-file"}) {
    CHECK(parse({name, "p", "d", "u"}).pidfile == "p");
  }
  CHECK(parse({"--connections=3", "d", "u"}).connections == 3);
  CHECK(parse({"-C3", "d", "u"}).connections == 3);
  CHECK(parse({"-rv", "d", "u"}).read_only);
  CHECK(parse({"--all-exports", "d", "u"}).all_exports);
  CHECK(parse({"--cache=none", "d", "u"}).cache == nbdfuse::Cache::none);
  CHECK(parse({"--cache", "writeback", "d", "u"}).cache == nbdfuse::Cache::write_back);
  CHECK(parse({"d", "u"}).cache == nbdfuse::Cache::write_through);
  CHECK_FALSE(parse({"d", "u"}).reconnect);
  CHECK(parse({"--reconnect=7", "d", "u"}).reconnect == std::chrono::seconds(7));
  CHECK(parse({"--reconnect", "d", "u"}).reconnect > std::chrono::hours(1000));
  CHECK(parse({"--stats", "d", "u"}).stats);
  CHECK(parse({"--stats=f", "d", "u"}).stats_file == "f");
  for (const char* name : {"-u", "--unmount"}) {
    CHECK(parse({name, "d"}).unmount);
    CHECK(parse({name, "d"}).mount_point == "d");
  }
}

TEST_CASE("a mode is known by its switch and takes what stands behind it") {
  const auto target = [](Words words) {
    words.insert(words.begin(), "dir");
    return parse(words).target;
  };
  CHECK(target({"--unix", "s"}).mode == Mode::unix_socket);
  CHECK(target({"-u", "s"}).words == Words{"s"});
  CHECK(target({"--tcp", "host", "10809"}).words == Words{"host", "10809"});
  CHECK(target({"--vsock", "2", "10809"}).mode == Mode::vsock);
  CHECK(target({"--fd", "3"}).mode == Mode::fd);
  CHECK(target({"--uri", "nbd://x"}).mode == Mode::uri);
  CHECK(target({"[", "nbdkit", "-v", "memory", "1M", "]"}).words ==
        Words{"nbdkit", "-v", "memory", "1M"});
  CHECK(target({"[", "x", "]"}).mode == Mode::socket_activation);
  CHECK(target({"--socket-activation", "x", "-y"}).mode == Mode::socket_activation);
  CHECK(target({"--systemd-socket-activation", "x"}).mode == Mode::socket_activation);
  CHECK(target({"--command", "nbdkit", "-s", "memory", "-r"}).words ==
        Words{"nbdkit", "-s", "memory", "-r"});
  CHECK(target({"--cmd", "x"}).mode == Mode::command);
}

TEST_CASE("a wrong command line is refused with the word that is wrong") {
  const std::pair<Words, const char*> wrong[] = {
      {{}, "mount point is missing"},
      {{"d"}, "what to mount is missing"},
      {{"d", "u", "more"}, "\"more\""},
      {{"d", "--tcp", "host"}, "HOST PORT"},
      {{"d", "--unix"}, "SOCKET"},
      {{"d", "--fd", "3", "4"}, "N"},
      {{"d", "--nosuch", "x"}, "--nosuch"},
      {{"d", "[", "x"}, "]"},
      {{"d", "[", "]"}, "CMD"},
      {{"d", "["}, "CMD"},
      {{"-C", "0", "d", "u"}, "\"0\""},
      {{"-C", "1025", "d", "u"}, "1025"},
      {{"-C", "many", "d", "u"}, "many"},
      {{"-C"}, "needs a value"},
      {{"-z", "d", "u"}, "-z"},
      {{"--nosuch", "d", "u"}, "--nosuch"},
      {{"-P", "", "d", "u"}, "empty"},
      {{"--cache=some", "d", "u"}, "\"some\""},
      {{"--cache=none", "--reconnect=0", "d", "u"}, "\"0\""},
      {{"--reconnect=soon", "d", "u"}, "soon"},
      {{"--stats=", "d", "u"}, "empty"},
      {{"--unmount"}, "mount point is missing"},
      {{"--unmount", "d", "u"}, "--unmount"},
  };
  for (const auto& [words, text] : wrong) {
    CAPTURE(words);
    CHECK_THROWS_WITH(parse(words), Contains(text));
  }
}

TEST_CASE("questions are answered whatever else is on the line") {
  CHECK_THAT(parse({"--version"}).answer, Catch::StartsWith("nbdfuse "));
  CHECK_THAT(parse({"-V"}).answer, Contains("\nlibnbd "));
  CHECK_THAT(parse({"--help"}).answer, Contains("MOUNTPOINT[/FILENAME] URI"));
  CHECK_THAT(parse({"--fuse-help"}).answer, Contains("allow_other"));
  CHECK(parse({"--short-options"}).answer == "-C\n-d\n-o\n-P\n-r\n-s\n-v\n-V\n-u\n");
  CHECK_THAT(parse({"--long-options"}).answer, Contains("--pid-file\n--readonly\n"));
}

TEST_CASE("-o may be repeated, and lists are separated by commas") {
  CHECK(parse({"-o", "a,b=1", "-oc", "d", "u"}).fuse_options == Words{"a", "b=1", "c"});
  CHECK(nbdfuse::split_fuse_options("fsname=x\\,y,,z") == Words{"fsname=x\\,y", "z"});
  CHECK(nbdfuse::split_fuse_options("").empty());
}

TEST_CASE("of -o, what is ours is read and the rest is handed on") {
  const auto o = nbdfuse::read_fuse_options(
      {"allow_other", "uid=7", "gid=8", "umask=077", "attr_timeout=1.5", "ro", "fsname=x"});
  CHECK(o.for_kernel == Words{"allow_other", "fsname=x"});
  CHECK(o.file.uid == 7);
  CHECK(o.file.gid == 8);
  CHECK(o.file.umask == 077);
  CHECK(o.file.attr_timeout == 1.5);
  CHECK(o.read_only);
  CHECK_FALSE(o.nonempty);
}

TEST_CASE("an option of ours with a bad value is refused") {
  CHECK_THROWS_WITH(nbdfuse::read_fuse_options({"uid=root"}), Contains("root"));
  CHECK_THROWS_WITH(nbdfuse::read_fuse_options({"uid"}), Contains("needs a value"));
  CHECK_THROWS_WITH(nbdfuse::read_fuse_options({"umask=8"}), Contains("\"8\""));
  CHECK_THROWS_WITH(nbdfuse::read_fuse_options({"umask=1777"}), Contains("1777"));
  CHECK_THROWS_WITH(nbdfuse::read_fuse_options({"kernel_cache=1"}), Contains("no value"));
}
