// Describe(): one Command as one line of text, for the parser's tests. Only the fields that mean
// something for the verb.
#pragma once

#include <string>
#include <string_view>

#include "protocol/memcache/command.h"

namespace mcrelay::memcache {

inline std::string_view NameOf(Verb verb) {
  constexpr std::string_view kNames[] = {"get",     "gets",        "gat",
                                         "gats",    "set",         "add",
                                         "replace", "append",      "prepend",
                                         "cas",     "incr",        "decr",
                                         "delete",  "touch",       "mg",
                                         "ms",      "md",          "ma",
                                         "me",      "mn",          "flush_all",
                                         "version", "verbosity",   "stats",
                                         "quit",    "shutdown",    "slabs",
                                         "lru",     "lru_crawler", "cache_memlimit",
                                         "watch",   "keys",        "delete_pattern"};
  return kNames[static_cast<size_t>(verb)];
}

// `k` or, where it could be misread, with its length: keys and values hold any bytes.
inline std::string Shown(std::string_view bytes) {
  if (bytes.size() <= 40) return "<" + std::string(bytes) + ">";
  return "<" + std::string(1, bytes.front()) + "*" + std::to_string(bytes.size()) + ">";
}

inline std::string DescribeKeys(std::string_view keys) {
  std::string text;
  std::string_view key;
  size_t count = 0;
  while (NextKey(&keys, &key)) {
    if (++count <= 5) text += " " + Shown(key);
  }
  return count > 5 ? text + " and " + std::to_string(count - 5) : text;
}

inline std::string DescribeMeta(const MetaFlags& meta) {
  std::string text;
  for (size_t i = 0; i < meta.count; ++i) {
    const char letter = meta.order[i];
    text += ' ';
    text += letter;
    switch (letter) {
      case 'T':
        text += std::to_string(meta.ttl);
        break;
      case 'N':
        text += std::to_string(meta.vivify_ttl);
        break;
      case 'R':
        text += std::to_string(meta.recache_ttl);
        break;
      case 'C':
        text += std::to_string(meta.compare_cas);
        break;
      case 'E':
        text += std::to_string(meta.explicit_cas);
        break;
      case 'F':
        text += std::to_string(meta.client_flags);
        break;
      case 'D':
        text += std::to_string(meta.delta);
        break;
      case 'J':
        text += std::to_string(meta.initial);
        break;
      case 'M':
        text += meta.mode;
        break;
      case 'O':
        text += Shown(meta.opaque);
        break;
      default:
        break;
    }
  }
  return meta.opaque_too_long ? text + " (opaque too long)" : text;
}

inline std::string Describe(const Command& command) {
  std::string text(NameOf(command.verb));
  switch (command.verb) {
    case Verb::kGet:
    case Verb::kGets:
      text += DescribeKeys(command.keys);
      break;
    case Verb::kGat:
    case Verb::kGats:
      text += " " + std::to_string(command.exptime) + DescribeKeys(command.keys);
      break;
    case Verb::kSet:
    case Verb::kAdd:
    case Verb::kReplace:
    case Verb::kAppend:
    case Verb::kPrepend:
    case Verb::kCas:
      text += " " + Shown(command.key) + " f" + std::to_string(command.client_flags) + " t" +
              std::to_string(command.exptime);
      if (command.verb == Verb::kCas) text += " c" + std::to_string(command.cas_unique);
      text += " " + Shown(command.value);
      break;
    case Verb::kIncr:
    case Verb::kDecr:
      text += " " + Shown(command.key) + " " + std::to_string(command.delta);
      break;
    case Verb::kTouch:
      text += " " + Shown(command.key) + " " + std::to_string(command.exptime);
      break;
    case Verb::kDelete:
      text += " " + Shown(command.key);
      break;
    case Verb::kMetaSet:
      text += " " + Shown(command.key) + " " + Shown(command.value) + DescribeMeta(command.meta);
      break;
    case Verb::kMetaGet:
    case Verb::kMetaDelete:
    case Verb::kMetaArithmetic:
      text += " " + Shown(command.key) + DescribeMeta(command.meta);
      break;
    case Verb::kMetaDebug:
      text += " " + Shown(command.key);
      break;
    case Verb::kMetaNoop:
      break;
    case Verb::kFlushAll:
      text += " " + std::to_string(command.exptime);
      break;
    default:
      text += " " + Shown(command.args);
      break;
  }
  return command.noreply ? text + " noreply" : text;
}

}  // namespace mcrelay::memcache
