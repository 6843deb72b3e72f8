import { changedFields } from "@crm/platform/audit";
import { Failure, type FieldFault, stale } from "@crm/platform/errors";
import { addJob } from "@crm/platform/jobs";
import type { Kysely } from "kysely";
import { scoreAllLeads } from "../leads/score/job.ts";
import { read, write } from "../services.ts";
import type { DB } from "../tables.gen.ts";
import * as queries from "./queries.ts";
import {
  getLeadSettingsInput,
  type LeadSettings,
  leadSettings,
  setLeadSettingsInput,
} from "./schema.ts";

/** How the tenant has its leads scored, followed up and assigned. */
export const getLeadSettings = read({
  name: "leadSettings.get",
  access: "leads:read",
  input: getLeadSettingsInput,
  output: leadSettings,
  run: ({ db, actor }) => queries.findLeadSettings(db, actor.tenantId),
});

/**
 * Changes the settings, each of the three as a whole. New rules of scoring are applied to all leads,
 * in a while. Throws `stale`, and `notFound` for users to assign to who are not there.
 */
export const setLeadSettings = write({
  name: "leadSettings.set",
  access: "leads:configure",
  input: setLeadSettingsInput,
  output: leadSettings,
  async run({ context, db, actor }, { expectedVersion, ...given }) {
    const { tenantId } = actor;
    const before = await queries.lockLeadSettings(db, tenantId);
    if (expectedVersion !== undefined && expectedVersion !== before.version) {
      throw stale(before.version);
    }
    // Through its schema, so that both have their members in one order.
    const after: LeadSettings = leadSettings.parse({ ...before, ...defined(given) });
    await refuseUnknownUsers(db, tenantId, after);
    const changed = changedFields(before, after);
    if (changed === null) return { output: before, audit: [] };
    const output = { ...after, version: before.version + 1 };
    await queries.updateLeadSettings(db, tenantId, output);
    if (changed.after.scoring !== undefined) {
      await addJob({ db, context }, scoreAllLeads, {}, { key: "settings" });
    }
    const audit = { entity: "leadSettings", entityId: tenantId, action: "updated", ...changed };
    return { output, audit };
  },
});

function defined<Values extends object>(values: Values): Partial<Values> {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  // `fromEntries` forgets the names.
  return Object.fromEntries(entries) as Partial<Values>;
}

async function refuseUnknownUsers(
  db: Kysely<DB>,
  tenantId: string,
  { assignment }: LeadSettings,
): Promise<void> {
  const named = [
    { path: "assignment.userIds", userIds: assignment.userIds },
    ...assignment.rules.map(({ userIds }, at) => ({
      path: `assignment.rules[${at}].userIds`,
      userIds,
    })),
  ];
  const all = new Set(named.flatMap(({ userIds }) => userIds));
  const unknown = await queries.unknownUsers(db, tenantId, [...all]);
  const faults = named.flatMap(({ path, userIds }) =>
    userIds.flatMap((userId, at): FieldFault[] =>
      unknown.has(userId)
        ? [{ path: `${path}[${at}]`, code: "not_found", message: "is not a user" }]
        : [],
    ),
  );
  if (faults.length === 0) return;
  const message = "There is no such user to assign leads to.";
  throw new Failure("notFound", "not_found", message, { fields: faults });
}
