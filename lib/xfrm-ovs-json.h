/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XFRM_OVS_JSON_H
#define XFRM_OVS_JSON_H 1

/* Arrays of Open vSwitch's JSON, which Open vSwitch 4.0 hides behind functions
 * that earlier versions do not have.  Below xfrm-db-probe and ovs-xfrmctl. */

#include "openvswitch/json.h"
#include "xfrm-version.h"

/* 'json' must be an array. */
static inline size_t
xfrm_ovs_json_n(const struct json *json)
{
#if XFRM_OVS_VERSION_NUM >= 400
    return json_array_size(json);
#else
    return json_array(json)->n;
#endif
}

static inline const struct json *
xfrm_ovs_json_at(const struct json *json, size_t i)
{
#if XFRM_OVS_VERSION_NUM >= 400
    return json_array_at(json, i);
#else
    return json_array(json)->elems[i];
#endif
}

#endif /* xfrm-ovs-json.h */
