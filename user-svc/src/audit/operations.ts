import { Failure } from "@crm/platform/errors";
import { cutPage } from "@crm/platform/pages";
import { z } from "zod";
import { read } from "../services.ts";
import { listAuditEntries } from "./queries.ts";
import { auditPage, listAuditInput } from "./schema.ts";

const listPosition = z.tuple([z.string(), z.string()]);

/** What was changed in the tenant, newest first; with the scope `own`, by the caller. */
export const listAudit = read({
  name: "audit.list",
  access: "audit:read",
  input: listAuditInput,
  output: auditPage,
  async run({ context, db, actor, ownerOnly }, { limit, cursor, ...filter }) {
    const { cursors } = context.services;
    const { actorId = ownerOnly ?? undefined } = filter;
    if (ownerOnly !== null && actorId !== ownerOnly) {
      throw new Failure("forbidden", "forbidden", "Your role may only see what you did yourself.");
    }
    const list = ["audit.list", actor.tenantId, { ...filter, actorId }];
    const position = cursors.open(list, cursor, listPosition);
    const after = position && { occurredAt: position[0], id: position[1] };
    const rows = await listAuditEntries(db, actor.tenantId, { ...filter, actorId }, limit, after);
    return cutPage(rows, limit, (last) => cursors.seal(list, [last.occurredAt, last.id]));
  },
});
