/* SPDX-License-Identifier: Apache-2.0 */

/* json-c, safe to link beside Open vSwitch.
 *
 * Both json-c and Open vSwitch have a global function "json_object_put": the
 * one drops a reference, the other adds a member to an object.  Open vSwitch
 * is linked statically, so the linker binds a plain call to its function, in
 * silence, and the program crashes.  This header is the only one that includes
 * <json-c/json.h>; after it json_object_put() means json-c's, found at run
 * time in the libraries that come after the program.
 *
 * Above: xfrm-json.c and whoever prints JSON.  Below: json-c.  Never include
 * it together with "openvswitch/json.h". */

#ifndef XFRM_JSONC_H
#define XFRM_JSONC_H 1

#include <dlfcn.h>
#include <stdlib.h>
#include <json-c/json.h>

static inline int
xfrm_jsonc_object_put(struct json_object *obj)
{
    union {
        void *pointer;
        int (*function)(struct json_object *);
    } put;

    put.pointer = dlsym(RTLD_NEXT, "json_object_put");
    if (!put.pointer) {
        /* json-c was linked statically: its function is out of reach. */
        abort();
    }
    return put.function(obj);
}

#define json_object_put(OBJ) xfrm_jsonc_object_put(OBJ)

#endif /* lib/xfrm-jsonc.h */
