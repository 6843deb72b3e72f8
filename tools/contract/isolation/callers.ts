import { sign } from "node:crypto";
import { createApiKey, deleteApiKey } from "../../testing/api/api-keys.ts";
import { login, logout } from "../../testing/api/auth.ts";
import { getRolePermissions, setRolePermissions } from "../../testing/api/users.ts";
import { http1, restClient } from "../../testing/clients/rest.ts";
import { compareQueued } from "../../testing/duplicates.ts";
import {
  PASSWORD,
  type Role,
  type Session,
  type TestServices,
  type TestTenant,
} from "../../testing/services.ts";
import { tenantRows } from "../../testing/tenant-rows.ts";
import type { Described, Ids } from "./inputs.ts";
import { defaultPermissions, OWNERLESS, type Scope } from "./permissions.ts";
import { type Kind, type Owner, RESOURCES } from "./resources.ts";

/** A tenant with two of each kind of resource, which are its admin's. */
export interface PopulatedTenant {
  readonly id: string;
  readonly admin: Owner;
  readonly addUser: TestTenant["addUser"];
  /** One of each. */
  readonly ids: Readonly<Record<Kind, string>>;
  /** What belongs together, of the operations that say so. */
  readonly together: ReadonlyMap<Described, Ids | undefined>;
}

/** Somebody with a credential, and what they may do by the contract. */
export interface Caller extends Owner {
  readonly name: string;
  readonly userId: string;
  readonly tenant: PopulatedTenant;
  /** How far the permission reaches; undefined if they have not got it. */
  scopeOf(needs: Described["needs"]): Scope | undefined;
  /** Somebody like them with another session, which may end. */
  another(): Promise<Caller>;
}

/** A tenant whose texts all have a word, with all that these operations can be asked for. */
export async function populatedTenant(
  services: TestServices,
  word: string,
  operations: readonly Described[],
): Promise<PopulatedTenant> {
  const tenant = await services.newTenant();
  const admin = ownerOf(services, tenant, word, tenant.admin);
  const resources = () =>
    Object.entries(RESOURCES).map(async ([kind, make]) => [kind, await make(admin)] as const);
  // Two, so that lists have a second page.
  const [made] = await Promise.all([Promise.all(resources()), Promise.all(resources())]);
  const together = operations.map(async (each) => [each, await each.together?.(admin)] as const);
  const sets = await Promise.all(together);
  // Now, so that what the service does by itself is done before the rows are looked at.
  await compareQueued(services, tenant.admin.tenant.id);
  return {
    id: tenant.admin.tenant.id,
    admin,
    addUser: tenant.addUser,
    // The entries of RESOURCES have its keys.
    ids: Object.fromEntries(made) as Record<Kind, string>,
    together: new Map(sets),
  };
}

/** One of each role, with its default permissions, and an API key that bears the admin's. */
export async function callersOf(
  services: TestServices,
  tenant: PopulatedTenant,
): Promise<readonly Caller[]> {
  const roles = ["admin", "manager", "sales", "marketing"] as const;
  const users = roles.map((role) => userOf(services, tenant, role, role, defaultPermissions(role)));
  return Promise.all([...users, apiKeyOf(tenant)]);
}

/** A salesperson of a tenant in which that role has every permission that there is, for its own. */
export async function limitedCaller(
  services: TestServices,
  tenant: PopulatedTenant,
): Promise<Caller> {
  const { get } = tenant.admin;
  const { permissions } = await get(getRolePermissions, { role: "sales" });
  const owned = permissions
    .map(({ resource, action }) => ({ resource, action, scope: "own" }))
    .filter(({ resource, action }) => !OWNERLESS.includes(`${resource}:${action}`));
  await get(setRolePermissions, { role: "sales", permissions: owned });
  const names = owned.map(({ resource, action }) => [`${resource}:${action}`, "own"] as const);
  return userOf(services, tenant, "sales, for its own", "sales", new Map(names));
}

async function userOf(
  services: TestServices,
  tenant: PopulatedTenant,
  name: string,
  role: Role,
  permissions: ReadonlyMap<string, Scope>,
): Promise<Caller> {
  const session = await tenant.addUser(role);
  return {
    ...ownerOf(services, tenant.admin, tenant.admin.word, session),
    name,
    tenant,
    userId: session.user.id,
    scopeOf: (needs) =>
      needs === "person" || needs === "signedIn" ? "own" : permissions.get(needs),
    another: () => userOf(services, tenant, name, role, permissions),
  };
}

async function apiKeyOf(tenant: PopulatedTenant): Promise<Caller> {
  const { admin } = tenant;
  const { id, key } = await admin.get(createApiKey, { name: admin.word, role: "admin" });
  const permissions = defaultPermissions("admin");
  const caller: Caller = {
    ...admin,
    name: "an API key",
    tenant,
    token: key,
    userId: id,
    scopeOf(needs) {
      if (needs === "person") return undefined;
      return needs === "signedIn" ? "own" : permissions.get(needs);
    },
    another: async () => caller,
  };
  return caller;
}

function ownerOf(
  services: TestServices,
  { slug }: { readonly slug: string },
  word: string,
  { user, accessToken }: Pick<Session, "user" | "accessToken">,
): Owner {
  const client = restClient("REST", services, () => http1);
  return {
    slug,
    email: user.email,
    token: accessToken,
    word,
    async get(operation, input, token = accessToken) {
      const outcome = await client.call(operation, input, { token });
      services.secrets.plant([input, outcome]);
      if (outcome.ok) return outcome.value;
      throw new Error(`${operation.method.name} was refused: ${JSON.stringify(outcome)}`);
    },
  };
}

/** No credential, none at all that there could be, and what once was a good one. */
export async function badCredentials(
  { signingKey }: TestServices,
  { get, slug, email }: Owner,
): Promise<readonly (string | undefined)[]> {
  const { accessToken } = await get(login, { tenant: slug, email, password: PASSWORD });
  await get(logout, {}, accessToken);
  const apiKey = await get(createApiKey, { name: "revoked", role: "admin" });
  await get(deleteApiKey, { id: apiKey.id });
  return [undefined, "nonsense", expired(accessToken, signingKey), accessToken, apiKey.key];
}

/** The same token as if it had been made a day before. */
function expired(token: string, signingKey: string): string {
  const [header = "", payload = ""] = token.split(".");
  const claims: { iat: number; exp: number } = JSON.parse(
    Buffer.from(payload, "base64url").toString(),
  );
  const shifted = { ...claims, iat: claims.iat - 86_400, exp: claims.exp - 86_400 };
  const signed = `${header}.${Buffer.from(JSON.stringify(shifted)).toString("base64url")}`;
  const signature = sign("sha256", Buffer.from(signed), signingKey);
  return `${signed}.${signature.toString("base64url")}`;
}

const UUID = /[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}/g;

/** Finds in a text what only a tenant's rows have: their ids, and the tenant's word. */
export async function traitsOf(
  { database }: TestServices,
  { id, admin }: PopulatedTenant,
): Promise<(text: string) => readonly string[]> {
  const rows = [...(await tenantRows(database.ownerUrl, id)).values()].flat();
  const ids = new Set(rows.flatMap((row) => row.match(UUID) ?? []));
  return (text) => [
    ...(text.match(UUID) ?? []).filter((each) => ids.has(each)),
    ...(text.toLowerCase().includes(admin.word) ? [admin.word] : []),
  ];
}
