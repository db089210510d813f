// A library that looks like ONNX Runtime and fails on demand, for the tests of faults.
// cc -shared -fPIC -DTOO_OLD faulty_runtime.c: one that is older than what is asked of it.
// cc -shared -fPIC faulty_runtime.c: the one that REAL_RUNTIME names, but that no network runs while there is a file of the name FAULT,
// and none is loaded while there is one of the name FAULT.load.
// cc -shared -fPIC -DLISTS_CUDA faulty_runtime.c: the same, which says besides that it has the execution provider for CUDA, be it there or not.
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  const void *(*get_api)(uint32_t version);
  const char *(*version)(void);
} Base;

#ifdef TOO_OLD

static const void *get_api(uint32_t version) { return version > 10 ? NULL : (const void *)get_api; }
static const char *version(void) { return "1.10.0"; }

#else

// Places of functions in OrtApi, the same in all versions.
enum {
  CREATE_STATUS = 0,
  CREATE_SESSION_FROM_ARRAY = 8,
  RUN = 9,
  GET_AVAILABLE_PROVIDERS = 125,
  RELEASE_AVAILABLE_PROVIDERS = 126,
  RUN_WITH_BINDING = 133,
  FUNCTIONS = 320
};

typedef void *(*CreateStatus)(int code, const char *message);
typedef void *(*Load)(const void *, const void *, size_t, const void *, void **);
typedef void *(*Run)(void *, const void *, const char *const *, const void *const *, size_t, const char *const *, size_t, void **);
typedef void *(*RunWithBinding)(void *, const void *, const void *);

static const Base *real;
static void *functions[FUNCTIONS];
static Load real_load;
static Run real_run;
static RunWithBinding real_run_with_binding;

// What is given while there is the file FAULT with this ending; NULL without.
static void *failed(const char *ending, const char *message) {
  const char *fault = getenv("FAULT");
  char file[4096];
  if (fault && snprintf(file, sizeof file, "%s%s", fault, ending) < (int)sizeof file && access(file, F_OK) == 0)
    return ((CreateStatus)functions[CREATE_STATUS])(1, message);
  return NULL;
}

static void *lost(void) { return failed("", "the device is lost"); }

static void *load_network(const void *env, const void *model, size_t size, const void *options, void **out) {
  void *status = failed(".load", "the device is full");
  return status ? status : real_load(env, model, size, options, out);
}

static void *run(void *session, const void *options, const char *const *in_names, const void *const *in, size_t ins,
                 const char *const *out_names, size_t outs, void **out) {
  void *status = lost();
  return status ? status : real_run(session, options, in_names, in, ins, out_names, outs, out);
}

static void *run_with_binding(void *session, const void *options, const void *binding) {
  void *status = lost();
  return status ? status : real_run_with_binding(session, options, binding);
}

#ifdef LISTS_CUDA

static void *list_providers(char ***providers, int *count) {
  static char *all[] = {"CUDAExecutionProvider", "CPUExecutionProvider"};
  *providers = all;
  *count = 2;
  return NULL;
}

static void *keep_providers(char **providers, int count) {
  (void)providers, (void)count;
  return NULL;
}

#endif

static const void *get_api(uint32_t version) {
  const void *api = real->get_api(version);
  if (!api)
    return NULL;
  memcpy(functions, api, sizeof functions);
  real_load = (Load)functions[CREATE_SESSION_FROM_ARRAY];
  functions[CREATE_SESSION_FROM_ARRAY] = (void *)load_network;
  real_run = (Run)functions[RUN];
  functions[RUN] = (void *)run;
  real_run_with_binding = (RunWithBinding)functions[RUN_WITH_BINDING];
  functions[RUN_WITH_BINDING] = (void *)run_with_binding;
#ifdef LISTS_CUDA
  functions[GET_AVAILABLE_PROVIDERS] = (void *)list_providers;
  functions[RELEASE_AVAILABLE_PROVIDERS] = (void *)keep_providers;
#endif
  return functions;
}

static const char *version(void) { return real->version(); }

__attribute__((constructor)) static void load(void) {
  void *library = dlopen(getenv("REAL_RUNTIME"), RTLD_NOW);
  const Base *(*base)(void) = library ? (const Base *(*)(void))dlsym(library, "OrtGetApiBase") : NULL;
  if (!base)
    abort();
  real = base();
}

#endif

static const Base base = {get_api, version};
const Base *OrtGetApiBase(void) { return &base; }
