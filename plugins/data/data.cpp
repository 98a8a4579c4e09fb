// SPDX-License-Identifier: BSD-3-Clause
//
// data: a small disk that is written down on the command line.
//
// The text is parsed before the server forks (parser), turned into an image
// that is still only a description (evaluator), and written into the store of
// the memory plugin, which serves it. So errors point into the text while the
// user can see them, and a client may write; it is forgotten at the end.
#include <fmt/format.h>

#include <cstdlib>
#include <map>
#include <optional>

#include "../memory/served.hpp"
#include "base/base64.hpp"
#include "evaluator.hpp"

namespace {

// A slip of the finger in a repetition must not take all the memory.
constexpr uint64_t kMaxStored = uint64_t{4} << 30;
static_assert(memory::kPageSize <= data::kPage);

// Writes into a store that is all zeroes yet.
class StoreSink final : public data::Sink {
 public:
  explicit StoreSink(memory::Store& store) : store_(store) {}
  void put(std::span<const std::byte> bytes, uint64_t at) override {
    if (!store_.write(bytes, at).ok()) throw std::bad_alloc();
    written_ = std::max(written_, at + bytes.size());
  }
  void zero(uint64_t count, uint64_t at) override {
    if (at >= written_) return;
    if (!store_.zero(std::min(count, written_ - at), at).ok()) throw std::bad_alloc();
  }

 private:
  memory::Store& store_;
  uint64_t written_ = 0;  // all is zero from here on
};

struct Data : memory::Served {
  static constexpr auto name = "data";
  static constexpr auto longname = "nbdkit data plugin";
  static constexpr auto description = "Small disk written down on the command line";
  static constexpr auto help =
      "[data=]<DATA> | raw=<BYTES> | base64=<BASE64>   (required) what is on the disk\n"
      "size=<SIZE>                   size of the disk (default: as the data needs)\n"
      "allocator=sparse|malloc[,mlock=true]|zstd[,level=<N>]\n"
      "                              how it is kept (default sparse)\n"
      "<VAR>=<DATA>                  what $VAR stands for in the data";
  static constexpr auto magic_key = "data";
  static constexpr bool never_blocks = true;
  static constexpr bool tells_holes = true;

  bool config(std::string_view key, std::string_view value) {
    if (key == "data" || key == "raw" || key == "base64") {
      if (!kind_.empty()) {
        throw nbd::Error(fmt::format("data: {}= was given, but there is {}= already", key, kind_));
      }
      kind_ = key;
      text_ = value;
    } else if (key == "size") {
      size_ = nbd::parse_size(value);
    } else if (key == "allocator") {
      parse_allocator(value);
    } else if (data::is_variable_name(key)) {
      variables_.insert_or_assign(std::string(key), std::string(value));
    } else {
      return false;
    }
    return true;
  }

  void config_complete() {
    if (kind_.empty()) throw nbd::Error("data: you must give one of data=, raw= and base64=");
    if (kind_ == "data") {
      program_ = data::parse(text_, [this](const std::string& var) { return variable(var); });
    } else if (kind_ == "raw") {
      image_ = data::Image::bytes(text_);
    } else {
      const auto decoded = nbd::decode_base64(text_);
      if (!decoded) throw nbd::Error("data: base64= is not base64 with padding");
      image_ = data::Image::bytes(*decoded);
    }
  }

  void get_ready() {
    if (program_) image_ = data::evaluate(*program_);
    const uint64_t size = size_.value_or(image_->size());
    image_ = data::Image::slice(image_, 0, std::min(size, image_->size()));
    if (image_->stored() > kMaxStored) {
      throw nbd::Error(
          fmt::format("data: the bytes that are not zero would take up to {} bytes "
                      "of memory, more than {}",
                      image_->stored(), kMaxStored));
    }
    StoreSink sink(make_store(size));
    image_->write(sink, 0, image_->size(), 0);
    image_.reset();
    program_.reset();
  }

  void dump_plugin() {
    fmt::print("data_base64=yes\n");
    Served::dump_plugin();
  }

 private:
  std::optional<std::string> variable(const std::string& var) const {
    if (const auto found = variables_.find(var); found != variables_.end()) return found->second;
    const char* value = std::getenv(var.c_str());
    return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
  }

  std::string kind_, text_;  // which of the three, and its value
  std::map<std::string, std::string> variables_;
  std::optional<uint64_t> size_;
  std::unique_ptr<data::Program> program_;
  data::ImagePtr image_;
};

}  // namespace

NBDKIT_PLUGIN(Data)
