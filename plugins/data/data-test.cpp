// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>
#include <catch2/catch.hpp>
#include <nbdkit/error.hpp>

#include <cstdlib>
#include <map>
#include <random>
#include <span>

#include "base/base64.hpp"
#include "base/temp-dir.hpp"
#include "evaluator.hpp"

namespace {

using data::ImagePtr;

class StringSink final : public data::Sink {
 public:
  explicit StringSink(size_t size) : out(size, '?') {}
  void put(std::span<const std::byte> bytes, uint64_t at) override {
    out.replace(at, bytes.size(), reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  void zero(uint64_t count, uint64_t at) override { out.replace(at, count, count, '\0'); }
  std::string out;
};

ImagePtr image_of(const std::string& text) {
  return data::evaluate(*data::parse(text, [](const std::string& name) {
    if (name == "two") return std::optional<std::string>("1 2");
    if (name == "self") return std::optional<std::string>("$self");
    return std::optional<std::string>();
  }));
}

std::string window(const data::Image& image, uint64_t from, uint64_t to) {
  StringSink sink(to - from);
  image.write(sink, from, to, 0);
  return sink.out;
}

// What a store that is all zeroes would hold: gaps of the image are not written.
std::string bytes_of(const std::string& text) {
  const ImagePtr image = image_of(text);
  return window(*image, 0, image->size());
}

std::string error_of(const std::string& text) {
  try {
    image_of(text);
  } catch (const nbd::Error& e) {
    return e.what();
  }
  return "no error";
}

std::string z(size_t count) { return std::string(count, '\0'); }

// A failing seed is given again with SEED=N.
unsigned seed() {
  const char* given = std::getenv("SEED");
  return given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 0))
                          : std::random_device()();
}

}  // namespace

TEST_CASE("escapes that Debian's server does not know are as in C") {
  CHECK(bytes_of(R"("\x41\x4a1\101\0z\1018")") == std::string("AJ1A\0zA8", 8));
  CHECK(error_of(R"("\400")").starts_with("data:1:2: this escape is not a byte"));
  CHECK(error_of(R"("\xg")").starts_with("data:1:2: "));
}

TEST_CASE("newer words: offsets with units, base64 inside the text") {
  CHECK(image_of("@4M")->size() == 4 << 20);
  CHECK(image_of("@1k @+1K @^1m")->size() == 1 << 20);
  CHECK(bytes_of("base64:YWJj 1 base64:ZA==*2") == "abc\1dd");
  CHECK(error_of("base64:YW").starts_with("data:1:8: this is not base64"));
}

TEST_CASE("base64 has padding and nothing after it") {
  CHECK(nbd::decode_base64("") == "");
  CHECK(nbd::decode_base64("YQ==") == "a");
  CHECK(nbd::decode_base64("YW\nI=") == "ab");
  for (const char* bad : {"Y", "YQ", "YQ=", "YQ===", "====", "YQ==YQ==x", "Y!==", "=YQ="}) {
    CHECK(nbd::decode_base64(bad) == std::nullopt);
  }
}

TEST_CASE("an error points at its place, in the text where it is") {
  CHECK(error_of("1 2 256") ==
        "data:1:5: a byte must be in the range 0 to 255\n  1 2 256\n      ^");
  CHECK(error_of("1\n 2 @^3\n").starts_with("data:2:4: an alignment must be a power of 2"));
  CHECK(error_of("$two[1:5]").starts_with("data:1:5: this slice is not within the 2 bytes"));
  CHECK(error_of("(1 (2)").starts_with("data:1:1: this parenthesis is not closed"));
  CHECK(error_of("1 2 )").starts_with("data:1:5: this parenthesis closes nothing"));
  CHECK(error_of("1 ->\\a*2").starts_with("data:1:7: this operator must follow"));
  CHECK(error_of("\\nothing").starts_with("data:1:1: \\nothing has not been assigned"));
  const std::string far = error_of(z(0).append(100, ' ') + "?" + std::string(100, ' '));
  CHECK(far.find('^') - far.rfind('\n') == far.find('?') - far.find('\n'));
}

TEST_CASE("depth and size are bounded") {
  CHECK(error_of("$self").find("nested more than 100 deep") != std::string::npos);
  CHECK(error_of(std::string(5000, '(') + std::string(5000, ')')).find("nested more") !=
        std::string::npos);
  std::string stars = "1";
  for (int i = 0; i < 5000; ++i) stars += "*1";
  CHECK(error_of(stars).find("more than 100 operators") != std::string::npos);
  std::string names = "1 -> \\a ";
  for (int i = 0; i < 60000; ++i) names += "(\\a @+20000 2) -> \\a\n";
  CHECK(error_of(names).find("names in names more than 1000 deep") != std::string::npos);
  CHECK(error_of("1*9223372036854775807 1").find("larger than 9223372036854775807") !=
        std::string::npos);
  CHECK(error_of("(1 2)*9223372036854775807").find("larger than") != std::string::npos);
  CHECK(error_of("@9223372036854775807 @+1").find("larger than") != std::string::npos);
  CHECK(error_of("1 @^4611686018427387904 @+4611686018427387904").find("larger") !=
        std::string::npos);
}

TEST_CASE("zeroes cost nothing, and what bytes will cost is known before") {
  CHECK(image_of("0*1000000000000")->stored() == 0);
  CHECK(image_of("((@1000000)*1000000)*1000000")->stored() == 0);
  CHECK(image_of("(@1000000000000 1)*1000")->stored() <= 1000 * 3 * data::kPage);
  CHECK(image_of("1*1000000000000")->stored() >= 1000000000000);
  CHECK(image_of("(1*1000000000000)[:1000]")->stored() <= 3 * data::kPage);
  // Doubling by names: 2^50 bytes.
  std::string doubling = "1 -> \\a ";
  for (int i = 0; i < 50; ++i) doubling += "(\\a \\a) -> \\a ";
  CHECK(image_of(doubling + "\\a")->stored() >= uint64_t{1} << 50);
  const ImagePtr image = image_of("(@1000000000000 7)*1000");
  CHECK(window(*image, 999999999999, 1000000000002) == std::string("\0\7\0", 3));
}

TEST_CASE("a file is read once, without its holes") {
  const nbd::TempDir dir("datatest");
  const std::string path = dir / "sparse";
  FILE* f = std::fopen(path.c_str(), "w");
  REQUIRE(f != nullptr);
  std::fseek(f, 1 << 20, SEEK_SET);
  std::fputs("end", f);
  std::fclose(f);
  const ImagePtr image = image_of("<" + path + "*2");
  CHECK(image->size() == 2 * ((1 << 20) + 3));
  CHECK(image->stored() < 10 * data::kPage);
  CHECK(window(*image, (1 << 20) - 1, (1 << 20) + 4) == std::string("\0end\0", 5));
}

// Goal: values, offsets, repetitions, slices and names of any shape come out as
// a simple model says. Method: grow random expressions together with the bytes
// they stand for, the model working on flat strings; compare whole disks and
// windows of them.
namespace {

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}
  size_t below(size_t n) { return random_() % n; }

  // An expression that has bytes, and these.
  std::pair<std::string, std::string> value(unsigned depth) {
    auto [text, bytes] = leaf_or_group(depth);
    for (size_t n = below(3); n > 0 && depth > 0; --n) {
      if (below(2) == 0) {
        const size_t most = bytes.size() > 1000 ? 3 : 40;
        const size_t count = below(most);
        std::string all;
        for (size_t i = 0; i < count; ++i) all += bytes;
        text += below(2) == 0 ? fmt::format("*{}", count) : fmt::format(" * {:#x}", count);
        bytes = all;
      } else {
        const size_t start = below(bytes.size() + 1);
        const size_t end = start + below(bytes.size() - start + 1);
        text += fmt::format("[{}:{}]", start, end);
        bytes = bytes.substr(start, end - start);
      }
    }
    return {text, bytes};
  }

  std::pair<std::string, std::string> list(unsigned depth) {
    std::string text, bytes;
    size_t at = 0;
    const auto names = names_;
    for (size_t n = below(6); n > 0; --n) {
      if (below(3) == 0) {
        text += move(at) + " ";
        if (bytes.size() < at) bytes.resize(at);
        continue;
      }
      auto [t, b] = value(depth);
      if (below(5) == 0) {
        const std::string name(1, static_cast<char>('a' + below(3)));
        text += t + " -> \\" + name + " ";
        names_[name] = b;
        continue;
      }
      text += t + " ";
      if (bytes.size() < at + b.size()) bytes.resize(at + b.size());
      bytes.replace(at, b.size(), b);
      at += b.size();
    }
    names_ = names;
    return {text, bytes};
  }

 private:
  std::pair<std::string, std::string> leaf_or_group(unsigned depth) {
    switch (below(depth > 0 ? 6 : 3)) {
      case 0: {
        const auto byte = below(3) * 100;
        return {fmt::format("{}", byte), std::string(1, static_cast<char>(byte))};
      }
      case 1: return {"\"xyz\"", "xyz"};
      case 2:
        if (names_.empty()) return {"be16:0x102", "\1\2"};
        return {"\\" + names_.begin()->first, names_.begin()->second};
      default: {
        const auto [text, bytes] = list(depth - 1);
        return {"( " + text + ")", bytes};
      }
    }
  }
  std::string move(size_t& at) {
    const size_t n = below(below(20) == 0 ? 50000 : 50);
    switch (below(4)) {
      case 0: at = n; return fmt::format("@{}", n);
      case 1: at += n; return fmt::format("@+{}", n);
      case 2: {
        const size_t back = std::min(n, at);
        at -= back;
        return fmt::format("@-{}", back);
      }
      default: at = (at + 63) / 64 * 64; return "@^64";
    }
  }

  std::mt19937 random_;
  std::map<std::string, std::string> names_;
};

}  // namespace

TEST_CASE("random expressions stand for what a simple model says") {
  const unsigned start = seed();
  INFO("SEED=" << start);
  Generator generator(start);
  for (int i = 0; i < 2000; ++i) {
    const auto [text, bytes] = generator.list(3);
    if (bytes.size() > 4 << 20) continue;
    CAPTURE(text);
    const ImagePtr image = image_of(text);
    REQUIRE(image->size() == bytes.size());
    REQUIRE(window(*image, 0, bytes.size()) == bytes);
    const size_t from = generator.below(bytes.size() + 1);
    const size_t to = from + generator.below(bytes.size() - from + 1);
    REQUIRE(window(*image, from, to) == bytes.substr(from, to - from));
  }
}

TEST_CASE("random text is parsed or refused with its place") {
  const unsigned start = seed();
  INFO("SEED=" << start);
  std::mt19937 random(start);
  constexpr const char* kWords[] = {
      "1", "0xff", "\"a", "\"", "(",  ")",  "*", "3", "[",  ":", "]",       "->",    "\\",  "\\a",
      "$", "$two", "@",   "@+", "@-", "@^", "8", "#", "\n", " ", "base64:", "le16:", "YQ=="};
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (size_t n = random() % 12; n > 0; --n) {
      text += random() % 50 == 0 ? std::string(1, static_cast<char>(random()))
                                 : kWords[random() % std::size(kWords)];
    }
    if (text.find('<') != std::string::npos) continue;  // no files and commands of chance
    CAPTURE(text);
    try {
      image_of(text);
    } catch (const nbd::Error& e) {
      const std::string_view what = e.what();
      REQUIRE((what.starts_with("data:") || what.starts_with("$two:")));
      REQUIRE(what.ends_with('^'));
    }
  }
}
