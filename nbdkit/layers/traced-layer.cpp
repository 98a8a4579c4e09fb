// SPDX-License-Identifier: BSD-3-Clause
#include "layers/traced-layer.hpp"

#include "base/log.hpp"
#include "layers/debug-flags.hpp"
#include "layers/traced-disk.hpp"

namespace nbdkit {

namespace {

template <class... Args>
void control(fmt::format_string<Args...> format, Args&&... args) {
  if (server_debug_flags().backend_controlpath == 0) return;
  nbd::log::debug(format, std::forward<Args>(args)...);
}

class TracedLayer final : public nbd::Layer {
 public:
  explicit TracedLayer(std::unique_ptr<nbd::Layer> layer) : layer_(std::move(layer)) {}
  ~TracedLayer() override { control("{}: unload", name()); }

  std::string_view name() const override { return layer_->name(); }
  std::string_view longname() const override { return layer_->longname(); }
  std::string_view description() const override { return layer_->description(); }
  std::string_view help() const override { return layer_->help(); }
  std::string_view version() const override { return layer_->version(); }

  bool config(std::string_view key, std::string_view value) override {
    control("{}: config key={}, value={}", name(), key, value);
    return layer_->config(key, value);
  }
  void config_complete() override {
    control("{}: config_complete", name());
    layer_->config_complete();
  }
  nbd::ThreadModel thread_model() override { return layer_->thread_model(); }
  bool steps_aside() const override { return layer_->steps_aside(); }
  void get_ready(nbd::ThreadModel model) override {
    control("{}: get_ready", name());
    layer_->get_ready(model);
  }
  void after_fork() override {
    control("{}: after_fork", name());
    layer_->after_fork();
  }
  void cleanup() noexcept override {
    control("{}: cleanup", name());
    layer_->cleanup();
  }
  void dump_plugin() override { layer_->dump_plugin(); }

  void preconnect(bool read_only) override {
    control("{}: preconnect", name());
    layer_->preconnect(read_only);
  }
  void disconnected() noexcept override {
    control("{}: disconnected", name());
    layer_->disconnected();
  }
  std::vector<nbd::ExportItem> list_exports(bool read_only, bool tls) override {
    control("{}: list_exports readonly={:d} tls={:d}", name(), read_only, tls);
    return layer_->list_exports(read_only, tls);
  }
  std::string default_export(bool read_only, bool tls) override {
    control("{}: default_export readonly={:d} tls={:d}", name(), read_only, tls);
    return layer_->default_export(read_only, tls);
  }
  std::unique_ptr<nbd::Disk> open(const nbd::OpenRequest& request) override {
    control("{}: open readonly={:d} exportname=\"{}\" tls={:d}", name(), request.read_only,
            request.export_name, request.tls);
    auto disk = layer_->open(request);
    const nbd::Properties& p = disk->properties();
    control(
        "{}: opened: size={} can_write={:d} can_flush={:d} can_trim={:d} can_zero={:d} "
        "can_fast_zero={:d} can_extents={:d} can_multi_conn={:d} is_rotational={:d} "
        "can_fua={} can_cache={} block_size={}/{}/{}",
        name(), p.size, p.can_write, p.can_flush, p.can_trim, p.can_zero, p.can_fast_zero,
        p.can_extents, p.can_multi_conn, p.is_rotational, static_cast<int>(p.can_fua),
        static_cast<int>(p.can_cache), p.block_size.minimum, p.block_size.preferred,
        p.block_size.maximum);
    return trace(name(), std::move(disk));
  }

 private:
  std::unique_ptr<nbd::Layer> layer_;
};

}  // namespace

std::unique_ptr<nbd::Layer> trace(std::unique_ptr<nbd::Layer> layer) {
  control("{}: load", layer->name());
  return std::make_unique<TracedLayer>(std::move(layer));
}

}  // namespace nbdkit
