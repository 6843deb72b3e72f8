import { createHash } from "node:crypto";

/** What a token is for: none passes for another, and scanners for leaked secrets know them all. */
const PREFIXES = {
  refresh: "crmr_",
  invitation: "crmi_",
  password_reset: "crmp_",
  api_key: "crm_",
} as const;

export type OpaqueTokenKind = keyof typeof PREFIXES;

const SECRET_BYTES = 32;

/**
 * A new token: 256 random bits behind the tenant's id. The id is there because nothing of a tenant
 * can be read before it is known which.
 */
export function newOpaqueToken(kind: OpaqueTokenKind, tenantId: string): string {
  const tenant = Buffer.from(tenantId.replaceAll("-", ""), "hex");
  const secret = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
  return PREFIXES[kind] + Buffer.concat([tenant, secret]).toString("base64url");
}

/** The tenant that a token claims to be of, or null if it is none of ours of this kind. */
export function tenantOfOpaqueToken(kind: OpaqueTokenKind, token: string): string | null {
  const prefix = PREFIXES[kind];
  const body = token.slice(prefix.length);
  if (!token.startsWith(prefix) || !/^[\w-]{64}$/.test(body)) return null;
  const hex = Buffer.from(body, "base64url").subarray(0, 16).toString("hex");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** What is kept of a token: SHA-256, without salt, since nobody can guess 256 random bits. */
export function hashToken(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
