#include "host/engine/retry_policy.hpp"
