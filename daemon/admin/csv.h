// The document of /stats.json as rows for a spreadsheet, /stats.csv. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace mcrelay::admin {

// Columns: kind, name, field, value. One row per single value; the charts' histories, the events
// and the configuration have none. Quoted as RFC 4180 says. `status`: the document of status.h.
[[nodiscard]] std::string StatusCsv(const nlohmann::json& status);

}  // namespace mcrelay::admin
