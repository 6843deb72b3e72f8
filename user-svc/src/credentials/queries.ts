import { type PlaceholderOf, statement } from "@crm/platform/statement";
import { type Kysely, sql } from "kysely";
import type { DB } from "../tables.gen.ts";

export interface LiveSession {
  readonly role: string;
  /** Of the tenant: see rememberedPermissions. */
  readonly rulesVersion: number;
  /** Whether the tenant demands a second factor of the role that the user has not set up. */
  readonly secondFactorMissing: boolean;
}

/** What the owner of a session is now, or null if it has ended or its user is not active. */
export async function findLiveSession(
  db: Kysely<DB>,
  session: { readonly tenantId: string; readonly sessionId: string; readonly userId: string },
): Promise<LiveSession | null> {
  const [live = null] = await liveSessions(db, session);
  return live;
}

const liveSessions = statement(
  (db: Kysely<DB>, value: PlaceholderOf<{ tenantId: string; sessionId: string; userId: string }>) =>
    db
      .selectFrom("identity.sessions as sessions")
      .innerJoin("identity.users as users", (join) =>
        join
          .onRef("users.tenant_id", "=", "sessions.tenant_id")
          .onRef("users.user_id", "=", "sessions.user_id"),
      )
      .innerJoin("identity.tenants as tenants", "tenants.tenant_id", "sessions.tenant_id")
      .leftJoin("identity.second_factors as factors", (join) =>
        join
          .onRef("factors.tenant_id", "=", "users.tenant_id")
          .onRef("factors.user_id", "=", "users.user_id")
          .on("factors.confirmed_at", "is not", null),
      )
      .select([
        "users.role",
        "tenants.rules_version as rulesVersion",
        sql<boolean>`factors.user_id is null and users.role = any (tenants.require_totp)`.as(
          "secondFactorMissing",
        ),
      ])
      .where("sessions.tenant_id", "=", value("tenantId"))
      .where("sessions.session_id", "=", value("sessionId"))
      .where("sessions.user_id", "=", value("userId"))
      .where("sessions.ended_at", "is", null)
      .where("sessions.expires_at", ">", sql<Date>`now()`)
      .where("users.status", "=", "active"),
);
