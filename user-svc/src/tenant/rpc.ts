import { maskedPatch } from "@crm/platform/field-mask";
import { bind } from "@crm/platform/rpc";
import { UserService } from "@crm/proto/user/v1/user_pb";
import { getTenant, updateTenant } from "./operations.ts";
import type { Tenant } from "./schema.ts";

const { method } = UserService;
const output = (tenant: Tenant) => ({ tenant });

export const tenantBindings = [
  bind(method.getTenant, getTenant, { output }),
  bind(method.updateTenant, updateTenant, {
    input: ({ tenant, updateMask, ...rest }) => ({
      ...rest,
      tenant: maskedPatch(tenant, updateMask),
    }),
    output,
  }),
];
