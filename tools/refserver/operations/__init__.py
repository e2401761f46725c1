"""The operations, one file each (or one small family).

A module gives OPERATION, FIELDS (the request payload's table), and run(ctx, request), which
returns the items of the response payload. WRITES says whether it changes the store. prepare(ctx,
request) is optional: slow work before the transaction begins.
"""

from . import (
    activate,
    add_attribute,
    certify,
    destroy,
    discover_versions,
    get,
    get_attributes,
    get_usage_allocation,
    locate,
    query,
    recertify,
    register,
    revoke,
)

MODULES = (
    activate, add_attribute, certify, destroy, discover_versions, get, get_attributes, get_usage_allocation,
    locate, query, recertify, register, revoke,
)

OPERATIONS = {int(module.OPERATION): module for module in MODULES}
