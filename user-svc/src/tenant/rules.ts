import type { Tenant, TenantFields, TenantValues } from "./schema.ts";

/** Applies a merge patch (RFC 7396) to what can be changed of a tenant. */
export function patchTenant(tenant: Tenant, patch: TenantFields): TenantValues {
  return {
    name: patch.name ?? tenant.name,
    timeZone: patch.timeZone ?? tenant.timeZone,
    country: patch.country === undefined ? tenant.country : patch.country,
    currency: patch.currency === undefined ? tenant.currency : patch.currency,
    requireTotp: patch.requireTotp === undefined ? tenant.requireTotp : (patch.requireTotp ?? []),
  };
}
