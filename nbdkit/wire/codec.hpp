// SPDX-License-Identifier: BSD-3-Clause
//
// Big-endian integers in byte ranges. Writer appends to a caller's storage;
// Reader takes from bytes that a peer sent and never goes past their end.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nbd::wire {

using Bytes = std::span<const std::byte>;

template <std::unsigned_integral T>
constexpr T byte_swap(T value) {
  if constexpr (sizeof(T) == 1) return value;
  if constexpr (sizeof(T) == 2) return __builtin_bswap16(value);
  if constexpr (sizeof(T) == 4) return __builtin_bswap32(value);
  if constexpr (sizeof(T) == 8) return __builtin_bswap64(value);
}

template <std::unsigned_integral T>
constexpr T big_endian(T value) {
  return std::endian::native == std::endian::little ? byte_swap(value) : value;
}

// REQUIRES: sizeof(T) bytes at `at`.
template <std::unsigned_integral T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return big_endian(value);
}

template <std::unsigned_integral T>
void store(std::byte* at, T value) {
  value = big_endian(value);
  std::memcpy(at, &value, sizeof value);
}

// Takes values from the front; nullopt when too few bytes are left, and then
// nothing is taken.
class Reader {
 public:
  explicit Reader(Bytes bytes) : rest_(bytes) {}

  template <std::unsigned_integral T>
  std::optional<T> take() {
    if (rest_.size() < sizeof(T)) return std::nullopt;
    const T value = load<T>(rest_.data());
    rest_ = rest_.subspan(sizeof(T));
    return value;
  }
  std::optional<Bytes> take_bytes(size_t count) {
    if (rest_.size() < count) return std::nullopt;
    const Bytes out = rest_.first(count);
    rest_ = rest_.subspan(count);
    return out;
  }
  // A 32-bit length and that many bytes: the protocol's strings in options.
  std::optional<std::string_view> take_string() {
    Reader probe = *this;
    const auto length = probe.take<uint32_t>();
    if (!length) return std::nullopt;
    const auto bytes = probe.take_bytes(*length);
    if (!bytes) return std::nullopt;
    *this = probe;
    return std::string_view(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  }
  size_t left() const { return rest_.size(); }
  bool done() const { return rest_.empty(); }

 private:
  Bytes rest_;
};

// Appends to a buffer that grows: for messages that are not on the hot path.
class Writer {
 public:
  template <std::unsigned_integral T>
  Writer& put(T value) {
    const size_t at = bytes_.size();
    bytes_.resize(at + sizeof value);
    store(bytes_.data() + at, value);
    return *this;
  }
  Writer& put(std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  Writer& put_zeroes(size_t count) {
    bytes_.resize(bytes_.size() + count);
    return *this;
  }
  Bytes bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace nbd::wire
