// The document of /stats.json, which the status page shows and updates itself from.
// All text in it is UTF-8.
//
// Its fields are described in docs/metrics.md; null stands for "nothing to tell yet".
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "daemon/admin/history.h"
#include "daemon/admin/view.h"

namespace mcrelay::admin {

[[nodiscard]] nlohmann::json Status(const View& view, const History& history);

}  // namespace mcrelay::admin
