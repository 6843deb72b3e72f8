import { changedFields } from "@crm/platform/audit";
import { stale } from "@crm/platform/errors";
import { announceRevocation } from "@crm/platform/revocation";
import { securityEvent } from "../security/events.ts";
import { read, write } from "../services.ts";
import * as queries from "./queries.ts";
import { patchTenant } from "./rules.ts";
import { getTenantInput, tenant, updateTenantInput } from "./schema.ts";

/** The caller's tenant. */
export const getTenant = read({
  name: "tenant.get",
  access: "tenant:read",
  input: getTenantInput,
  output: tenant,
  run: ({ db, actor }) => queries.findTenant(db, actor.tenantId),
});

/** Changes some fields of the caller's tenant. Throws `stale` for a version that is not current. */
export const updateTenant = write({
  name: "tenant.update",
  access: "tenant:update",
  input: updateTenantInput,
  output: tenant,
  async run({ context, db, actor }, { tenant: patch, expectedVersion }) {
    const { tenantId } = actor;
    const before = await queries.lockTenant(db, tenantId);
    if (expectedVersion !== undefined && expectedVersion !== before.version) {
      throw stale(before.version);
    }
    const values = patchTenant(before, patch);
    const changed = changedFields<typeof values>(before, values);
    if (changed === null) return { output: before, audit: [] };
    const { requireTotp } = changed.after;
    return {
      output: await queries.updateTenant(db, tenantId, values),
      audit: { entity: "tenant", entityId: tenantId, action: "updated", ...changed },
      ...(requireTotp !== undefined && {
        events: [securityEvent("tenant_security_changed", { details: { requireTotp } })],
        // Who has no second factor yet may do less from now on, or more.
        afterCommit: () => announceRevocation(context.services.keyValue, { tenantId }),
      }),
    };
  },
});
