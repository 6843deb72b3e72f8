import type { Actor } from "@crm/platform/context";
import { notFound } from "@crm/platform/errors";
import { cutPage } from "@crm/platform/pages";
import { z } from "zod";
import { read } from "../services.ts";
import { listTimeline, type Visible } from "./queries.ts";
import { wanted } from "./rules.ts";
import { timelineInput, timelinePage } from "./schema.ts";

const position = z.tuple([z.string(), z.uuid()]);

/**
 * What happened with a contact and to it, and to what was merged into it, newest first: interactions,
 * its leads' events, merges, conversions and changes. What the caller may not read is left out. Throws
 * `notFound`; of a contact that is part of another, that one's is told.
 */
export const getTimeline = read({
  name: "contacts.timeline",
  access: "contacts:read",
  input: timelineInput,
  output: timelinePage,
  async run({ context, db, actor, ownerOnly }, { id, type, from, to, limit, cursor }) {
    const { cursors } = context.services;
    const { tenantId } = actor;
    const filter = { ...wanted(type), from, to };
    const visible = {
      interactionsOf: visibleTo(actor, "interactions:read"),
      leadsOf: visibleTo(actor, "leads:read"),
    };
    const list = ["contacts.timeline", tenantId, id, filter, visible];
    const last = cursors.open(list, cursor, position);
    const after = last && { at: last[0], id: last[1] };
    const of = { tenantId, contactId: id, ownedBy: ownerOnly, visible };
    const rows = await listTimeline(db, of, filter, limit, after);
    if (rows === null) throw notFound("contact");
    return cutPage(rows, limit, (entry) => cursors.seal(list, [entry.at, entry.id]));
  },
});

function visibleTo(actor: Actor, permission: string): Visible {
  const scope = actor.permissions.get(permission);
  return scope === undefined
    ? "nobody's"
    : scope === "own"
      ? { userId: actor.userId }
      : "everybody's";
}
