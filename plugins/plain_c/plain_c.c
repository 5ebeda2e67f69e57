/* The stepd plugin ABI from plain C: a step that returns its arguments, and one that can be undone.
 *
 * plain_c.mark makes a file and removes it. Its name is the idempotency key, so a repeat finds it
 * made already, and undoing something that never happened finds nothing to remove: neither needs
 * to know how often, or whether, the step ran before. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stepd/plugin.h>
#include <string.h>
#include <unistd.h>

enum { path_size = 4096 };

static stepd_str str(const char* text) {
  const stepd_str whole = {text, strlen(text)};
  return whole;
}

static stepd_outcome answer_error(stepd_context* context, stepd_outcome outcome, const char* code,
                                  const char* message) {
  stepd_error error = {sizeof error, 0, str(code), str(message), {NULL, 0}, -1};
  context->host->set_error(context, &error);
  return outcome;
}

static stepd_outcome echo(void* self, stepd_context* context) {
  (void)self;
  context->host->set_output(context, context->host->args_json(context));
  return STEPD_SUCCEEDED;
}

/* The path of the marker, with the key's slashes made harmless; 0 when there is no room for it or
 * it would not survive being written as a JSON string as it is. */
static int marker_path(stepd_str folder, stepd_str key, char* path) {
  if (folder.len + key.len + sizeof "/.mark" > path_size) return 0;
  memcpy(path, folder.ptr, folder.len);
  path[folder.len] = '/';
  memcpy(path + folder.len + 1, key.ptr, key.len);
  for (char* letter = path + folder.len + 1; letter < path + folder.len + 1 + key.len; ++letter) {
    if (*letter == '/') *letter = '_';
  }
  strcpy(path + folder.len + 1 + key.len, ".mark");
  for (const char* letter = path; *letter != '\0'; ++letter) {
    if (*letter == '"' || *letter == '\\' || (unsigned char)*letter < ' ') return 0;
  }
  return 1;
}

/* Writes the path of this step's marker; otherwise answers for the step: nothing was done yet. */
static stepd_outcome find_marker(stepd_context* context, char* path) {
  stepd_str folder = {NULL, 0};
  if (context->host->config(context, str("folder"), &folder) != STEPD_OK) {
    return answer_error(context, STEPD_REFUSED, "no_folder",
                        "plain_c is not told where to make its files; configure `folder`");
  }
  if (!marker_path(folder, context->host->call(context)->execute_key, path)) {
    return answer_error(context, STEPD_REFUSED, "bad_folder",
                        "the configured `folder` is too long or has quotes in it; use another");
  }
  return STEPD_SUCCEEDED;
}

static stepd_outcome mark(void* self, stepd_context* context) {
  char path[path_size];
  char output[path_size + 16];
  int file;
  const stepd_outcome found = find_marker(context, path);
  (void)self;
  if (found != STEPD_SUCCEEDED) return found;
  file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return answer_error(context, STEPD_RETRY, "not_made", strerror(errno));
  close(file);
  snprintf(output, sizeof output, "{\"file\":\"%s\"}", path);
  context->host->set_output(context, str(output));
  return STEPD_SUCCEEDED;
}

static stepd_outcome unmark(void* self, stepd_context* context) {
  char path[path_size];
  const stepd_outcome found = find_marker(context, path);
  (void)self;
  if (found != STEPD_SUCCEEDED) return found;
  if (unlink(path) != 0 && errno != ENOENT) {
    return answer_error(context, STEPD_RETRY, "not_removed", strerror(errno));
  }
  return STEPD_SUCCEEDED;
}

#define TEXT(literal) \
  { literal, sizeof(literal) - 1 }

static const stepd_retry_policy mark_retry = {
    .struct_size = sizeof(stepd_retry_policy),
    .attempts_max = 5,
    .initial_ms = 200,
    .max_ms = -1,
    .multiplier_milli = -1,
    .jitter_permille = -1,
};

static const stepd_step echo_step = {
    .struct_size = sizeof(stepd_step),
    .kind = STEPD_KIND_PLAIN,
    .type = TEXT("plain_c.echo"),
    .version = 1,
    .accepts_from = 1,
    .title = TEXT("Echo"),
    .description = TEXT("Returns its arguments."),
    .args_schema = TEXT("{\"type\":\"object\"}"),
    .output_schema = TEXT("{\"type\":\"object\"}"),
    .execute = echo,
};

static const stepd_step mark_step = {
    .struct_size = sizeof(stepd_step),
    .kind = STEPD_KIND_SAGA,
    .type = TEXT("plain_c.mark"),
    .version = 1,
    .accepts_from = 1,
    .title = TEXT("Mark"),
    .description = TEXT("Makes a file, and removes it when undone."),
    .args_schema = TEXT("{\"type\":\"object\",\"additionalProperties\":false}"),
    .output_schema = TEXT("{\"type\":\"object\",\"properties\":{\"file\":{\"type\":\"string\"}},"
                          "\"required\":[\"file\"]}"),
    .retry = &mark_retry,
    .execute = mark,
    .compensate = unmark,
};

static const stepd_step* const steps[] = {&echo_step, &mark_step};

static const stepd_plugin plugin = {
    .struct_size = sizeof(stepd_plugin),
    .abi_minor_needed = 0,
    .id = TEXT("plain_c"),
    .version = TEXT("1.0.0"),
    .sdk = TEXT("plain C"),
    .step_count = sizeof steps / sizeof *steps,
    .steps = steps,
};

STEPD_NOTE("plain_c", "1.0.0", 0u);

const stepd_plugin* stepd_plugin_v1(void) { return &plugin; }
