// SPDX-License-Identifier: BSD-3-Clause
//
// The decoders of what a peer sends, each over the whole input; a request that is
// understood must survive being encoded again.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "wire/messages.hpp"

namespace wire = nbd::wire;

namespace {

// An exact copy, so that one byte too many is out of its bounds.
std::vector<std::byte> exact(wire::Bytes bytes) { return {bytes.begin(), bytes.end()}; }

void require(bool condition) {
  if (!condition) std::abort();
}

void decode_requests(wire::Bytes input) {
  for (const bool extended : {false, true}) {
    const size_t size = wire::request_size(extended);
    if (input.size() < size) continue;
    const auto bytes = exact(input.first(size));
    const auto r = wire::decode_request(bytes.data(), extended);
    if (!r) continue;
    (void)wire::name_of(r->command);
    std::vector<std::byte> again(size);
    wire::encode_request(again.data(), *r, extended);
    const auto r2 = wire::decode_request(again.data(), extended);
    require(r2 && r2->flags == r->flags && r2->command == r->command && r2->cookie == r->cookie &&
            r2->offset == r->offset && r2->length == r->length && r2->payload == r->payload);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const wire::Bytes input(reinterpret_cast<const std::byte*>(data), size);
  const auto copy = exact(input);
  if (copy.size() >= wire::kOptionHeaderSize) {
    const auto header = wire::decode_option_header(
        std::span<const std::byte, wire::kOptionHeaderSize>(copy.data(), wire::kOptionHeaderSize));
    if (header) (void)wire::name_of(header->option);
  }
  if (const auto info = wire::decode_info_request(copy)) {
    require(info->export_name.size() + 2 * info->wanted.size() + 6 == copy.size());
  }
  if (const auto contexts = wire::decode_meta_context_request(copy)) {
    size_t total = 8 + contexts->export_name.size();
    for (const auto& q : contexts->queries) total += 4 + q.size();
    require(total == copy.size());
  }
  if (const auto payload = wire::decode_block_status_payload(copy)) {
    require(8 + 4 * payload->context_ids.size() == copy.size());
  }
  decode_requests(copy);
  return 0;
}
