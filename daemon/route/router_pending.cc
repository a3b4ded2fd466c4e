// Router's part in pending removals and flushes: they follow their keys. See removals.h for the
// rule.

#include <algorithm>

#include "daemon/route/router.h"

namespace mcrelay::route {
namespace {

// They are one server, perhaps with other names or logins.
bool SameRemovals(const backend::Node& one, const backend::Node& other) {
  return &one.removals() == &other.removals();
}

// Where set `set` is in a later view, perhaps of another configuration: by its name, or by its
// place when it was renamed. Without names only a single set is known to be the same.
size_t SetAfter(const View& before, size_t set, const View& after) {
  const std::string& name = before.sets[set].name;
  const auto named = std::find_if(after.sets.begin(), after.sets.end(),
                                  [&](const SetView& other) { return other.name == name; });
  if (!name.empty() && named != after.sets.end()) return named - after.sets.begin();
  const bool same_place =
      before.sets.size() == after.sets.size() && (!name.empty() || before.sets.size() == 1);
  return same_place ? set : after.sets.size();
}

}  // namespace

// What was pending by the view before: who serves its keys now may have become known since, by a
// view that `before` did not come to adopt.
void Router::Inherit(const Router& before) {
  MoveRemovals(*before.view_, *view_);
  for (const Entry& entry : before.entries_) MoveRemovalsOf(entry.connection->node());
  // A server that an earlier configuration had left behind may be one of ours again.
  for (backend::Connection* primary : primaries_) primary->node().removals().TakeBackWhole();
  Unsettle();
  if (watcher_ != nullptr) settle_.Once(2 * uint64_t{settings_.request_ms});
}

void Router::OweFlush(const backend::Node& node) {
  Doubt();
  const bool still = IsPrimary(node);
  for (backend::Connection* primary : primaries_) {
    if (still && !SameRemovals(primary->node(), node)) continue;
    primary->node().removals().AddFlush();
    primary->StartChores();
  }
}

bool Router::IsPrimary(const backend::Node& node) const {
  return std::any_of(primaries_.begin(), primaries_.end(),
                     [&](auto* connection) { return SameRemovals(connection->node(), node); });
}

// A pending removal follows its key: it is noted where the key lives now, and only later forgotten
// where it lived, since other workers may still go there.
void Router::MoveRemovals(const View& before, const View& after) {
  for (const SetView& set : before.sets) {
    backend::Node& node = *set.primary;
    if (!node.removals().any()) continue;
    const auto heirs =
        IsPrimary(node) ? std::vector<backend::Connection*>{} : Successors(node, before, after);
    if (!heirs.empty()) {
      const backend::Removals::Whole whole = node.removals().HandOverWhole();
      for (backend::Connection* heir : heirs) {
        if (whole.flush) heir->node().removals().AddFlush();
        if (whole.hides_all) heir->node().removals().HideAll();
        heir->StartChores();
      }
    }
    MoveRemovalsOf(node);
  }
}

void Router::MoveRemovalsOf(backend::Node& node) {
  if (!node.removals().any()) return;
  for (const std::string& key : node.removals().Keys()) {
    backend::Connection& owner = Pick(key);
    if (SameRemovals(owner.node(), node)) continue;
    node.removals().HandOver(key, &owner.node().removals(), settings_.most_removals,
                             settings_.on_overflow);
    owner.StartChores();
  }
}

// The primaries that have what `node` had, as far as the views tell.
std::vector<backend::Connection*> Router::Successors(const backend::Node& node, const View& before,
                                                     const View& after) const {
  if ((before.slots == nullptr) != (after.slots == nullptr)) return primaries_;
  std::vector<backend::Connection*> found;
  const auto add = [&](size_t set) {
    if (set < after.sets.size() &&
        std::find(found.begin(), found.end(), primaries_[set]) == found.end()) {
      found.push_back(primaries_[set]);
    }
  };
  if (after.slots == nullptr) {
    for (size_t set = 0; set < before.sets.size(); ++set) {
      if (before.sets[set].primary.get() == &node) add(SetAfter(before, set, after));
    }
    return found;
  }
  for (size_t slot = 0; slot < after.slots->size(); ++slot) {
    if (before.sets[(*before.slots)[slot]].primary.get() == &node) add((*after.slots)[slot]);
  }
  return found;
}

}  // namespace mcrelay::route
