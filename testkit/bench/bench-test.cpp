// SPDX-License-Identifier: BSD-3-Clause
#include <sys/socket.h>

#include <array>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "bench/command.hpp"
#include "bench/replies.hpp"
#include "bench/report.hpp"
#include "net/socket-io.hpp"
#include "wire/reply.hpp"

using namespace testkit;
using namespace testkit::bench;
using Catch::Matchers::Contains;
namespace wire = nbd::wire;

TEST_CASE("percentiles are within a bucket's width, at any size") {
  Histogram h;
  CHECK(h.percentile(50) == 0);
  for (uint64_t i = 1; i <= 1000; ++i) h.add(i * 1000);
  CHECK(h.percentile(50) == Approx(500e3).epsilon(0.016));
  CHECK(h.percentile(99) == Approx(990e3).epsilon(0.016));
  CHECK(h.percentile(99.9) == Approx(999e3).epsilon(0.016));
  CHECK(h.percentile(0) == Approx(1e3).epsilon(0.016));
  CHECK(h.percentile(100) == Approx(1e6).epsilon(0.016));
  Histogram small;
  for (const uint64_t ns : {0, 63, 64}) small.add(ns);
  CHECK(small.percentile(1) == 0);
  CHECK(small.percentile(50) == 63);
  h.merge(small);
  CHECK(h.total() == 1003);
}

TEST_CASE("every time has a bucket, and buckets follow each other") {
  size_t last = 0;
  for (unsigned bit = 0; bit < 64; ++bit) {
    const uint64_t ns = uint64_t{1} << bit;
    const size_t bucket = Histogram::bucket_of(ns);
    CHECK(bucket >= last);
    if (bit < 46)
      CHECK(Histogram::middle_of(bucket) == Approx(static_cast<double>(ns)).epsilon(0.02));
    last = bucket;
  }
  Histogram h;
  h.add(~uint64_t{0});
  CHECK(h.percentile(50) > 1e13);
}

TEST_CASE("rounds become a median with min and max; what no round has is nothing") {
  const auto odd = summarize({3.0, 1.0, 2.0});
  REQUIRE(odd);
  CHECK(odd->median == 2);
  CHECK(odd->min == 1);
  CHECK(odd->max == 3);
  CHECK(summarize({4.0, 1.0, std::nullopt})->median == 2.5);
  CHECK_FALSE(summarize({std::nullopt}));
  CHECK(*ratio(Summary{3, 3, 3}, Summary{2, 2, 2}) == 1.5);
  CHECK_FALSE(ratio(Summary{3, 3, 3}, Summary{0, 0, 0}));
  CHECK_FALSE(ratio(std::nullopt, Summary{2, 2, 2}));
}

TEST_CASE("workloads are read, and each mistake is named") {
  const Workload w = parse_workload("randrw:bs=64K,depth=32,connections=8,writes=30,range=1M");
  CHECK(w.random);
  CHECK(w.block_size == 65536);
  CHECK(w.depth == 32);
  CHECK(w.connections == 8);
  CHECK(w.write_percent == 30);
  CHECK(w.range == 1 << 20);
  CHECK(parse_workload("blockstatus").structured);
  CHECK(parse_workload("read").pin == Pin::no);
  CHECK(parse_workload("read:pin=apart").pin == Pin::apart);
  CHECK_FALSE(parse_workload("read").awake);
  CHECK(parse_workload("read:client=awake").awake);
  CHECK(parse_workload("start").kind == Kind::start);
  const auto [text, problem] = GENERATE(
      table<const char*, const char*>({{"reed", "unknown kind \"reed\""},
                                       {"read:bs", "\"bs\" is not KEY=VALUE"},
                                       {"read:bs=0", "must be 1 to 33554432 bytes"},
                                       {"read:bs=33M", "must be 1 to 33554432 bytes"},
                                       {"read:depth=0", "depth"},
                                       {"read:depth=5000", "depth"},
                                       {"read:connections=x", "connections"},
                                       {"read:writes=30", "only rw and randrw"},
                                       {"read:replies=odd", "must be simple or structured"},
                                       {"read:pin=here", "must be together or apart"},
                                       {"read:client=tired", "must be asleep or awake"},
                                       {"blockstatus:replies=simple", "only in structured"},
                                       {"read:range=1K", "smaller than a request"},
                                       {"read:colour=red", "unknown key \"colour\""}}));
  CHECK_THROWS_WITH(parse_workload(text), Contains(problem) && Contains(text));
}

TEST_CASE("servers and URIs are read, and each mistake is named") {
  const Target named = parse_server("@ours nbdkit -f -U $unixsocket null");
  CHECK(named.name == "ours");
  CHECK(named.command == "nbdkit -f -U $unixsocket null");
  CHECK(parse_server("/usr/bin/qemu-nbd -p ${port} x").name == "qemu-nbd");
  CHECK(parse_server(":loop").name == "loop");
  CHECK_THROWS_WITH(parse_server("nbdkit null"), Contains("neither $unixsocket nor $port"));
  CHECK_THROWS_WITH(parse_server("@ours"), Contains("after @"));

  const Address tcp = parse_uri("nbd://[::1]:99/a%20b");
  CHECK(tcp.host == "::1");
  CHECK(tcp.port == "99");
  CHECK(tcp.export_name == "a b");
  CHECK(tcp.uri() == "nbd://[::1]:99/a%20b");
  CHECK(parse_uri("nbd://example").port == "10809");
  CHECK(parse_uri("nbd+unix:///?socket=/tmp/s").path == "/tmp/s");
  CHECK_THROWS_WITH(parse_uri("nbds://h/"), Contains("TLS"));
  CHECK_THROWS_WITH(parse_uri("nbd+unix:///"), Contains("?socket=PATH"));
  CHECK_THROWS_WITH(parse_uri("nbd://h/%2"), Contains("hexadecimal"));
  CHECK_THROWS_WITH(parse_uri("nbd+unix:///?socket=%zz"), Contains("hexadecimal"));
}

namespace {

// A client with one request in flight, and the server's end of its socket.
struct Exchange {
  Exchange(wire::Command command, const Pattern* verify) : replies(2, verify) {
    std::array<int, 2> fds{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()) == 0);
    client.socket.reset(fds[0]);
    server.reset(fds[1]);
    slot = replies.take_slot();
    slot->request.command = command;
    slot->request.offset = 8192;
    slot->request.length = 4096;
    slot->sent_ns = 1;
  }
  void answer(wire::Bytes bytes) {
    send_all(server.get(), bytes);
    while (replies.receive(client, MSG_DONTWAIT)) replies.parse(1001, tally);
  }
  Replies replies;
  Tally tally;
  Session client;
  nbd::Fd server;
  Slot* slot;
};

}  // namespace

TEST_CASE("replies are understood in both forms, also byte by byte") {
  const Pattern pattern(Replies::kBufferSize);
  const auto style = GENERATE(wire::ReplyStyle::simple, wire::ReplyStyle::structured);
  Exchange e(wire::Command::read, &pattern);
  const auto header = wire::data_chunk(style, e.slot->request, 8192, 4096);
  for (const std::byte b : header.view()) e.answer({&b, 1});
  e.answer({pattern.at(8192), 1000});
  CHECK(e.tally.requests == 0);
  e.answer({pattern.at(9192), 3096});
  CHECK(e.tally.requests == 1);
  CHECK(e.tally.bytes == 4096);
  CHECK(e.tally.latency.percentile(50) == Approx(1000).epsilon(0.02));
  CHECK(e.replies.in_flight() == 0);
  CHECK_THROWS_WITH(e.answer(header.view()), Contains("which is not in flight"));
}

TEST_CASE("a reply that is wrong ends the bench with a sentence") {
  const Pattern pattern(Replies::kBufferSize);
  Exchange e(wire::Command::read, &pattern);
  const wire::Request r = e.slot->request;
  wire::Request other = r;
  other.cookie += 1;
  const auto style = wire::ReplyStyle::structured;
  SECTION("an error") {
    const auto form = GENERATE(wire::ReplyStyle::simple, wire::ReplyStyle::structured);
    CHECK_THROWS_WITH(e.answer(wire::error_reply(form, r, wire::ErrorCode::eio, "bad").bytes()),
                      Contains("NBD_CMD_READ of 4096 bytes at offset 8192 with EIO"));
  }
  SECTION("a cookie") {
    CHECK_THROWS_WITH(e.answer(wire::data_chunk(style, other, 8192, 4096).view()),
                      Contains("not in flight"));
  }
  SECTION("too much, too little, elsewhere") {
    // A header is judged once the 4 bytes that the longest has besides are there.
    e.answer(wire::data_chunk(style, r, 8192, 4097).view());
    CHECK_THROWS_WITH(e.answer({pattern.at(0), 4}), Contains("with 4097 bytes at offset 8192"));
    Exchange f(wire::Command::read, &pattern);
    f.answer(wire::data_chunk(style, f.slot->request, 8191, 4096).view());
    CHECK_THROWS_WITH(f.answer({pattern.at(0), 4}), Contains("at offset 8191"));
    Exchange g(wire::Command::read, nullptr);
    g.answer(wire::data_chunk(style, g.slot->request, 8192, 1).view());
    CHECK_THROWS_WITH(g.answer({pattern.at(0), 1}), Contains("with 1 bytes"));
  }
  SECTION("data of another block") {
    e.answer(wire::data_chunk(style, r, 8192, 4096).view());
    CHECK_THROWS_WITH(e.answer({pattern.at(4096), 4096}), Contains("wrong data"));
  }
  SECTION("a hole, where the bench has written") {
    CHECK_THROWS_WITH(e.answer(wire::hole_chunk(style, r, 8192, 4096, true).view()),
                      Contains("a hole at offset 8192"));
  }
  SECTION("garbage, and the end") {
    CHECK_THROWS_WITH(e.answer(wire::Bytes(pattern.at(0), 32)), Contains("where a reply should"));
    e.server.reset();
    CHECK_THROWS_WITH(e.replies.receive(e.client, 0), Contains("1 requests open"));
  }
}

TEST_CASE("reports show medians, ranges and the ratio to the first server") {
  Round a{.iops = 100, .mb_per_s = 0, .p50_us = 10, .p99_us = 20, .p999_us = 30};
  Round b = a;
  b.iops = 250;
  b.cpu_us = 4;
  BenchReport report{{{"a", "serve <a>"}, {"b", "serve b"}}, 1, 2, {}};
  report.workloads.push_back({parse_workload("connect"), {{"a", {a, a}}, {"b", {b, b}}}});
  const std::string text = text_table(report.workloads[0]);
  CHECK_THAT(text, Contains("250 (2.50x)") && Contains("CPU us/request") && !Contains("MB/s"));
  CHECK_THAT(markdown_report(report), Contains("| b | 250 (2.50x)<br>250-250 |"));
  const auto json = nlohmann::json::parse(json_report(report));
  CHECK(json["workloads"][0]["results"][1]["iops"]["ratio"] == 2.5);
  CHECK(json["workloads"][0]["results"][1]["iops"]["rounds"].size() == 2);
  CHECK_FALSE(json["workloads"][0]["results"][0].contains("cpu_us"));
  CHECK_THAT(html_report(report), Contains("serve &lt;a&gt;") && Contains("<rect"));
  CHECK(show_number(123456) == "123456");
  CHECK(show_number(12.34) == "12.3");
  CHECK(show_number(0.1234) == "0.123");
}
