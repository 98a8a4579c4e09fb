// SPDX-License-Identifier: BSD-3-Clause
//
// fuzz-replay FILE...: each file once through a fuzz target. In place of libFuzzer,
// so that what it has found stays found with any compiler.
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    std::ifstream in(argv[i], std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), {});
    if (in.bad() || !in.is_open()) {
      std::fprintf(stderr, "cannot read %s\n", argv[i]);
      return 1;
    }
    std::fprintf(stderr, "--- %s\n", argv[i]);
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  }
  return 0;
}
