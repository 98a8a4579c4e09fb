// SPDX-License-Identifier: BSD-3-Clause
//
// For tests: a C++ plugin on the plain C interface whose callbacks throw, or
// crash, as in=CALLBACK says; how=int|exception|crash (default exception).
#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include <csignal>
#include <cstring>
#include <stdexcept>
#include <string>

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

namespace {

std::string in, how = "exception";

void here(const char* callback) {
  if (in != callback) return;
  if (how == "int") throw 42;
  if (how == "crash") std::raise(SIGSEGV);
  throw std::runtime_error("thrown on purpose");
}

int throwing_config(const char* key, const char* value) {
  (std::strcmp(key, "in") == 0 ? in : how) = value;
  here("config");
  return 0;
}
void throwing_unload() { here("unload"); }
int throwing_config_complete() {
  here("config_complete");
  return 0;
}
int throwing_get_ready() {
  here("get_ready");
  return 0;
}
int throwing_after_fork() {
  here("after_fork");
  return 0;
}
void throwing_cleanup() { here("cleanup"); }
int throwing_preconnect(int) {
  here("preconnect");
  return 0;
}
int throwing_list_exports(int, int, nbdkit_exports* exports) {
  here("list_exports");
  return nbdkit_use_default_export(exports);
}
const char* throwing_default_export(int, int) {
  here("default_export");
  return "";
}
void* throwing_open(int) {
  here("open");
  return NBDKIT_HANDLE_NOT_NEEDED;
}
void throwing_close(void*) { here("close"); }
int64_t throwing_get_size(void*) {
  here("get_size");
  return 1 << 20;
}
int throwing_can_write(void*) {
  here("can_write");
  return 1;
}
int throwing_pread(void*, void* buf, uint32_t count, uint64_t, uint32_t) {
  here("pread");
  std::memset(buf, 0, count);
  return 0;
}
int throwing_pwrite(void*, const void*, uint32_t, uint64_t, uint32_t) {
  here("pwrite");
  return 0;
}
int throwing_flush(void*, uint32_t) {
  here("flush");
  return 0;
}

nbdkit_plugin plugin = [] {
  nbdkit_plugin p{};
  p.name = "throwing";
  p.unload = throwing_unload;
  p.config = throwing_config;
  p.config_complete = throwing_config_complete;
  p.get_ready = throwing_get_ready;
  p.after_fork = throwing_after_fork;
  p.cleanup = throwing_cleanup;
  p.preconnect = throwing_preconnect;
  p.list_exports = throwing_list_exports;
  p.default_export = throwing_default_export;
  p.open = throwing_open;
  p.close = throwing_close;
  p.get_size = throwing_get_size;
  p.can_write = throwing_can_write;
  p.pread = throwing_pread;
  p.pwrite = throwing_pwrite;
  p.flush = throwing_flush;
  return p;
}();

}  // namespace

NBDKIT_REGISTER_PLUGIN(plugin)
