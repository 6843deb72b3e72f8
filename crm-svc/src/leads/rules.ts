import type { Lead, LeadPatch, LeadStatus, LeadValues, Money, NewLeadFields } from "./schema.ts";
import { LEAD_STATUSES, OPEN_STATUSES } from "./schema.ts";

/**
 * From which status a lead may go to which, by a transition. Forward by one or two steps, back by one,
 * and out of anything open it may be lost. A lost one can be reopened wherever it was. `won` is not
 * here: only a conversion leads there, and nothing leads away.
 */
export const TRANSITIONS: Readonly<Record<LeadStatus, readonly LeadStatus[]>> = {
  new: ["contacted", "qualified", "lost"],
  contacted: ["qualified", "proposal", "lost"],
  qualified: ["contacted", "proposal", "negotiation", "lost"],
  proposal: ["qualified", "negotiation", "lost"],
  negotiation: ["proposal", "lost"],
  won: [],
  lost: OPEN_STATUSES,
};

/** What a status implies, in percent, until a person says otherwise. */
export const PROBABILITIES: Readonly<Record<LeadStatus, number>> = {
  new: 10,
  contacted: 20,
  qualified: 40,
  proposal: 60,
  negotiation: 80,
  won: 100,
  lost: 0,
};

/** The probability that counts: a person's, or else the status's. */
export function likelihoodOf(status: LeadStatus, probability: number | null): number {
  return probability ?? PROBABILITIES[status];
}

/** How far a status is: 1 is new, 6 won. A lost lead is as far as it was before, so it is 1 here. */
export function stageOf(status: LeadStatus): number {
  return status === "lost" ? 1 : LEAD_STATUSES.indexOf(status) + 1;
}

export function isOpen(status: LeadStatus): boolean {
  return status !== "won" && status !== "lost";
}

/** A value of a field that cannot be accepted. */
interface Fault {
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

/** What a lead is to hold, and what of it cannot be accepted, by field. */
export interface Accepted {
  readonly values: LeadValues;
  readonly faults: readonly Fault[];
}

export function newLead({ contactId, title, status: _, ...rest }: NewLeadFields): Accepted {
  const blank: LeadValues = {
    contactId,
    title,
    value: null,
    probability: null,
    expectedCloseAt: null,
    assignedUserId: null,
    source: null,
  };
  return applyPatch(blank, rest);
}

/** Applies a merge patch (RFC 7396): absent stays, null clears. */
export function applyPatch(before: LeadValues, patch: LeadPatch): Accepted {
  const { value: given, expectedCloseAt, ...rest } = patch;
  const named = Object.entries(rest).filter(([, value]) => value !== undefined);
  const { value, faults } = patchValue(before.value, given);
  return {
    values: {
      ...before,
      ...Object.fromEntries(named),
      value,
      ...(expectedCloseAt !== undefined && {
        expectedCloseAt: expectedCloseAt?.toISOString() ?? null,
      }),
    },
    faults,
  };
}

function patchValue(
  before: Money | null,
  given: LeadPatch["value"],
): { readonly value: Money | null; readonly faults: Fault[] } {
  if (given === undefined) return { value: before, faults: [] };
  if (given === null) return { value: null, faults: [] };
  const amount = given.amount ?? before?.amount;
  const currency = given.currency ?? before?.currency;
  if (amount !== undefined && currency !== undefined) {
    return { value: { amount, currency }, faults: [] };
  }
  const missing = amount === undefined ? ["amount"] : [];
  if (currency === undefined) missing.push("currency");
  const message = "is required: an amount is of a currency";
  return {
    value: null,
    faults: missing.map((part) => ({ path: `value.${part}`, code: "required", message })),
  };
}

/** What of a lead people fill in. */
export function valuesOf(from: Lead): LeadValues {
  const { contactId, title, value, expectedCloseAt, assignedUserId, source } = from;
  const probability = from.probabilitySetBy === "person" ? from.probability : null;
  return { contactId, title, value, probability, expectedCloseAt, assignedUserId, source };
}
