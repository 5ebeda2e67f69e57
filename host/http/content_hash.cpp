#include "host/http/content_hash.hpp"

#include "host/plugin/sha256.hpp"

namespace stepd::http {

engine::ContentHash content_hash(std::string_view canonical) { return {plugin::sha256(canonical)}; }

}  // namespace stepd::http
