// What the answers of meta commands have in common: flags echoed in request order, k and O even
// when nothing was found.

#include "protocol/memcache/answers.h"
#include "protocol/memcache/writer.h"
#include "protocol/translate/expiry.h"
#include "protocol/translate/meta_hit.h"

namespace mcrelay::translate {

using memcache::MetaFlags;
using memcache::Verb;

namespace {

void AppendNumberFlag(char flag, uint64_t number, Buffer* answer) {
  answer->Append(' ');
  answer->Append(flag);
  answer->AppendNumber(number);
}

}  // namespace

// A key with a space or a line feed in it can only have come as base64; it goes back as base64
// whatever the item remembers, since it would break the line.
bool Translation::GoesAsBase64(bool stored_so) const {
  return stored_so || key().find_first_of(" \n") != std::string_view::npos;
}

void Translation::AppendMetaFlags(const MetaFacts& facts, uint64_t shown, int64_t unix_seconds,
                                  Buffer* answer) const {
  int64_t left = facts.seconds_left;
  for (int i = 0; i < meta_.count; ++i) {
    const char flag = meta_.order[i];
    // T and N act in their turn: a t before them tells what was.
    if (flag == 'T') left = ResolveExpiry(meta_.ttl, unix_seconds).SecondsLeft(unix_seconds);
    if (flag == 'N' && facts.created) {
      left = ResolveExpiry(meta_.vivify_ttl, unix_seconds).SecondsLeft(unix_seconds);
    }
    if ((shown & MetaFlags::Bit(flag)) == 0) continue;
    switch (flag) {
      case 'O':
        answer->Append(" O");
        answer->Append(opaque_);
        break;
      case 'k':
        answer->Append(" k");
        if (GoesAsBase64(facts.base64)) {
          memcache::AppendBase64(key(), answer);
          answer->Append(" b");
        } else {
          answer->Append(key());
        }
        break;
      case 'c':
        AppendNumberFlag('c', facts.cas, answer);
        break;
      case 's':
        AppendNumberFlag('s', facts.value_bytes, answer);
        break;
      case 't':
        if (left < 0) {
          answer->Append(" t-1");
        } else {
          AppendNumberFlag('t', static_cast<uint64_t>(left), answer);
        }
        break;
      case 'f':
        AppendNumberFlag('f', facts.client_flags, answer);
        break;
      case 'h':
        answer->Append(facts.fetched ? " h1" : " h0");
        break;
      case 'l':
        AppendNumberFlag('l', static_cast<uint64_t>(facts.idle_seconds), answer);
        break;
      default:
        break;
    }
  }
}

void Translation::AppendMetaRefusal(std::string_view word, Buffer* answer) const {
  if (meta_.opaque_too_long) return answer->Append(memcache::kOpaqueTooLong);
  const MetaFacts facts{.base64 = Has('b'), .value_bytes = value_bytes_};
  answer->Append(word);
  AppendMetaFlags(facts, verb_ == Verb::kMetaSet ? FlagSet("Okcs") : FlagSet("Ok"), 0, answer);
  answer->Append("\r\n");
}

Step Translation::RefuseMeta(Outcome outcome, std::string_view word, Buffer* answer) const {
  AppendMetaRefusal(word, answer);
  return Done(outcome);
}

}  // namespace mcrelay::translate
