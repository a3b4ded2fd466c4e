// The page for Prometheus: text exposition format 0.0.4.
//
// memcached_* carry the names of Prometheus' memcached_exporter, taken from what `stats` answers,
// so that its dashboards and alerts work without it; mcrelay_* is our own. Every metric is in
// docs/metrics.md. Pure.
#pragma once

#include <string>

#include "daemon/admin/view.h"

namespace mcrelay::admin {

[[nodiscard]] std::string MetricsText(const View& view);

}  // namespace mcrelay::admin
