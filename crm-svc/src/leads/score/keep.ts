import type { Kysely } from "kysely";
import { findLeadSettings } from "../../lead-settings/queries.ts";
import type { DB } from "../../tables.gen.ts";
import type { Lead } from "../schema.ts";
import { findScoreFacts, keepScores } from "./queries.ts";
import { scoreOf } from "./rules.ts";
import type { Scoring } from "./schema.ts";

/** The lead with its score as it is now, which is kept. */
export async function scored(db: Kysely<DB>, tenantId: string, lead: Lead): Promise<Lead> {
  const { scoring } = await findLeadSettings(db, tenantId);
  const score = (await keepScoresOf(db, tenantId, [lead.id], scoring)).get(lead.id);
  return score === undefined ? lead : { ...lead, score };
}

/** Scores leads, which must be locked, and keeps the scores. */
export async function keepScoresOf(
  db: Kysely<DB>,
  tenantId: string,
  leadIds: readonly string[],
  scoring: Scoring,
): Promise<ReadonlyMap<string, number>> {
  const facts = await findScoreFacts(db, tenantId, leadIds, scoring.halfLifeDays);
  const scores = facts.map((each) => ({
    leadId: each.leadId,
    score: scoreOf(each, scoring).score,
  }));
  await keepScores(db, tenantId, scores);
  return new Map(scores.map(({ leadId, score }) => [leadId, score]));
}
