// The status page's style sheet and script, files of daemon/admin/assets/ built into the binary.
#pragma once

#include <string_view>

namespace mcrelay::admin {

extern const std::string_view kStyle;
extern const std::string_view kScript;

}  // namespace mcrelay::admin
