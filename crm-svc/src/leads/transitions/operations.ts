import { Failure, notFound } from "@crm/platform/errors";
import { read, write } from "../../services.ts";
import * as leads from "../queries.ts";
import { changeEntry, current } from "../refusals.ts";
import { TRANSITIONS } from "../rules.ts";
import { type Lead, type LeadStatus, lead } from "../schema.ts";
import { scored } from "../score/keep.ts";
import { findHistory, moveLead } from "./queries.ts";
import { timeInStatus } from "./rules.ts";
import { history, historyInput, transitionInput } from "./schema.ts";

/**
 * Moves a lead to another status; a probability that a person had set was the former one's, and is
 * dropped. Throws `notFound`, `stale`, and `wrongState` with those allowed for a way that there is not.
 */
export const transitionLead = write({
  name: "leads.transition",
  access: "leads:transition",
  input: transitionInput,
  output: lead,
  async run({ db, actor, ownerOnly }, { id, to, reason, note, expectedVersion }) {
    const { tenantId } = actor;
    const reach = { tenantId, ownedBy: ownerOnly };
    const before = current(await leads.lockLead(db, reach, id), expectedVersion);
    refuseIllegal(before, to);
    const moved = await moveLead(db, tenantId, id, {
      to,
      reason: reason ?? null,
      note: note ?? null,
      userId: actor.kind === "user" ? actor.userId : null,
    });
    const after = await scored(db, tenantId, moved);
    const entry = changeEntry("transitioned", before, after);
    const said = { ...(reason && { reason }), ...(note && { note }) };
    return { output: after, audit: { ...entry, after: { ...entry.after, ...said } } };
  },
});

/** A lead's ways from status to status, and how long it was in each. Throws `notFound`. */
export const getHistory = read({
  name: "leads.history",
  access: "leads:read",
  input: historyInput,
  output: history,
  async run({ db, actor, ownerOnly }, { id }) {
    const reach = { tenantId: actor.tenantId, ownedBy: ownerOnly };
    const transitions = await findHistory(db, reach, id);
    if (transitions === null) throw notFound("lead");
    return { leadId: id, transitions, timeInStatus: timeInStatus(transitions, new Date()) };
  },
});

function refuseIllegal({ status }: Lead, to: LeadStatus): void {
  const allowed = TRANSITIONS[status];
  if (allowed.includes(to)) return;
  const ways =
    allowed.length === 0 ? "nothing follows it" : `what may follow is ${allowed.join(", ")}`;
  const message =
    to === "won"
      ? `A lead is won by its conversion: POST /v1/leads/{id}/convert. Else, from ${status}, ${ways}.`
      : `A lead that is ${status} cannot become ${to}: ${ways}.`;
  throw new Failure("wrongState", "illegal_transition", message, {
    facts: { from: status, allowed },
  });
}
