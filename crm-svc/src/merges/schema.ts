import { expectedVersion, id, text, timestamp } from "@crm/platform/input";
import { pageInput, pageOf } from "@crm/platform/pages";
import { z } from "zod";
import { contact } from "../contacts/schema.ts";

export type { Contact, ContactValues } from "../contacts/schema.ts";

/** Of one merge. */
const MAX_SOURCES = 20;

/** Fields that have one value each, so that somebody may have to choose. */
export const MERGED_FIELDS = [
  "firstName",
  "lastName",
  "email",
  "phone",
  "company",
  "title",
  "website",
  "address",
  "source",
  "lifecycleStage",
  "ownerUserId",
] as const;
/** Of one contact. */
export const MAX_TAGS = 50;
/** In front of the name of one of the tenant's own fields. */
export const CUSTOM = "custom.";

const field = text(60).refine(
  (name) => name.startsWith(CUSTOM) || MERGED_FIELDS.some((known) => known === name),
  `must be one of ${MERGED_FIELDS.join(", ")}, or ${CUSTOM} and the name of a field of your own`,
);

export const mergeInput = z
  .strictObject({
    id,
    sourceIds: z
      .array(id)
      .min(1, "must name one contact at least")
      .max(MAX_SOURCES, `must be at most ${MAX_SOURCES}`),
    choose: z.record(field, id).default({}),
    expectedVersion,
  })
  .superRefine(({ id: targetId, sourceIds, choose }, context) => {
    const fault = (path: (string | number)[], code: string, message: string): void =>
      context.addIssue({ code: "custom", path, message, params: { code } });
    const all = new Set([targetId]);
    for (const [at, sourceId] of sourceIds.entries()) {
      if (sourceId === targetId) {
        fault(["sourceIds", at], "is_target", "is the contact that is to remain");
      } else if (all.has(sourceId)) {
        fault(["sourceIds", at], "duplicate", "is there twice");
      }
      all.add(sourceId);
    }
    for (const [name, chosenId] of Object.entries(choose)) {
      if (all.has(chosenId)) continue;
      fault(["choose", name], "not_merged", "must be one of the contacts that are merged");
    }
  });

const moved = z.strictObject({
  interactions: z.int(),
  leads: z.int(),
  customers: z.int(),
});

export const merged = z.strictObject({ mergeId: z.uuid(), contact, moved });

export const undoInput = z.strictObject({ id });

export const undone = z.strictObject({
  mergeId: z.uuid(),
  contact,
  restored: z.strictObject({
    contactIds: z.array(z.uuid()),
    fields: z.array(z.string()),
    moved,
  }),
  kept: z.strictObject({
    fields: z.array(z.string()),
    interactionIds: z.array(z.uuid()),
    leadIds: z.array(z.uuid()),
    customerIds: z.array(z.uuid()),
  }),
});

export const listInput = z.strictObject({ id, ...pageInput });
export const merge = z.strictObject({
  id: z.uuid(),
  targetId: z.uuid(),
  sourceIds: z.array(z.uuid()),
  mergedBy: z.uuid().nullable(),
  mergedAt: timestamp,
  undoneAt: timestamp.nullable(),
});
export const mergePage = pageOf(merge);
export type Merge = z.output<typeof merge>;
