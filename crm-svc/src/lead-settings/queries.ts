import type { Kysely } from "kysely";
import type { DB } from "../tables.gen.ts";
import { DEFAULT_SETTINGS, type LeadSettings, leadSettings } from "./schema.ts";

type Db = Kysely<DB>;

export async function findLeadSettings(db: Db, tenantId: string): Promise<LeadSettings> {
  const row = await db
    .selectFrom("crm.lead_settings")
    .select(["settings", "version"])
    .where("tenant_id", "=", tenantId)
    .executeTakeFirst();
  return row === undefined ? DEFAULT_SETTINGS : settingsOf(row);
}

/** The same, held until the transaction ends, also where there is no row yet. */
export async function lockLeadSettings(db: Db, tenantId: string): Promise<LeadSettings> {
  const { version, ...settings } = DEFAULT_SETTINGS;
  await db
    .insertInto("crm.lead_settings")
    .values({ tenant_id: tenantId, settings: JSON.stringify(settings), version })
    .onConflict((conflict) => conflict.column("tenant_id").doNothing())
    .execute();
  const row = await db
    .selectFrom("crm.lead_settings")
    .select(["settings", "version"])
    .where("tenant_id", "=", tenantId)
    .forUpdate()
    .executeTakeFirstOrThrow();
  return settingsOf(row);
}

export async function updateLeadSettings(
  db: Db,
  tenantId: string,
  { version, ...settings }: LeadSettings,
): Promise<void> {
  await db
    .updateTable("crm.lead_settings")
    .set({ settings: JSON.stringify(settings), version, updated_at: new Date() })
    .where("tenant_id", "=", tenantId)
    .execute();
}

/** Of these users, those that are not there. */
export async function unknownUsers(
  db: Db,
  tenantId: string,
  userIds: readonly string[],
): Promise<ReadonlySet<string>> {
  if (userIds.length === 0) return new Set();
  const rows = await db
    .selectFrom("identity.users")
    .select("user_id")
    .where("tenant_id", "=", tenantId)
    .where("user_id", "in", [...userIds])
    .execute();
  const known = new Set(rows.map((row) => row.user_id));
  return new Set(userIds.filter((userId) => !known.has(userId)));
}

/** Parsed, because jsonb has its members in another order. */
function settingsOf(row: { readonly settings: unknown; readonly version: number }): LeadSettings {
  return leadSettings.parse(Object.assign({ version: row.version }, row.settings));
}
