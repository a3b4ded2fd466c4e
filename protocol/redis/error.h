// Kinds of Redis error replies, by the code word that starts them.
#pragma once

#include <cstdint>
#include <string_view>

namespace mcrelay::redis {

enum class ErrorKind : uint8_t {
  kOther,     // ERR and anything not listed
  kNoScript,  // the script cache lost our script: EVAL with its text
  kMoved,     // cluster: the slot lives elsewhere
  kAsk,       // cluster: this key moved already, ask there once
  kTryAgain,  // cluster: a slot in migration, several keys
  kClusterDown,
  kCrossSlot,
  kReadOnly,  // a replica was asked to write
  kMasterDown,
  kLoading,
  kBusy,         // a script runs too long
  kOutOfMemory,  // OOM
  kMisconf,      // persistence failed, writes stopped
  kNoReplicas,
  kNoAuth,
  kWrongPass,
  kNoPerm,
  kWrongType,
};
inline constexpr int kErrorKinds = static_cast<int>(ErrorKind::kWrongType) + 1;

// Classifies the text of an error reply (without the leading '-').
[[nodiscard]] ErrorKind ClassifyError(std::string_view text);
// True for errors that tell what state the server is in, whatever the command was.
[[nodiscard]] bool IsNodeState(ErrorKind kind);
// The kind's name in statistics and logs: lower case, one word, e.g. "readonly".
[[nodiscard]] std::string_view ErrorKindName(ErrorKind kind);

}  // namespace mcrelay::redis
