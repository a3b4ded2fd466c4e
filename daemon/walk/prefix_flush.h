// PrefixFlush does on one node what FLUSHDB does where the database is ours alone: it removes every
// key with our prefix.
//
// Owned by the node's connection of one worker, as a chore: a flush that is due after the node was
// away, or was delayed.
#pragma once

#include <memory>

#include "daemon/backend/connection.h"
#include "daemon/net/io.h"

namespace mcrelay::walk {

// For Connection::Settings::make_flush.
[[nodiscard]] std::unique_ptr<backend::Chore> MakePrefixFlush(
    net::Io& io, const backend::Connection::Settings& settings, std::shared_ptr<backend::Node> node,
    backend::Removals::Claim claim);

}  // namespace mcrelay::walk
