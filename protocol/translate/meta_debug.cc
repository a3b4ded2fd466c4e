// me: what is known of an item, on one line. Redis keeps no slab class; the size is memcached's
// own.

#include "protocol/memcache/writer.h"
#include "protocol/translate/meta_hit.h"

namespace mcrelay::translate {

// exp counts backwards, as memcached's does: -9 is nine seconds to live, -1 is for ever (or one
// second).
void Translation::AnswerMetaDebug(const MetaHit& hit, Buffer* answer) const {
  constexpr size_t kItemHeader = 56;
  const Item& item = hit.item;
  answer->Append("ME ");
  if (GoesAsBase64((item.state & kBase64Key) != 0)) {
    memcache::AppendBase64(key(), answer);
  } else {
    answer->Append(key());
  }
  const int64_t left = SecondsLeft(hit.ttl_ms);
  answer->Append(" exp=-");
  answer->AppendNumber(static_cast<uint64_t>(left < 0 ? 1 : left));
  answer->Append(" la=");
  answer->AppendNumber(static_cast<uint64_t>(hit.idle_seconds));
  answer->Append(" cas=");
  answer->AppendNumber(CasOf(item));
  answer->Append((item.state & kFetched) != 0 ? " fetch=yes" : " fetch=no");
  answer->Append(" cls=1 size=");
  answer->AppendNumber(kItemHeader + key().size() + 1 + item.value.size() + 2 +
                       (item.flags != 0 ? 4 : 0));
  answer->Append("\r\n");
}

}  // namespace mcrelay::translate
