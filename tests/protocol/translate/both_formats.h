// Runs a check once per value format, on an empty database each.
#pragma once

#include <doctest/doctest.h>

#include "tests/protocol/translate/relay.h"

namespace mcrelay::testing {

inline std::string FormatText(translate::ValueFormat format) {
  return format == translate::ValueFormat::kTagged ? "tagged" : "plain";
}

template <typename Check>
void InBothFormats(Check check) {
  const RedisServer server;
  for (const auto format : {translate::ValueFormat::kTagged, translate::ValueFormat::kPlain}) {
    const std::string name = FormatText(format);
    CAPTURE(name);
    Relay relay(server, {.value_format = format});
    relay.redis().Do({"FLUSHDB"});
    check(relay);
  }
}

}  // namespace mcrelay::testing
