// The status page as HTML, complete without its script. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace mcrelay::admin {

// `status`: the document of status.h.
[[nodiscard]] std::string PageHtml(const nlohmann::json& status);

}  // namespace mcrelay::admin
