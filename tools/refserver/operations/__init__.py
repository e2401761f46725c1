"""The operations, one file each (or one small family).

A module gives OPERATION, FIELDS (the request payload's table), and run(ctx, request), which
returns the items of the response payload. WRITES says whether it changes the store. prepare(ctx,
request) is optional: slow work before the transaction begins, left in ctx.prepared.
"""

from . import (
    activate,
    add_attribute,
    cancel,
    certify,
    check,
    create,
    create_key_pair,
    destroy,
    discover_versions,
    get,
    get_attribute_list,
    get_attributes,
    get_usage_allocation,
    locate,
    poll,
    query,
    recertify,
    register,
    revoke,
)

MODULES = (
    activate,
    add_attribute,
    cancel,
    certify,
    check,
    create,
    create_key_pair,
    destroy,
    discover_versions,
    get,
    get_attribute_list,
    get_attributes,
    get_usage_allocation,
    locate,
    poll,
    query,
    recertify,
    register,
    revoke,
)

OPERATIONS = {int(module.OPERATION): module for module in MODULES}
