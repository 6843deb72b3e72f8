import { type Kysely, type Selectable, sql } from "kysely";
import type { DB, IdentityUsers } from "../tables.gen.ts";
import type { User, UserFilter, UserValues } from "./schema.ts";

type Db = Kysely<DB>;

const columns = [
  "user_id",
  "email",
  "full_name",
  "role",
  "status",
  "version",
  "created_at",
  "updated_at",
] as const;

/** A user's columns in a query that calls the table `users`. `totpEnabled` is to be added. */
export const userColumns = columns.map((column) => `users.${column}` as const);

/** Whether sign-in asks a user for a second factor, in a query that calls the table `users`. */
export const totpEnabled = sql<boolean>`exists (
  select from identity.second_factors as factors
  where factors.tenant_id = users.tenant_id and factors.user_id = users.user_id
    and factors.confirmed_at is not null)`.as("totp_enabled");

export interface UserRow extends Pick<Selectable<IdentityUsers>, (typeof columns)[number]> {
  readonly totp_enabled: boolean;
}

export async function insertUser(
  db: Db,
  tenantId: string,
  user: Pick<User, "id" | "email" | "fullName" | "role"> & {
    /** Null invites the user instead. */
    readonly passwordHash: string | null;
  },
): Promise<User> {
  const row = await db
    .insertInto("identity.users")
    .values({
      tenant_id: tenantId,
      user_id: user.id,
      email: user.email,
      full_name: user.fullName,
      role: user.role,
      status: user.passwordHash === null ? "invited" : "active",
      password_hash: user.passwordHash,
    })
    .returning(columns)
    .executeTakeFirstOrThrow();
  return userOf({ ...row, totp_enabled: false });
}

/** Which users: of a tenant, and only oneself where the permission reaches no further. */
export interface Reach {
  readonly tenantId: string;
  readonly onlyUser: string | null;
}

export async function findUser(db: Db, reach: Reach, id: string): Promise<User | null> {
  const row = await selectUsers(db, reach).where("users.user_id", "=", id).executeTakeFirst();
  return row === undefined ? null : userOf(row);
}

export interface LockedUser {
  readonly user: User;
  readonly hasPassword: boolean;
}

/** The user, locked until the transaction ends. */
export async function lockUser(db: Db, reach: Reach, id: string): Promise<LockedUser | null> {
  const row = await selectUsers(db, reach)
    .select((eb) => eb("users.password_hash", "is not", null).as("hasPassword"))
    .where("users.user_id", "=", id)
    .forNoKeyUpdate()
    .executeTakeFirst();
  return row === undefined ? null : { user: userOf(row), hasPassword: row.hasPassword === true };
}

/** Newest first, one more than `limit`; `after` is the last row of the page before. */
export async function listUsers(
  db: Db,
  reach: Reach,
  { role, status, q }: UserFilter,
  limit: number,
  after: { readonly createdAt: string; readonly id: string } | undefined,
): Promise<User[]> {
  let query = selectUsers(db, reach)
    .orderBy("users.created_at", "desc")
    .orderBy("users.user_id", "desc")
    .limit(limit + 1);
  if (role !== undefined) query = query.where("users.role", "=", role);
  if (status !== undefined) query = query.where("users.status", "=", status);
  if (q !== undefined) {
    // Not LIKE: what is typed has no wildcards.
    query = query.where(
      sql<boolean>`(strpos(lower(users.full_name), lower(${q})) > 0
        or strpos(users.email, lower(${q})) > 0)`,
    );
  }
  if (after !== undefined) {
    query = query.where(
      sql<boolean>`(users.created_at, users.user_id)
        < (${after.createdAt}::timestamptz, ${after.id}::uuid)`,
    );
  }
  return (await query.execute()).map(userOf);
}

/** Whether an active admin is left without this user. To be asked with the tenant locked. */
export async function hasOtherAdmin(db: Db, tenantId: string, userId: string): Promise<boolean> {
  const row = await db
    .selectFrom("identity.users")
    .select("user_id")
    .where("tenant_id", "=", tenantId)
    .where("role", "=", "admin")
    .where("status", "=", "active")
    .where("user_id", "!=", userId)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

export async function updateUser(
  db: Db,
  tenantId: string,
  id: string,
  values: UserValues,
): Promise<User> {
  const row = await db
    .updateTable("identity.users as users")
    .set({
      email: values.email,
      full_name: values.fullName,
      role: values.role,
      status: values.status,
      version: sql<number>`users.version + 1`,
      updated_at: sql<Date>`now()`,
    })
    .where("users.tenant_id", "=", tenantId)
    .where("users.user_id", "=", id)
    .returning(userColumns)
    .returning(totpEnabled)
    .executeTakeFirstOrThrow();
  return userOf(row);
}

export type OneTimePurpose = "invitation" | "password_reset";

export async function insertOneTimeToken(
  db: Db,
  tenantId: string,
  token: {
    readonly userId: string;
    readonly purpose: OneTimePurpose;
    readonly hash: Buffer;
    readonly expiresAt: Date;
  },
): Promise<void> {
  await db
    .insertInto("identity.one_time_tokens")
    .values({
      tenant_id: tenantId,
      token_hash: token.hash,
      user_id: token.userId,
      purpose: token.purpose,
      expires_at: token.expiresAt,
    })
    .execute();
}

function selectUsers(db: Db, { tenantId, onlyUser }: Reach) {
  return db
    .selectFrom("identity.users as users")
    .select(userColumns)
    .select(totpEnabled)
    .where("users.tenant_id", "=", tenantId)
    .$if(onlyUser !== null, (query) => query.where("users.user_id", "=", onlyUser));
}

/** Roles and states are the table's CHECKs, which the types cannot see. */
export function userOf(row: UserRow): User {
  return {
    id: row.user_id,
    email: row.email,
    fullName: row.full_name,
    role: row.role as User["role"],
    status: row.status as User["status"],
    totpEnabled: row.totp_enabled,
    version: row.version,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  };
}
