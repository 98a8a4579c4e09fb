// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <gnutls/gnutls.h>

#include <memory>
#include <type_traits>

namespace nbdkit {

template <auto Free>
struct TlsDeleter {
  template <class T>
  void operator()(T* handle) const {
    Free(handle);
  }
};
template <class Handle, auto Free>
using TlsHandle = std::unique_ptr<std::remove_pointer_t<Handle>, TlsDeleter<Free>>;
using TlsSession = TlsHandle<gnutls_session_t, gnutls_deinit>;

}  // namespace nbdkit
