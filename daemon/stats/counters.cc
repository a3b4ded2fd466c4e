#include "daemon/stats/counters.h"

namespace mcrelay::stats {
namespace {

constexpr std::array<CounterInfo, kCounters> kTable = {{
    {Counter::kCurrConnections, "curr_connections", "open client connections"},
    {Counter::kTotalConnections, "total_connections",
     "client connections accepted since the start"},
    {Counter::kRejectedConnections, "rejected_connections", "connections refused over the limit"},
    {Counter::kCmdGet, "cmd_get", "keys asked for"},
    {Counter::kCmdSet, "cmd_set", "storage commands, cas included"},
    {Counter::kCmdFlush, "cmd_flush", "flush_all commands"},
    {Counter::kCmdTouch, "cmd_touch", "touch commands and keys of gat, gats and mg with T"},
    {Counter::kCmdMeta, "cmd_meta", "meta commands"},
    {Counter::kGetHits, "get_hits", "keys asked for and found"},
    {Counter::kGetMisses, "get_misses", "keys asked for and not found"},
    {Counter::kDeleteMisses, "delete_misses", "deletes of a key that was not there"},
    {Counter::kDeleteHits, "delete_hits", "deletes that removed an item"},
    {Counter::kIncrMisses, "incr_misses", "incr of a key that was not there"},
    {Counter::kIncrHits, "incr_hits", "incr done"},
    {Counter::kDecrMisses, "decr_misses", "decr of a key that was not there"},
    {Counter::kDecrHits, "decr_hits", "decr done"},
    {Counter::kCasMisses, "cas_misses", "cas of a key that was not there"},
    {Counter::kCasHits, "cas_hits", "cas that stored"},
    {Counter::kCasBadval, "cas_badval", "cas with another value than the item's"},
    {Counter::kTouchHits, "touch_hits", "touched items"},
    {Counter::kTouchMisses, "touch_misses", "touches of a key that was not there"},
    {Counter::kStoreTooLarge, "store_too_large", "values refused for their size"},
    {Counter::kStoreNoMemory, "store_no_memory", "values Redis had no memory for"},
    {Counter::kAuthCmds, "auth_cmds", "authentication attempts"},
    {Counter::kAuthErrors, "auth_errors", "authentication attempts that failed"},
    {Counter::kBytesRead, "bytes_read", "bytes read from clients"},
    {Counter::kBytesWritten, "bytes_written", "bytes written to clients"},
    {Counter::kConnYields, "conn_yields", "times a client waited for its answers in flight"},
    {Counter::kBackendFailed, "relay_backend_failed", "commands a backend gave no answer to"},
    {Counter::kRetriedReads, "relay_retried_reads", "reads asked a second time"},
    {Counter::kProtocolErrors, "relay_protocol_errors", "lines answered with an error"},
    {Counter::kClosedOverLimit, "relay_closed_over_limit", "clients closed for unread answers"},
    {Counter::kClosedIdle, "relay_closed_idle", "clients closed after the idle timeout"},
    {Counter::kRemovals, "relay_removals", "failed operations whose old item was hidden"},
    {Counter::kRemovalOverflows, "relay_removal_overflows", "of these, more than the set holds"},
}};

}  // namespace

std::span<const CounterInfo> AllCounters() { return kTable; }

}  // namespace mcrelay::stats
