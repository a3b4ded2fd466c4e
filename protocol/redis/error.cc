#include "protocol/redis/error.h"

#include <array>

namespace mcrelay::redis {
namespace {

struct Entry {
  std::string_view code;
  std::string_view name;
};

// In the order of ErrorKind.
constexpr std::array<Entry, kErrorKinds> kEntries = {{
    {"ERR", "other"},
    {"NOSCRIPT", "noscript"},
    {"MOVED", "moved"},
    {"ASK", "ask"},
    {"TRYAGAIN", "tryagain"},
    {"CLUSTERDOWN", "clusterdown"},
    {"CROSSSLOT", "crossslot"},
    {"READONLY", "readonly"},
    {"MASTERDOWN", "masterdown"},
    {"LOADING", "loading"},
    {"BUSY", "busy"},
    {"OOM", "oom"},
    {"MISCONF", "misconf"},
    {"NOREPLICAS", "noreplicas"},
    {"NOAUTH", "noauth"},
    {"WRONGPASS", "wrongpass"},
    {"NOPERM", "noperm"},
    {"WRONGTYPE", "wrongtype"},
}};

}  // namespace

ErrorKind ClassifyError(std::string_view text) {
  const std::string_view code = text.substr(0, text.find(' '));
  for (size_t i = 0; i < kEntries.size(); ++i) {
    if (kEntries[i].code == code) return static_cast<ErrorKind>(i);
  }
  return ErrorKind::kOther;
}

bool IsNodeState(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kClusterDown:
    case ErrorKind::kReadOnly:
    case ErrorKind::kMasterDown:
    case ErrorKind::kLoading:
    case ErrorKind::kBusy:
    case ErrorKind::kOutOfMemory:
    case ErrorKind::kMisconf:
    case ErrorKind::kNoReplicas:
    case ErrorKind::kNoAuth:
    case ErrorKind::kWrongPass:
    case ErrorKind::kNoPerm:
      return true;
    default:
      return false;
  }
}

std::string_view ErrorKindName(ErrorKind kind) { return kEntries[static_cast<size_t>(kind)].name; }

}  // namespace mcrelay::redis
