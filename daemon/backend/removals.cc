#include "daemon/backend/removals.h"

#include <algorithm>
#include <utility>

namespace mcrelay::backend {

bool Removals::Hides(std::string_view key) const {
  const std::lock_guard lock(mutex_);
  return flush_ != 0 || hides_all_ != 0 || waiting_.find(key) != waiting_.end() ||
         taken_.find(key) != taken_.end();
}

bool Removals::Add(std::string_view key, uint64_t cas, size_t most,
                   config::OnOverflow on_overflow) {
  const std::lock_guard lock(mutex_);
  return AddLocked(key, cas, most, on_overflow);
}

bool Removals::AddLocked(std::string_view key, uint64_t cas, size_t most,
                         config::OnOverflow on_overflow) {
  if (Entry* const entry = Find(key); entry != nullptr) {
    *entry = {std::max(entry->cas, cas), ++versions_};
    TakeAgain(key);
  } else if (waiting_.size() + taken_.size() < most) {
    waiting_.emplace(key, Entry{cas, ++versions_});
  } else {
    if (on_overflow == config::OnOverflow::kFlush) flush_ = ++versions_;
    if (on_overflow == config::OnOverflow::kMiss) hides_all_ = ++versions_;
    if (on_overflow != config::OnOverflow::kLog) whole_handed_ = false;
    return false;
  }
  any_.store(true, std::memory_order_release);
  return true;
}

Removals::Entry* Removals::Find(std::string_view key) {
  for (Entries* entries : {&waiting_, &taken_}) {
    if (const auto found = entries->find(key); found != entries->end()) return &found->second;
  }
  return nullptr;
}

void Removals::Erase(std::string_view key) {
  for (Entries* entries : {&waiting_, &taken_}) {
    if (const auto found = entries->find(key); found != entries->end()) entries->erase(found);
  }
}

void Removals::TakeAgain(std::string_view key) {
  const auto found = taken_.find(key);
  if (found != taken_.end()) waiting_.insert(taken_.extract(found));
}

bool Removals::TellOverflow() {
  const std::lock_guard lock(mutex_);
  return !std::exchange(told_overflow_, true);
}

uint64_t Removals::Quiet() const {
  const std::lock_guard lock(mutex_);
  const bool quiet =
      std::all_of(old_.begin(), old_.end(), [](const auto& one) { return one->ended(); });
  return quiet ? retired_ + 1 : 0;
}

void Removals::Settle(std::string_view key, uint64_t cas, uint64_t quiet) {
  const std::lock_guard lock(mutex_);
  Entry* const entry = Find(key);
  if (entry == nullptr || entry->cas > cas) return;
  if (quiet == retired_ + 1) {
    Erase(key);
    ForgetIfEmpty();
  } else {
    *entry = {cas, ++versions_};
    TakeAgain(key);
  }
}

bool Removals::ForgetIfEmpty() {
  const bool empty = waiting_.empty() && taken_.empty() && flush_ == 0 && hides_all_ == 0;
  if (empty) {
    any_.store(false, std::memory_order_release);
    told_overflow_ = false;
  }
  return empty;
}

void Removals::AddFlush() {
  const std::lock_guard lock(mutex_);
  flush_ = ++versions_;  // one that runs already is not enough: another follows it
  whole_handed_ = false;
  any_.store(true, std::memory_order_release);
}

void Removals::Flushed(uint64_t quiet) {
  const std::lock_guard lock(mutex_);
  if (hides_all_ == 0) return;
  if (quiet == retired_ + 1) {
    hides_all_ = 0;
    ForgetIfEmpty();
  } else {
    flush_ = ++versions_;  // once more, when no older write can come any more
  }
}

std::shared_ptr<OldConnection> Removals::Retire(const ServerSide& server_side) {
  auto old = std::make_shared<OldConnection>(server_side);
  const std::lock_guard lock(mutex_);
  std::erase_if(old_, [](const auto& one) { return one->ended(); });
  old_.push_back(old);
  ++retired_;
  return old;
}

std::vector<std::shared_ptr<OldConnection>> Removals::OldConnections() {
  const std::lock_guard lock(mutex_);
  std::erase_if(old_, [](const auto& one) { return one->ended(); });
  return old_;
}

bool Removals::HasChores() {
  if (any()) return true;
  const std::lock_guard lock(mutex_);
  return std::any_of(old_.begin(), old_.end(),
                     [](const auto& one) { return !one->ended() && one->killable(); });
}

std::vector<Removals::Claim> Removals::Take(size_t most) {
  std::vector<Claim> claims;
  const std::lock_guard lock(mutex_);
  std::erase_if(old_, [](const auto& one) { return one->ended(); });
  if (!old_.empty()) return claims;
  if (flush_ != 0) {
    if (!flush_taken_ && !whole_handed_) {
      claims.push_back({"", 0, flush_, versions_});
      flush_taken_ = true;
    }
    return claims;
  }
  while (claims.size() < most && !waiting_.empty()) {
    const auto next = waiting_.begin();
    claims.push_back({next->first, next->second.cas, next->second.version});
    taken_.insert(waiting_.extract(next));
  }
  return claims;
}

bool Removals::Done(const Claim& claim) {
  const std::lock_guard lock(mutex_);
  if (claim.key.empty()) {
    if (flush_ == claim.version) {
      flush_ = 0;
      if (hides_all_ <= claim.taken) hides_all_ = 0;
      // What failed before the flush was asked for is gone with it.
      const auto older = [&](const auto& item) { return item.second.version < claim.version; };
      std::erase_if(waiting_, older);
      std::erase_if(taken_, older);
    }
    flush_taken_ = false;
  } else if (const Entry* const entry = Find(claim.key);
             entry != nullptr && entry->version == claim.version) {
    Erase(claim.key);
  }
  return ForgetIfEmpty();
}

void Removals::GiveBack(const Claim& claim) {
  const std::lock_guard lock(mutex_);
  if (claim.key.empty()) {
    flush_taken_ = false;
  } else {
    TakeAgain(claim.key);
  }
}

std::vector<std::string> Removals::Keys() const {
  std::vector<std::string> keys;
  const std::lock_guard lock(mutex_);
  keys.reserve(waiting_.size() + taken_.size());
  for (const Entries* entries : {&waiting_, &taken_}) {
    for (const auto& [key, entry] : *entries) {
      if (!entry.handed) keys.push_back(key);
    }
  }
  return keys;
}

// Both at once: no worker may find it handed over and not yet with the heir.
void Removals::HandOver(std::string_view key, Removals* heir, size_t most,
                        config::OnOverflow on_overflow) {
  const std::scoped_lock lock(mutex_, heir->mutex_);
  Entry* const entry = Find(key);
  if (entry == nullptr || entry->handed) return;
  entry->handed = true;
  (void)heir->AddLocked(key, entry->cas, most, on_overflow);
}

void Removals::ForgetHanded() {
  const std::lock_guard lock(mutex_);
  const auto handed = [](const auto& item) { return item.second.handed; };
  std::erase_if(waiting_, handed);
  std::erase_if(taken_, handed);
  if (std::exchange(whole_handed_, false)) {
    flush_ = 0;
    flush_taken_ = false;
    hides_all_ = 0;
  }
  ForgetIfEmpty();
}

Removals::Whole Removals::HandOverWhole() {
  const std::lock_guard lock(mutex_);
  if (whole_handed_) return {};
  whole_handed_ = flush_ != 0 || hides_all_ != 0;
  return {flush_ != 0, hides_all_ != 0};
}

void Removals::TakeBackWhole() {
  const std::lock_guard lock(mutex_);
  whole_handed_ = false;
}

void Removals::HideAll() {
  const std::lock_guard lock(mutex_);
  hides_all_ = ++versions_;
  whole_handed_ = false;
  any_.store(true, std::memory_order_release);
}

size_t Removals::size() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size() + taken_.size();
}

}  // namespace mcrelay::backend
