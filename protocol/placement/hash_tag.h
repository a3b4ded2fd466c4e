// Hash tags: the part of a key that is hashed, so that related keys share a node.
//
// Pure functions, any thread; the result points into `key`.
#pragma once

#include <string_view>

namespace mcrelay::placement {

// twemproxy's and Redis Cluster's rule: between the first opener and the first closer after it,
// when that is not empty; else the whole key.
[[nodiscard]] std::string_view TaggedPart(std::string_view key, char opener, char closer);

// django-redis' rule, the regular expression .*\{(.*)\}.* matched from the start: the last '}' of
// the key's first line and the last '{' before it. An empty tag is used; no such pair: the whole
// key.
[[nodiscard]] std::string_view DjangoTaggedPart(std::string_view key);

}  // namespace mcrelay::placement
