/* A GPU with nothing in it, for the real CuPy: memory is the host's, launches and products do nothing. See hollow_gpu.py.

   CuPy's modules reach the CUDA runtime and driver through tables of C functions; `install` puts these in their place. Every function
   has the signature of the one it replaces, whose last argument Cython adds. */
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static long launches, uploads, reads;

static PyObject *none(void) { Py_RETURN_NONE; }
static int zero(int s) { return 0; }
static int one(int s) { return 1; }
static int version(int s) { return 13000; }
static int zero_of_pointer(intptr_t p, int s) { return 0; }
static int device_attribute(int which, int device, int s) { return which == 75 ? 9 : which == 76 ? 0 : which == 1 ? 1024 : 1; }    /* sm_90 */
static int function_attribute(int which, intptr_t f, int s) { return 1024; }
static intptr_t handle(int s) { return 7; }
static intptr_t handle_of_flags(unsigned flags, int s) { return 7; }
static intptr_t handle_of_object(PyObject *o, int s) { return 7; }
static intptr_t handle_of_name(intptr_t p, PyObject *o, int s) { return 7; }
static PyObject *none_of_int(int a, int s) { Py_RETURN_NONE; }
static PyObject *none_of_pointer(intptr_t a, int s) { Py_RETURN_NONE; }
static PyObject *none_of_pointers(intptr_t a, intptr_t b, int s) { Py_RETURN_NONE; }
static PyObject *wait(intptr_t a, int s) { reads++; Py_RETURN_NONE; }
static intptr_t allocate(size_t n, int s) { return (intptr_t)aligned_alloc(512, (n + 512) / 512 * 512); }
static intptr_t allocate_host(size_t n, unsigned flags, int s) { return allocate(n, s); }
static PyObject *release(intptr_t p, int s) { free((void *)p); Py_RETURN_NONE; }

static void copy_bytes(intptr_t to, intptr_t from, size_t n, int kind) {
    memcpy((void *)to, (void *)from, n);
    uploads += kind == 1;
    reads += kind == 2;
}
static PyObject *copy(intptr_t to, intptr_t from, size_t n, int kind, int s) { copy_bytes(to, from, n, kind); Py_RETURN_NONE; }
static PyObject *copy_async(intptr_t to, intptr_t from, size_t n, int kind, intptr_t stream, int s) { copy_bytes(to, from, n, kind); Py_RETURN_NONE; }
static PyObject *set_async(intptr_t to, int value, size_t n, intptr_t stream, int s) { launches++; memset((void *)to, value, n); Py_RETURN_NONE; }
static PyObject *launch(intptr_t f, unsigned a, unsigned b, unsigned c, unsigned d, unsigned e, unsigned g, unsigned shared, intptr_t stream, intptr_t arguments,
                        intptr_t extra, int s) { launches++; Py_RETURN_NONE; }

static const struct { const char *module, *name; void *function; } table[] = {
    {"runtime", "getDevice", zero}, {"runtime", "getDeviceCount", one}, {"runtime", "driverGetVersion", version},
    {"runtime", "runtimeGetVersion", version}, {"runtime", "deviceGetAttribute", device_attribute}, {"runtime", "setDevice", none_of_int},
    {"runtime", "_ensure_context", none}, {"runtime", "pointerGetMemoryType", zero_of_pointer}, {"runtime", "malloc", allocate},
    {"runtime", "free", release}, {"runtime", "hostAlloc", allocate_host}, {"runtime", "freeHost", release}, {"runtime", "memcpy", copy},
    {"runtime", "memcpyAsync", copy_async}, {"runtime", "memsetAsync", set_async}, {"runtime", "streamSynchronize", wait},
    {"runtime", "eventSynchronize", wait}, {"runtime", "eventDestroy", none_of_pointer}, {"runtime", "eventQuery", none_of_pointer},
    {"runtime", "eventRecord", none_of_pointers}, {"runtime", "streamIsCapturing", zero_of_pointer}, {"runtime", "eventCreate", handle},
    {"runtime", "eventCreateWithFlags", handle_of_flags}, {"driver", "moduleLoadData", handle_of_object},
    {"driver", "moduleGetFunction", handle_of_name}, {"driver", "moduleUnload", none_of_pointer}, {"driver", "launchKernel", launch},
    {"driver", "funcGetAttribute", function_attribute}, {"driver", "ctxGetCurrent", handle}};

static PyObject *install(PyObject *self, PyObject *args) {
    const char *module;
    PyObject *functions;
    if (!PyArg_ParseTuple(args, "sO", &module, &functions)) return NULL;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strcmp(table[i].module, module)) continue;
        PyObject *old = PyDict_GetItemString(functions, table[i].name);
        if (!old) return PyErr_Format(PyExc_KeyError, "%s.%s", module, table[i].name);
        PyObject *capsule = PyCapsule_New(table[i].function, PyCapsule_GetName(old), NULL);
        if (!capsule || PyDict_SetItemString(functions, table[i].name, capsule)) return NULL;
        Py_DECREF(capsule);
    }
    Py_RETURN_NONE;
}

static PyObject *counts(PyObject *self, PyObject *args) {
    PyObject *result = Py_BuildValue("{s:l,s:l,s:l}", "launches", launches, "uploads", uploads, "reads", reads);
    launches = uploads = reads = 0;
    return result;
}

static PyMethodDef methods[] = {{"install", install, METH_VARARGS, "Replace the functions of a module."},
                                {"counts", counts, METH_NOARGS, "What was asked for since the last call."}, {0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "hollow_gpu_functions", NULL, -1, methods};
PyMODINIT_FUNC PyInit_hollow_gpu_functions(void) { return PyModule_Create(&module); }
