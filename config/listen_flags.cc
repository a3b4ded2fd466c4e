#include "config/listen_flags.h"

#include <algorithm>
#include <charconv>

#include "config/text.h"

namespace mcrelay::config {
namespace {

bool HasPort(std::string_view text) {
  if (text.starts_with('[')) return text.find("]:") != std::string_view::npos;
  return std::count(text.begin(), text.end(), ':') == 1;  // more: a bare IPv6 address
}

}  // namespace

void ListenFlags::SetPort(const std::string& spelled, const std::string& text) {
  int port = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, port);
  if (result.ec != std::errc() || result.ptr != end || port < -1 || port > 65535) {
    Fail(FromFlag(spelled), "found " + Quote(text) + ", expected a port from 0 to 65535, or -1");
  }
  port_ = port;
  port_given_ = true;
  spelled_ = spelled;
}

void ListenFlags::AddAddresses(const std::string& spelled, const std::string& list) {
  for (const std::string_view part : Split(list, ',')) {
    std::string_view address = Trim(part);
    if (address.empty() && part.size() < list.size()) continue;   // as memcached: a comma too many
    if (address.starts_with("notls:")) address.remove_prefix(6);  // memcached's, and always so here
    addresses_.emplace_back(address);
  }
  spelled_ = spelled;
}

void ListenFlags::SetUnixPath(const std::string& spelled, const std::string& path) {
  unix_path_ = path;
  spelled_ = spelled;
  if (path.empty()) Fail(FromFlag(spelled), "found nothing, expected a path");
}

void ListenFlags::Overlay(Settings* settings) const {
  if (spelled_.empty()) return;
  Setting setting;
  if (!no_tcp()) {
    for (const std::string& text : addresses_) ReadAddress(text, &setting);
    if (addresses_.empty() && port_given_) {
      MoveToPort(settings->at("listen").value.addresses, &setting);
    }
  }
  if (!unix_path_.empty()) {
    ReadSetting(*FindKey("listen"), "unix:" + unix_path_, FromFlag(spelled_), &setting);
  }
  // -p 0 alone keeps the Unix sockets that the environment or the file name.
  if (!setting.value.addresses.empty()) (*settings)["listen"] = std::move(setting);
}

// The sockets that are named in `before` stay too, unless -s names another.
void ListenFlags::MoveToPort(const std::vector<Address>& before, Setting* setting) const {
  std::vector<std::string> hosts;
  for (const Address& address : before) {
    if (!address.unix_path.empty()) {
      if (unix_path_.empty()) ReadAddress("unix:" + address.unix_path, setting);
    } else if (std::find(hosts.begin(), hosts.end(), address.host) == hosts.end()) {
      hosts.push_back(address.host);
      ReadAddress(address.host, setting);
    }
  }
  if (hosts.empty()) ReadAddress("127.0.0.1", setting);
}

void ListenFlags::ReadAddress(const std::string& text, Setting* setting) const {
  ReadSetting(*FindKey("listen"), text, FromFlag(spelled_), setting);
  Address& address = setting->value.addresses.back();
  if (address.unix_path.empty() && !HasPort(text)) {
    address.port = static_cast<uint16_t>(std::max(port_, 0));
  }
}

}  // namespace mcrelay::config
