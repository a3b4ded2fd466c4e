// What becomes of memory that is freed: it is kept for the next large value, until those who sent
// or asked for such values are gone or rest.
//
// Threading: as each function says.
#pragma once

namespace mcrelay::net {

// Buffers of large values are reused instead of being returned to the kernel between any two
// requests. At start, before any other thread exists.
void KeepFreedMemory();
// What is free goes back to the kernel for once, of the calling thread's heap also its end. Takes
// some milliseconds. Any thread.
void GiveFreedMemoryBack();

}  // namespace mcrelay::net
