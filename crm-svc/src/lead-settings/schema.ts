import { expectedVersion, wholeNumber } from "@crm/platform/input";
import { z } from "zod";
import { assignment, assignmentInput } from "../leads/assignment/schema.ts";
import { scoring, scoringInput } from "../leads/score/schema.ts";

/** By status: after how many days without any activity a lead needs follow-up. */
const days = wholeNumber(1, 365);
const inactiveDaysInput = z.strictObject({
  new: days,
  contacted: days,
  qualified: days,
  proposal: days,
  negotiation: days,
});
const inactiveDays = z.strictObject({
  new: z.int(),
  contacted: z.int(),
  qualified: z.int(),
  proposal: z.int(),
  negotiation: z.int(),
});

export const getLeadSettingsInput = z.strictObject({});
/** All of them: what is absent is as it was. */
export const setLeadSettingsInput = z.strictObject({
  scoring: scoringInput.optional(),
  inactiveDays: inactiveDaysInput.optional(),
  assignment: assignmentInput.optional(),
  expectedVersion,
});

export const leadSettings = z.strictObject({ scoring, inactiveDays, assignment, version: z.int() });
export type LeadSettings = z.output<typeof leadSettings>;

/** How it is for a tenant that has never said otherwise. */
export const DEFAULT_SETTINGS: LeadSettings = {
  scoring: {
    weights: { completeness: 20, engagement: 30, value: 20, source: 10, stage: 20 },
    halfLifeDays: 30,
    fullValue: "100000.00",
    sources: [],
  },
  inactiveDays: { new: 30, contacted: 30, qualified: 30, proposal: 30, negotiation: 30 },
  assignment: { mode: "manual", userIds: [], rules: [] },
  version: 1,
};
