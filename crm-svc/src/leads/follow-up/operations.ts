import { invalid } from "@crm/platform/errors";
import { cutPage } from "@crm/platform/pages";
import { z } from "zod";
import { findLeadSettings } from "../../lead-settings/queries.ts";
import { read, write } from "../../services.ts";
import { assigneeOf } from "../operations.ts";
import { lockLead } from "../queries.ts";
import { changeEntry, current, refuseClosed } from "../refusals.ts";
import { lead, leadPage, OPEN_STATUSES } from "../schema.ts";
import * as queries from "./queries.ts";
import { inactiveInput, snoozeInput } from "./schema.ts";

const listPosition = z.tuple([z.string(), z.uuid()]);

/** The open leads that nobody has done anything about for some days, those left alone longest first. */
export const listInactiveLeads = read({
  name: "leads.inactive",
  access: "leads:read",
  input: inactiveInput,
  output: leadPage,
  async run({ context, db, actor, ownerOnly }, input) {
    const { limit, cursor, days, assignedUserId, includeSnoozed } = input;
    const { cursors } = context.services;
    const { tenantId } = actor;
    const reach = { tenantId, ownedBy: ownerOnly };
    const settings =
      days === undefined ? (await findLeadSettings(db, tenantId)).inactiveDays : everywhere(days);
    const filter = { days: settings, includeSnoozed, ...assigneeOf(actor, assignedUserId) };
    const list = ["leads.inactive", reach, filter];
    const position = cursors.open(list, cursor, listPosition);
    const after = position && { lastActivityAt: position[0], id: position[1] };
    const rows = await queries.listInactive(db, reach, filter, limit, after);
    return cutPage(rows, limit, (last) => cursors.seal(list, [last.lastActivityAt, last.id]));
  },
});

/**
 * Silences the follow-up of a lead until a date. Throws `invalid` unless that is within a year from now,
 * `notFound`, `stale`, and `wrongState` for one that is won or lost.
 */
export const snoozeLead = write({
  name: "leads.snooze",
  access: "leads:update",
  input: snoozeInput,
  output: lead,
  async run({ db, actor, ownerOnly }, { id, until, reason, expectedVersion }) {
    const reach = { tenantId: actor.tenantId, ownedBy: ownerOnly };
    refuseUntil(until);
    const before = current(await lockLead(db, reach, id), expectedVersion);
    refuseClosed(before);
    const after = await queries.snooze(db, actor.tenantId, id, { until, reason });
    return { output: after, audit: changeEntry("snoozed", before, after) };
  },
});

/** No lead is left alone for longer than this. */
const MAX_SNOOZE_MS = 366 * 24 * 3_600_000;

/** Not a matter of the input's form: what was snoozed may be asked for again when the time has come. */
function refuseUntil(until: Date): void {
  const early = until.getTime() <= Date.now();
  if (!early && until.getTime() <= Date.now() + MAX_SNOOZE_MS) return;
  const message = early ? "must be in the future" : "must be within a year";
  throw invalid([{ path: "until", code: early ? "too_early" : "too_late", message }]);
}

function everywhere(days: number) {
  const [first, second, third, fourth, fifth] = OPEN_STATUSES;
  return { [first]: days, [second]: days, [third]: days, [fourth]: days, [fifth]: days };
}
