#include "config/value.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "config/location.h"
#include "config/text.h"

namespace mcrelay::config {
namespace {

constexpr uint16_t kMemcachedPort = 11211;
constexpr uint16_t kSentinelPort = 26379;
constexpr uint16_t kAdminPort = 9150;  // memcached_exporter's

struct Unit {
  std::string_view name;
  uint64_t factor;
};
constexpr std::array<Unit, 11> kSizeUnits = {{{"", 1},
                                              {"b", 1},
                                              {"k", 1ull << 10},
                                              {"kb", 1ull << 10},
                                              {"kib", 1ull << 10},
                                              {"m", 1ull << 20},
                                              {"mb", 1ull << 20},
                                              {"mib", 1ull << 20},
                                              {"g", 1ull << 30},
                                              {"gb", 1ull << 30},
                                              {"gib", 1ull << 30}}};
// In order of length.
constexpr std::array<Unit, 5> kTimeUnits = {
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};

std::optional<uint64_t> ParseDigits(std::string_view digits, int base) {
  uint64_t number = 0;
  const char* end = digits.data() + digits.size();
  const auto result = std::from_chars(digits.data(), end, number, base);
  if (digits.empty() || result.ec != std::errc() || result.ptr != end) return std::nullopt;
  return number;
}

// Digits followed by one of `units`, in any case.
template <size_t N>
std::optional<uint64_t> ParseWithUnit(std::string_view text, const std::array<Unit, N>& units) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = ParseDigits(text.substr(0, digits), 10);
  if (!number) return std::nullopt;
  const std::string unit = ToUpper(text.substr(digits));
  for (const Unit& known : units) {
    if (unit != ToUpper(known.name)) continue;
    if (*number > UINT64_MAX / known.factor) return std::nullopt;
    return *number * known.factor;
  }
  return std::nullopt;
}

std::optional<uint64_t> ParseDuration(std::string_view text) {
  if (text == "0") return 0;  // the only number that means the same in every unit
  return ParseWithUnit(text, kTimeUnits);
}

std::optional<uint64_t> ParseSwitch(std::string_view text) {
  const std::string word = ToUpper(text);
  if (word == "TRUE" || word == "YES" || word == "ON") return 1;
  if (word == "FALSE" || word == "NO" || word == "OFF") return 0;
  return std::nullopt;
}

std::string FormatSize(uint64_t bytes) {
  if (bytes > 0 && bytes % (1ull << 30) == 0) return std::to_string(bytes >> 30) + "gb";
  if (bytes > 0 && bytes % (1ull << 20) == 0) return std::to_string(bytes >> 20) + "mb";
  if (bytes > 0 && bytes % (1ull << 10) == 0) return std::to_string(bytes >> 10) + "k";
  return std::to_string(bytes);
}

std::string FormatDuration(uint64_t ms) {
  if (ms == 0) return "0";
  const auto divides = [&](const Unit& unit) { return ms % unit.factor == 0; };
  const auto largest = std::find_if(kTimeUnits.rbegin(), kTimeUnits.rend(), divides);
  return std::to_string(ms / largest->factor) + std::string(largest->name);
}

std::string FormatOctal(uint64_t mode) {
  std::string digits(1, '0');
  for (int shift = 6; shift >= 0; shift -= 3) {
    digits += static_cast<char>('0' + ((mode >> shift) & 7));
  }
  return digits;
}

std::string FormatNumber(const Key& key, uint64_t number) {
  switch (key.syntax.type) {
    case Type::kSize:
      return FormatSize(number);
    case Type::kDuration:
      return FormatDuration(number);
    case Type::kOctal:
      return FormatOctal(number);
    default:
      return std::to_string(number);
  }
}

std::vector<std::string_view> BuiltWords(const Key& key) {
  std::vector<std::string_view> words;
  for (const Word& word : key.syntax.words) {
    if (word.built) words.push_back(word.text);
  }
  return words;
}

std::string Mismatch(const Key& key, std::string_view text) {
  return "found " + Quote(text) + " for " + std::string(key.name) + ", expected " + Expected(key);
}

std::string ReadWord(const Key& key, std::string_view text, Value* value) {
  const auto& words = key.syntax.words;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i].text != text) continue;
    if (!words[i].built) {
      return "found " + Quote(text) + " for " + std::string(key.name) +
             ", which is not built yet, expected " + Expected(key);
    }
    value->number = i;
    value->text = text;
    return "";
  }
  return Mismatch(key, text) + DidYouMean(text, BuiltWords(key));
}

std::string ReadNumber(const Key& key, std::string_view text, Value* value) {
  const Syntax& syntax = key.syntax;
  std::optional<uint64_t> number;
  switch (syntax.type) {
    case Type::kSize:
      number = ParseWithUnit(text, kSizeUnits);
      break;
    case Type::kDuration:
      number = ParseDuration(text);
      break;
    case Type::kSwitch:
      number = ParseSwitch(text);
      if (!number) return Mismatch(key, text);
      value->number = *number;
      return "";
    case Type::kOctal:
      number = ParseDigits(text, 8);
      break;
    default:
      if (!syntax.words.empty() && syntax.words[0].text == text) {
        value->number = 0;
        return "";
      }
      number = ParseDigits(text, 10);
  }
  if (!number || *number < syntax.min || *number > syntax.max) return Mismatch(key, text);
  value->number = *number;
  return "";
}

std::string ReadAddress(const Key& key, std::string_view text, Value* value) {
  Address address;
  const uint16_t port = key.name.ends_with("sentinels") ? kSentinelPort
                        : key.name == "admin"           ? kAdminPort
                                                        : kMemcachedPort;
  const std::string error = ParseAddress(text, port, &address);
  if (error.empty()) value->addresses.push_back(std::move(address));
  return error;
}

std::string ReadBackend(std::string_view text, Value* value) {
  Backend backend;
  const std::string error = ParseBackend(text, &backend);
  if (error.empty()) value->backends.push_back(std::move(backend));
  return error;
}

std::string ReadText(const Key& key, std::string_view text, Value* value) {
  if (!IsUtf8(text) || text.find('\0') != std::string_view::npos) {
    const std::string found = key.syntax.type == Type::kSecret ? "bytes" : Quote(text);
    return "found " + found + " for " + std::string(key.name) + ", expected UTF-8 text without NUL";
  }
  value->text = text;
  return "";
}

std::string JoinFlow(const std::vector<std::string>& entries) {
  std::string out = "[";
  for (const std::string& entry : entries) out += (out.size() > 1 ? ", " : "") + entry;
  return out + "]";
}

}  // namespace

std::string Expected(const Key& key) {
  const Syntax& syntax = key.syntax;
  const std::string range = FormatNumber(key, syntax.min) + " to " + FormatNumber(key, syntax.max);
  switch (syntax.type) {
    case Type::kText:
    case Type::kSecret:
      return "text";
    case Type::kCount:
      return "a whole number from " + range +
             (syntax.words.empty() ? "" : " or " + std::string(syntax.words[0].text));
    case Type::kSize:
      return "a size from " + range + " (such as 1048576, 64k, 1mb)";
    case Type::kDuration:
      return "a duration from " + range + " (such as 250ms, 5s, 1m)";
    case Type::kSwitch:
      return "true or false";
    case Type::kWord:
    case Type::kGroup:
      return JoinOr(BuiltWords(key));
    case Type::kOctal:
      return "an octal number from " + range;
    case Type::kAddress:
      return "an address such as 127.0.0.1:9150";
    case Type::kAddresses:
      return "a list of addresses such as [127.0.0.1:11211, \"unix:/path\"]";
    case Type::kBackends:
      return "a list of backend locations such as [127.0.0.1:6379:1]";
    case Type::kShards:
      return "a list of sets such as [{name: a, backends: [127.0.0.1:6379, 127.0.0.1:6380]}], in "
             "the file";
    case Type::kReserved:
      return "no such key";
  }
  return "";
}

std::string ReadValue(const Key& key, std::string_view text, Value* value) {
  switch (key.syntax.type) {
    case Type::kText:
    case Type::kSecret:
      return ReadText(key, text, value);
    case Type::kWord:
    case Type::kGroup:
      return ReadWord(key, text, value);
    case Type::kAddress:
      return text.empty() ? "" : ReadAddress(key, text, value);
    case Type::kAddresses:
      return ReadAddress(key, text, value);
    case Type::kBackends:
      return ReadBackend(text, value);
    case Type::kShards:  // the text may hold a password
      return "found text for " + std::string(key.name) + ", expected " + Expected(key);
    case Type::kReserved:
      return "found " + std::string(key.name) + ", which is not built yet, expected no such key";
    default:
      return ReadNumber(key, text, value);
  }
}

std::string FormatBackend(const Backend& backend) {
  std::string out = "{location: " + QuoteYaml(backend.location);
  if (backend.named) out += ", name: " + QuoteYaml(backend.name);
  if (backend.weight != 1) out += ", weight: " + std::to_string(backend.weight);
  return out + "}";
}

std::string FormatShard(const Shard& shard) {
  std::vector<std::string> servers;
  for (const Backend& backend : shard.backends) servers.push_back(FormatBackend(backend));
  std::vector<std::string> sentinels;
  for (const Address& address : shard.sentinels) {
    sentinels.push_back(QuoteYaml(FormatAddress(address)));
  }
  std::string out = "{name: " + QuoteYaml(shard.name);
  if (!servers.empty()) out += ", backends: " + JoinFlow(servers);
  if (!shard.service.empty()) out += ", service: " + QuoteYaml(shard.service);
  if (!sentinels.empty()) out += ", sentinels: " + JoinFlow(sentinels);
  if (shard.weight != 1) out += ", weight: " + std::to_string(shard.weight);
  return out + "}";
}

std::string FormatValue(const Key& key, const Value& value) {
  std::vector<std::string> entries;
  switch (key.syntax.type) {
    case Type::kText:
      return QuoteYaml(value.text);
    case Type::kSecret:
      return value.text.empty() ? "\"\"" : "\"***\"";
    case Type::kSwitch:
      return value.number ? "true" : "false";
    case Type::kWord:
      return value.text.empty() ? std::string(key.syntax.words[value.number].text) : value.text;
    case Type::kAddress:
      return value.addresses.empty() ? "\"\"" : QuoteYaml(FormatAddress(value.addresses[0]));
    case Type::kAddresses:
      for (const Address& address : value.addresses) {
        entries.push_back(QuoteYaml(FormatAddress(address)));
      }
      return JoinFlow(entries);
    case Type::kBackends:
      for (const Backend& backend : value.backends) entries.push_back(FormatBackend(backend));
      return JoinFlow(entries);
    case Type::kShards:
      for (const Shard& shard : value.shards) entries.push_back(FormatShard(shard));
      return JoinFlow(entries);
    default:
      return FormatNumber(key, value.number);
  }
}

}  // namespace mcrelay::config
