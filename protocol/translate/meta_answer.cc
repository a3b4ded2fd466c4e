// What the answers of meta commands have in common: flags echoed in request order, k and O even
// when nothing was found.

#include "protocol/memcache/writer.h"
#include "protocol/translate/translation.h"

namespace mcrelay::translate {

using memcache::Verb;

// A key with a space or a line end in it can only have come as base64; it goes back as base64
// whatever the item remembers, since it would break the line.
void Translation::AppendKeyFlag(bool base64, Buffer* answer) const {
  answer->Append(" k");
  if (base64 || key().find_first_of(" \n") != std::string_view::npos) {
    memcache::AppendBase64(key(), answer);
    answer->Append(" b");
  } else {
    answer->Append(key());
  }
}

void Translation::AppendOpaqueFlag(Buffer* answer) const {
  answer->Append(" O");
  answer->Append(opaque_);
}

void Translation::AppendMetaRefusal(std::string_view word, Buffer* answer) const {
  if (meta_.opaque_too_long) return answer->Append(memcache::kOpaqueTooLong);
  answer->Append(word);
  for (int i = 0; i < meta_.count; ++i) {
    switch (meta_.order[i]) {
      case 'O':
        AppendOpaqueFlag(answer);
        break;
      case 'k':
        AppendKeyFlag(Has('b'), answer);
        break;
      case 'c':
        if (verb_ == Verb::kMetaSet) answer->Append(" c0");
        break;
      case 's':
        if (verb_ == Verb::kMetaSet) {
          answer->Append(" s");
          answer->AppendNumber(value_bytes_);
        }
        break;
      default:
        break;
    }
  }
  answer->Append("\r\n");
}

Step Translation::RefuseMeta(Outcome outcome, std::string_view word, Buffer* answer) const {
  AppendMetaRefusal(word, answer);
  return Done(outcome);
}

}  // namespace mcrelay::translate
