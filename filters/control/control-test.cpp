// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "base/parse.hpp"
#include "base/temp-dir.hpp"
#include "control/hub.hpp"

// What a server would export.
extern "C" void nbdkit_error(const char*, ...) {}

namespace {

using nbd::filters::Arguments;
using nbd::filters::ControlSocket;
using nbd::filters::Hub;
using nbd::filters::JsonArray;
using nbd::filters::JsonObject;

// A stack of rate over pause over a second rate.
struct TestHub {
  Hub hub;
  uint64_t rates[2] = {1, 2};
  bool paused = false;
  int owners[3] = {};

  TestHub() {
    add_rate(&owners[0], rates[1]);
    hub.add_filter(&owners[1], "pause");
    hub.add_command(&owners[1], {.name = "pause",
                                 .arguments = {},
                                 .help = "hold requests",
                                 .run = [this](const Arguments&, JsonObject&) { paused = true; }});
    add_rate(&owners[2], rates[0]);
  }
  void add_rate(const void* owner, uint64_t& rate) {
    hub.add_filter(owner, "rate");
    hub.add_command(owner, {.name = "set",
                            .arguments = {"rate"},
                            .help = "change the rate",
                            .run = [&rate](const Arguments& args, JsonObject& answer) {
                              rate = nbd::parse_size("rate", args.get("rate"));
                              answer.set("now", rate);
                            }});
  }
};

// A client of a socket.
class LineClient {
 public:
  explicit LineClient(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    connected_ =
        ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  bool connected() const { return connected_; }
  // One that was refused may be gone already; what it was told can still be read.
  void send(const std::string& text) const {
    [[maybe_unused]] const auto n = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
  }
  std::string line() {  // empty: the end
    std::string out;
    char c = 0;
    while (::recv(socket_.get(), &c, 1, 0) == 1 && c != '\n') out += c;
    return out;
  }

 private:
  nbd::Fd socket_;
  bool connected_ = false;
};

}  // namespace

TEST_CASE("JSON that is written is valid whatever is in it") {
  JsonObject o;
  o.set("a", "q\"\\\n\x7f").set("b", true).set("n", -3).set("d", 0.5).set("z", "\xff\xc3\xa4\xed");
  CHECK(o.text() == R"({"a":"q\"\\\u000a\u007f","b":true,"n":-3,"d":0.5,"z":"\u00ff)"
                    "\xc3\xa4"
                    R"(\u00ed"})");
  CHECK(JsonArray().add(JsonObject()).add("x").text() == R"([{},"x"])");
  CHECK(JsonObject().append(o).append(JsonObject()).text() == o.text());
}

TEST_CASE("a command goes to the filter that it names, from the top of the stack") {
  TestHub t;
  CHECK(t.hub.answer(R"({"filter":"rate","do":"set","rate":"10K"})") ==
        R"({"ok":true,"filter":"rate","now":10240})");
  CHECK(t.rates[0] == 10240);
  CHECK(t.hub.answer(R"({"filter":"rate-2","do":"set","rate":7,"id":[1,"x"]})") ==
        R"({"ok":true,"filter":"rate-2","now":7,"id":[1,"x"]})");
  CHECK(t.rates[1] == 7);
}

TEST_CASE("a command without a filter goes to all that know it") {
  TestHub t;
  CHECK(t.hub.answer(R"({"do":"set","rate":5})") ==
        R"({"ok":true,"answers":[{"ok":true,"filter":"rate","now":5},)"
        R"({"ok":true,"filter":"rate-2","now":5}]})");
  CHECK(t.hub.answer(R"({"do":"pause"})") ==
        R"({"ok":true,"answers":[{"ok":true,"filter":"pause"}]})");
  CHECK(t.paused);
  CHECK(t.hub.answer(R"({"do":"help"})").find(R"("do":"set","arguments":["rate"])") !=
        std::string::npos);
}

TEST_CASE("what is wrong with a command is said in the answer") {
  const TestHub t;
  const auto error = [&](const std::string& line) {
    const std::string answer = t.hub.answer(line);
    INFO(line << " -> " << answer);
    const std::string begin = R"({"ok":false,"error":")";
    REQUIRE(answer.starts_with(begin));
    return answer.substr(begin.size());
  };
  CHECK(error("").starts_with("this is no JSON: parse error"));
  CHECK(error("p").starts_with("this is no JSON: parse error"));
  CHECK(error(std::string("\xff\xfe\0", 3)).starts_with("this is no JSON: parse error"));
  CHECK(error("[]").starts_with("expected an object"));
  CHECK(error(std::string(60000, '[')).starts_with("JSON is nested deeper than 4"));
  CHECK(error("{}") == "\\\"do\\\" is missing\"}");
  CHECK(error(R"({"do":1,"id":3})") == R"(\"do\": expected a string","id":3})");
  CHECK(error(R"({"do":"pasue"})")
            .starts_with(R"(unknown command \"pasue\", did you mean \"pause\"?)"));
  CHECK(error(R"({"do":"zzz"})")
            .starts_with(R"(unknown command \"zzz\"; known are: help, set, pause)"));
  CHECK(error(R"({"do":"set","filter":"x"})")
            .starts_with(R"(unknown filter \"x\"; known are: rate, pause, rate-2)"));
  CHECK(
      error(R"({"do":"set","filter":"pause"})").starts_with(R"(unknown command of pause \"set\")"));
  CHECK(error(R"({"do":"set","filter":"rate"})").starts_with(R"(\"rate\" is missing)"));
  CHECK(error(R"({"do":"set","rate":1,"rat":2})")
            .starts_with(R"(rate: unknown argument of set \"rat\", did you mean \"rate\"?)"));
  CHECK(error(R"({"do":"set","rate":{"a":1}})").starts_with("rate: rate: "));
}

TEST_CASE("the socket answers its clients, refuses too long lines and too many, and goes away") {
  const nbd::TempDir dir("control-test");
  const std::string path = dir.path() + "/control";
  const TestHub t;
  {
    const ControlSocket socket(path, [&](std::string_view line) { return t.hub.answer(line); });
    struct stat s{};
    REQUIRE(::lstat(path.c_str(), &s) == 0);
    CHECK((s.st_mode & 0777) == 0600);

    LineClient client(path);
    client.send("{\"do\":\"pause\"}\n{}\n{\"do\":");
    CHECK(client.line().starts_with(R"({"ok":true)"));
    CHECK(client.line().starts_with(R"({"ok":false)"));
    client.send("\"pause\"}\n");
    CHECK(client.line().starts_with(R"({"ok":true)"));

    LineClient endless(path);
    endless.send(std::string(ControlSocket::kMaxLine + 1, 'x'));
    CHECK(endless.line() == R"({"ok":false,"error":"a line has at most 65536 bytes"})");
    CHECK(endless.line().empty());

    std::vector<LineClient> many;
    for (size_t i = 0; i < ControlSocket::kMaxClients; ++i) many.emplace_back(path);
    std::string refused;
    for (LineClient& c : many) {  // some of them, since others are there already
      c.send("{}\n");
      if (const std::string answer = c.line(); answer.find("64 clients") != std::string::npos) {
        refused = answer;
      }
    }
    CHECK(refused == R"({"ok":false,"error":"there are 64 clients already"})");
  }
  CHECK(::access(path.c_str(), F_OK) != 0);
}

TEST_CASE("a socket that was left behind is replaced, one that is in use is not") {
  const nbd::TempDir dir("control-test");
  const std::string path = dir.path() + "/control";
  const auto echo = [](std::string_view line) { return std::string(line); };
  {
    const nbd::Fd dead(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  const ControlSocket socket(path, echo);
  CHECK_THROWS_WITH(ControlSocket(path, echo),
                    "control=" + path + ": cannot bind to the socket: Address already in use");
  LineClient client(path);
  client.send("still here\n");
  CHECK(client.line() == "still here");
  const std::string long_path = dir.path() + "/" + std::string(200, 'x');
  CHECK_THROWS_WITH(ControlSocket(long_path, echo), Catch::Contains("at most 107 bytes"));
}
