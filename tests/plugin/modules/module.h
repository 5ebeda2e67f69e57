/* What every small plugin for the tests needs. */
#ifndef STEPD_TEST_MODULE_H
#define STEPD_TEST_MODULE_H

#include <stepd/plugin.h>
#include <string.h>

#define TEXT(literal) \
  { literal, sizeof(literal) - 1 }

#define PLAIN_STEP(TYPE, EXECUTE)                                                                  \
  {                                                                                                \
    .struct_size = sizeof(stepd_step), .kind = STEPD_KIND_PLAIN, .type = TEXT(TYPE), .version = 1, \
    .accepts_from = 1, .execute = EXECUTE                                                          \
  }

#define PLUGIN(ID, VERSION, STEPS)                                                           \
  {                                                                                          \
    .struct_size = sizeof(stepd_plugin), .id = TEXT(ID), .version = TEXT(VERSION),           \
    .sdk = TEXT("plain C"), .step_count = sizeof(STEPS) / sizeof((STEPS)[0]), .steps = STEPS \
  }

static inline int is_text(stepd_str text, const char* expected) {
  return text.len == strlen(expected) &&
         (text.len == 0 || memcmp(text.ptr, expected, text.len) == 0);
}

#endif
