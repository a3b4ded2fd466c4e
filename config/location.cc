#include "config/location.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "config/text.h"

namespace mcrelay::config {
namespace {

constexpr size_t kUnixPathBytes = 107;  // sun_path of Linux, without the NUL
constexpr size_t kHostBytes = 253;      // RFC 1035

struct HostAndRest {
  std::string host;
  std::string_view rest;  // what follows the host, starting with ':' or empty
};

template <typename Number>
bool ParseNumber(std::string_view text, Number max, Number* number) {
  if (text.empty() || text.size() > 10 ||
      !std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    return false;
  }
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  if (value > static_cast<uint64_t>(max)) return false;
  *number = static_cast<Number>(value);
  return true;
}

bool ParsePort(std::string_view text, uint16_t* port) {
  return ParseNumber(text, std::numeric_limits<uint16_t>::max(), port);
}

bool ParseDb(std::string_view text, int* db) {
  return ParseNumber(text, std::numeric_limits<int>::max(), db);
}

bool IsNameByte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
         c == '-' || c == '_';
}

// With an optional zone: fe80::1%eth0.
bool IsIpv6(std::string_view text) {
  const size_t percent = std::min(text.find('%'), text.size());
  const std::string address(text.substr(0, percent));
  const std::string_view zone = text.substr(percent);
  if (address.find('\0') != std::string::npos || zone == "%") return false;
  const bool zone_bytes =
      std::all_of(zone.begin() + (zone.empty() ? 0 : 1), zone.end(), IsNameByte);
  in6_addr parsed;
  return zone_bytes && inet_pton(AF_INET6, address.c_str(), &parsed) == 1;
}

// A name, or an IPv4 address that is one: 300.1.1.1 would otherwise be asked from DNS.
bool IsHost(std::string_view text) {
  if (text.empty() || text.size() > kHostBytes) return false;
  const bool name_bytes = std::all_of(text.begin(), text.end(), IsNameByte);
  if (!name_bytes) return false;
  if (text.find_first_not_of("0123456789.") != std::string_view::npos) return true;
  in_addr parsed;
  return inet_pton(AF_INET, std::string(text).c_str(), &parsed) == 1;
}

// Takes `host` or `[v6]` off the front.
bool TakeHost(std::string_view text, HostAndRest* out) {
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos || !IsIpv6(text.substr(1, end - 1))) return false;
    out->host = text.substr(1, end - 1);
    out->rest = text.substr(end + 1);
    return out->rest.empty() || out->rest.starts_with(':');
  }
  const size_t colon = std::min(text.find(':'), text.size());
  out->host = text.substr(0, colon);
  out->rest = text.substr(colon);
  return IsHost(out->host);
}

bool IsUnixPath(std::string_view path) {
  return path.starts_with('/') && path.size() > 1 && path.size() <= kUnixPathBytes &&
         path.find('\0') == std::string_view::npos;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool PercentDecode(std::string_view text, std::string* out) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      *out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return false;
    const int high = HexDigit(text[i + 1]);
    const int low = HexDigit(text[i + 2]);
    if (high < 0 || low < 0) return false;
    *out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return true;
}

// Everything between :// and the last @ hidden: the text may be cut in the wrong place.
std::string MaskForError(std::string_view text) {
  const size_t scheme = text.find("://");
  const size_t at = text.rfind('@');
  if (scheme == std::string_view::npos || at == std::string_view::npos || at < scheme) {
    return Quote(text);
  }
  return Quote(std::string(text.substr(0, scheme + 3)) + "***" + std::string(text.substr(at)));
}

std::string Expected(std::string_view text, std::string_view expected) {
  return "found " + MaskForError(text) + ", expected " + std::string(expected);
}

// host[:port[:db]], [v6][:port[:db]]
std::string ParsePlain(std::string_view text, Backend* backend) {
  constexpr std::string_view kExpected =
      "a backend location such as 127.0.0.1:6379:1 (host:port:db), [::1]:6379:1, "
      "unix:/run/redis/redis.sock:1 or redis://host:6379/1";
  HostAndRest parts;
  if (!text.starts_with('[') && IsIpv6(text)) {
    return Expected(text, "an IPv6 address in brackets, such as [::1]:6379:1");
  }
  if (!TakeHost(text, &parts)) return Expected(text, kExpected);
  backend->host = parts.host;
  if (parts.rest.empty()) return "";
  const auto numbers = Split(parts.rest.substr(1), ':');
  if (numbers.size() > 2) return Expected(text, kExpected);
  if (!ParsePort(numbers[0], &backend->port) || backend->port == 0) {
    return Expected(text, "a port from 1 to 65535 after the host");
  }
  if (numbers.size() == 2 && !ParseDb(numbers[1], &backend->db)) {
    return Expected(text, "a database number after the port");
  }
  return "";
}

// unix:/path[:db]
std::string ParseUnix(std::string_view text, Backend* backend) {
  std::string_view path = text.substr(5);
  const size_t colon = path.rfind(':');
  if (colon != std::string_view::npos) {
    if (!ParseDb(path.substr(colon + 1), &backend->db)) {
      return Expected(text, "a database number after the path: unix:/path:db");
    }
    path = path.substr(0, colon);
  }
  if (!IsUnixPath(path)) {
    return Expected(text, "unix:/path:db with an absolute path of at most 107 bytes");
  }
  backend->unix_path = path;
  return "";
}

// The part after the host or path: "" | "?db=N"
bool ParseQuery(std::string_view query, int* db) {
  return query.empty() || (query.starts_with("?db=") && ParseDb(query.substr(4), db));
}

std::string ParseUserInfo(std::string_view text, std::string_view info, Backend* backend) {
  const size_t colon = std::min(info.find(':'), info.size());
  if (!PercentDecode(info.substr(0, colon), &backend->username) ||
      (colon < info.size() && !PercentDecode(info.substr(colon + 1), &backend->password))) {
    return Expected(text,
                    "%XX with two hexadecimal digits wherever a % stands in user and password");
  }
  return "";
}

// redis://[user[:password]@]host[:port][/db][?db=N], unix://[user[:password]@]/path[?db=N]
std::string ParseUrl(std::string_view text, size_t scheme, Backend* backend) {
  const bool is_unix = text.starts_with("unix:");
  std::string_view rest = text.substr(scheme);
  const size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  std::string_view authority = rest.substr(0, end);
  std::string_view tail = rest.substr(end);
  const size_t at = authority.rfind('@');
  if (at == std::string_view::npos && !is_unix && tail.find('@') != std::string_view::npos) {
    return Expected(text, "%2F, %3F and %23 for / ? and # in a user or password");
  }
  if (at != std::string_view::npos) {
    const std::string error = ParseUserInfo(text, authority.substr(0, at), backend);
    if (!error.empty()) return error;
    authority = authority.substr(at + 1);
  }
  const size_t query = std::min(tail.find('?'), tail.size());
  const std::string_view path = tail.substr(0, query);
  if (!ParseQuery(tail.substr(query), &backend->db)) {
    return Expected(text, "no parameter but ?db=N with a database number");
  }
  if (is_unix) {
    if (!authority.empty() || !PercentDecode(path, &backend->unix_path) ||
        !IsUnixPath(backend->unix_path)) {
      return Expected(text, "unix:///path?db=N with an absolute path of at most 107 bytes");
    }
    return "";
  }
  HostAndRest parts;
  if (!TakeHost(authority, &parts)) return Expected(text, "redis://user:password@host:6379/db");
  backend->host = parts.host;
  if (!parts.rest.empty() && (!ParsePort(parts.rest.substr(1), &backend->port) || !backend->port)) {
    return Expected(text, "a port from 1 to 65535 after the host");
  }
  if (path.size() > 1 && !ParseDb(path.substr(1), &backend->db)) {
    return Expected(text, "a database number after the slash");
  }
  return "";
}

}  // namespace

std::string_view PasswordIn(std::string_view text) {
  constexpr size_t npos = std::string_view::npos;
  const size_t scheme = text.find("://");
  if (scheme == npos) return {};
  // A slash in a password ought to be %2F; hide it all the same. A socket's path may hold an @.
  const size_t path = text.substr(0, scheme).ends_with("unix") ? text.find('/', scheme + 3) : npos;
  const size_t at = text.substr(0, path).rfind('@');
  const size_t colon = text.find(':', scheme + 3);
  if (at == npos || colon == npos || colon > at) return {};
  return text.substr(colon + 1, at - colon - 1);
}

std::string MaskLocation(std::string_view text) {
  const std::string_view password = PasswordIn(text);
  std::string out(text);
  if (!password.empty()) {
    out.replace(static_cast<size_t>(password.data() - text.data()), password.size(), "***");
  }
  return out;
}

std::string ParseBackend(std::string_view text, Backend* backend) {
  *backend = Backend{};
  backend->ring_name = text;
  backend->location = MaskLocation(text);
  if (text.starts_with("rediss://")) {
    return "found rediss://, which asks for TLS (TLS not built in), expected redis:// or "
           "host:port:db";
  }
  if (text.starts_with("redis://")) return ParseUrl(text, 8, backend);
  if (text.starts_with("unix://")) return ParseUrl(text, 7, backend);
  if (text.starts_with("unix:")) return ParseUnix(text, backend);
  return ParsePlain(text, backend);
}

std::string ParseAddress(std::string_view text, uint16_t default_port, Address* address) {
  constexpr std::string_view kExpected =
      "an address such as 127.0.0.1:11211, [::1]:11211, localhost, * or unix:/path";
  *address = Address{};
  address->text = text;
  const bool is_unix = text.starts_with("unix:");
  // A host of that name would look like a path once its port is written behind it.
  if (text == "unix" || (is_unix && !IsUnixPath(text.substr(5)))) {
    return Expected(text, "unix:/path with an absolute path of at most 107 bytes");
  }
  if (is_unix) {
    address->unix_path = text.substr(5);
    return "";
  }
  address->port = default_port;
  if (IsIpv6(text)) {  // memcached takes a bare IPv6 address too
    address->host = text;
    return "";
  }
  HostAndRest parts;
  if (text == "*" || text.starts_with("*:")) {
    parts.host = "0.0.0.0";
    parts.rest = text.substr(1);
  } else if (!TakeHost(text, &parts)) {
    return Expected(text, kExpected);
  }
  address->host = parts.host;
  if (!parts.rest.empty() && !ParsePort(parts.rest.substr(1), &address->port)) {
    return Expected(text, "a port from 0 to 65535 after the host");
  }
  return "";
}

std::string HostPort(std::string_view host, uint16_t port) {
  const bool v6 = host.find(':') != std::string_view::npos;
  return (v6 ? "[" : "") + std::string(host) + (v6 ? "]:" : ":") + std::to_string(port);
}

std::string FormatAddress(const Address& address) {
  if (!address.unix_path.empty()) return "unix:" + address.unix_path;
  return HostPort(address.host, address.port);
}

bool IsLoopback(const Address& address) {
  return !address.unix_path.empty() || address.host == "localhost" || address.host == "::1" ||
         (address.host.starts_with("127.") &&
          address.host.find_first_not_of("0123456789.") == std::string::npos);
}

}  // namespace mcrelay::config
