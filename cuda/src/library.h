#pragma once

#include <string>

namespace aircache {

// open_library opens a library of NVIDIA's at run time: where the loader looks, then in the folders of AIRCACHE_LIBRARY_PATH, then where
// the toolkit puts it. Null where it is nowhere; error then says what the loader said first.
void* open_library(const char* name, std::string* error);

}  // namespace aircache
