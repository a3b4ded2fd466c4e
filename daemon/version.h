// What this build calls itself.
#pragma once

#define MCRELAY_VERSION "0.1.0"
// What `version` answers: one token, and one that client libraries parse as a memcached of 1.6.
#define MCRELAY_MEMCACHED_VERSION "1.6.45-mcrelay" MCRELAY_VERSION
