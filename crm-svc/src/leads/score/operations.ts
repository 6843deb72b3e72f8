import { notFound } from "@crm/platform/errors";
import { findLeadSettings } from "../../lead-settings/queries.ts";
import { read } from "../../services.ts";
import { findLead } from "../queries.ts";
import { findScoreFacts } from "./queries.ts";
import { scoreOf } from "./rules.ts";
import { score, scoreInput } from "./schema.ts";

/**
 * A lead's score as it is at this moment, and each rule's part in it; see scoreOf. What a list shows was
 * computed at the last change, or in the night. Throws `notFound`.
 */
export const getScore = read({
  name: "leads.score",
  access: "leads:read",
  input: scoreInput,
  output: score,
  async run({ db, actor, ownerOnly }, { id }) {
    const { tenantId } = actor;
    const reach = { tenantId, ownedBy: ownerOnly };
    if ((await findLead(db, reach, id)) === null) throw notFound("lead");
    const { scoring } = await findLeadSettings(db, tenantId);
    const [facts] = await findScoreFacts(db, tenantId, [id], scoring.halfLifeDays);
    if (facts === undefined) throw notFound("lead");
    return { leadId: id, ...scoreOf(facts, scoring) };
  },
});
